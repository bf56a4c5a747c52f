"""The emulated sign-in: codes that live three minutes, tokens that live ten, refresh tokens that are used once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import USERS, Answer, Request, encode

LIFE_S = 600
TOO_EARLY_S = 570
_CODE_LIFE_S = 180
_IDLE_S = 30 * 86_400
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class _Grant:
    """What a code, an access token or a refresh token stands for."""

    user: str
    issued_s: float
    used: bool = False
    access: str = ""
    """Of a refresh token: the access token that came with it."""


class TokenOffice:
    """Gives codes and tokens, and knows whose they are; times are seconds of the run."""

    def __init__(self, *key: object) -> None:
        """Open an office; what it gives to a user is drawn for the key and the count of what it gave before."""
        self._key = key
        self._given: Counter[str] = Counter()
        self._codes: dict[str, _Grant] = {}
        self._access: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}
        self._fixed = {self.fixed_token(user): user for user in USERS}
        self.client_id = _guid_of(draws.digest("client", *key).hex())
        self.client_secret = draws.letters(12, _LETTERS, "secret", *key)
        self.redirect_url = "https://localhost/talkqa"

    def fixed_token(self, user: str) -> str:
        """A token of the sandbox that lives until it is killed."""
        return f"gAAAAK{draws.letters(42, _LETTERS, 'bearer', *self._key, user)}"

    def first_refresh_token(self, user: str, now_s: float) -> str:
        """A refresh token as somebody who has signed in holds it."""
        return self._give(user, now_s)["refresh_token"]

    def user_of(self, token: str, now_s: float) -> str | None:
        """Whose token it is; None where it is dead or nobody's."""
        grant = self._access.get(token)
        if grant is not None and now_s < grant.issued_s + LIFE_S:
            return grant.user
        return self._fixed.get(token)

    def expire(self, token: str) -> None:
        """Make an access token dead; its refresh token gives another one at once."""
        self._access.pop(token, None)
        self._fixed.pop(token, None)

    def authorize(self, request: Request, now_s: float) -> Answer:
        """The page where a person consents: here the user named by `login_hint` does, at once."""
        asked = request.query
        user = asked.get("login_hint", USERS[0])
        wanted = {"client_id": self.client_id, "redirect_uri": self.redirect_url, "response_type": "code"}
        wrong = [name for name, value in wanted.items() if asked.get(name) != value]
        if wrong or user not in USERS:
            return _error(400, "invalid_request", f"{', '.join(wrong) or 'login_hint'} is not as registered")
        code = f"{self._draw('code', user)}!{self._draw('code', user)}"
        self._codes[code] = _Grant(user, now_s)
        state = f"&state={quote(asked['state'], safe='')}" if "state" in asked else ""
        return Answer(
            status=302, headers={"location": f"{self.redirect_url}?code={quote(code, safe='')}{state}"}, body=b""
        )

    def token(self, request: Request, now_s: float) -> Answer:
        """Tokens for a code or for a refresh token."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if request.method != "POST" or not request.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return _error(400, "invalid_request", "a form is expected")
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return _error(401, "invalid_client", "the client is not known")
        if form.get("grant_type") == "authorization_code":
            return self._for_code(form, now_s)
        if form.get("grant_type") == "refresh_token":
            return self._for_refresh_token(form.get("refresh_token", ""), now_s)
        return _error(400, "unsupported_grant_type", "only codes and refresh tokens are taken")

    def _for_code(self, form: Mapping[str, str], now_s: float) -> Answer:
        grant = self._codes.get(form.get("code", ""))
        if form.get("redirect_uri") != self.redirect_url:
            return _error(400, "invalid_request", "redirect_uri is not as registered")
        if grant is None or grant.used or now_s > grant.issued_s + _CODE_LIFE_S:
            return _error(400, "invalid_grant", "The code was used or has expired.")
        grant.used = True
        return _tokens(self._give(grant.user, now_s))

    def _for_refresh_token(self, sent: str, now_s: float) -> Answer:
        grant = self._refresh.get(sent)
        if grant is None:
            return _error(400, "invalid_grant", "The refresh token is not known.")
        if grant.used:
            return _error(401, "unauthorized_client", "Old refresh token used.")
        if now_s > grant.issued_s + _IDLE_S:
            return _error(
                400,
                "invalid_request",
                f"The refresh token expired at {grant.issued_s + _IDLE_S:.0f} and it is now {now_s:.0f}",
            )
        if now_s < grant.issued_s + TOO_EARLY_S and grant.access in self._access:
            return _error(401, "unauthorized_client", "access token not expired")
        grant.used = True
        return _tokens(self._give(grant.user, now_s))

    def _give(self, user: str, now_s: float) -> dict[str, str]:
        access = f"gAAAAK{self._draw('access', user)}"
        refresh = f"{self._draw('refresh', user)}!IAAA{self._draw('refresh', user)}"
        self._access[access] = _Grant(user, now_s)
        self._refresh[refresh] = _Grant(user, now_s, access=access)
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": str(LIFE_S),
            "refresh_token": refresh,
        }

    def _draw(self, what: str, user: str) -> str:
        self._given[user] += 1
        return draws.letters(24, _LETTERS, what, *self._key, user, self._given[user])


def _tokens(body: Mapping[str, str]) -> Answer:
    return Answer(body=encode(body), headers={"cache-control": "no-store"})


def _error(status: int, code: str, description: str) -> Answer:
    return Answer(status=status, body=encode({"error": code, "error_description": description}))


def _guid_of(raw: str) -> str:
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-8{raw[17:20]}-{raw[20:32]}"
