"""Who may ask: full-access tokens, and tokens of OAuth 2 that expire and are renewed.

Used by the emulator. Tokens are drawn from the seed, so that equal worlds have equal ones.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from talkqa.model.account import Account, Auth
from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import USERS, Answer, Request, encode
from talkqa.sandbox.store import SystemStore

LIFETIME_S = 7200
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SCOPE = "account:* business:read customer:* invoice:* product:* sales_tax:* user:read"


class Doorkeeper:
    """The tokens of one system."""

    def __init__(self, store: SystemStore, clock: Clock, business_id: str, *, rotates: bool) -> None:
        self._store = store
        self._clock = clock
        self._business_id = business_id
        self._rotates = rotates
        self._full = {self._draw("full", user): user for user in USERS}
        self._issued: dict[str, tuple[str, float]] = {}
        """Access token to its user and the moment it dies."""
        self._refresh = {self._draw("refresh", user, 0): user for user in USERS}
        self._codes = {self._draw("code", user): user for user in USERS}
        self._count = 0

    def _draw(self, *key: object) -> str:
        return draws.letters(30, _LETTERS, "wave", self._store.seed, self._store.schema.name, *key)

    def account(self, base_url: str, user: str) -> Account:
        """A full-access token: the simplest way in."""
        return Account(
            system=self._store.schema.name,
            url=base_url,
            auth=Auth(kind="bearer", token=self._draw("full", user)),
            options={"business": self._business_id},
        )

    def oauth_account(self, base_url: str, user: str) -> Account:
        """The same business through a refresh token."""
        return Account(
            system=self._store.schema.name,
            url=base_url,
            auth=Auth(
                kind="refresh-token",
                token_url=f"{base_url}/oauth2/token/",
                authorize_url=f"{base_url}/oauth2/authorize/",
                client_id=f"{user}-application",
                client_secret=self._draw("secret", user),
                refresh_token=self._draw("refresh", user, 0),
                redirect_url="https://localhost/back",
                scope=SCOPE,
            ),
            options={"business": self._business_id},
        )

    def expire(self, token: str) -> None:
        """Make a token of OAuth 2 dead; a full-access token lives for ever."""
        self._issued.pop(token, None)

    def user_of(self, request: Request) -> str | None:
        """Whose token a request carries; None for none, a wrong or a dead one."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.casefold() != "bearer":
            return None
        if token in self._full:
            return self._full[token]
        user, dies_s = self._issued.get(token, (None, 0.0))
        return user if self._clock.now() < dies_s else None

    def sign_in(self, request: Request) -> Answer | None:
        """The answer of the sign-in pages; None for another path. The slash at the end is needed."""
        if request.path == "/oauth2/token/" and request.method == "POST":
            return self._token(dict(parse_qsl(request.body.decode("utf-8", "replace"))))
        if request.path == "/oauth2/authorize/" and request.method == "GET":
            return self._authorize(request.query)
        return None

    def _authorize(self, query: Mapping[str, str]) -> Answer:
        user = query.get("client_id", "").removesuffix("-application")
        code = next((code for code, owner in self._codes.items() if owner == user), None)
        back = query.get("redirect_uri")
        if code is None or back is None or query.get("response_type") != "code":
            return _refuse("invalid_request")
        told = urlencode({"code": code, "state": query.get("state", "")})
        return Answer(status=302, headers={"location": f"{back}{'&' if '?' in back else '?'}{told}"})

    def _token(self, form: Mapping[str, str]) -> Answer:
        user = form.get("client_id", "").removesuffix("-application")
        if user not in USERS or form.get("client_secret") != self._draw("secret", user):
            return _refuse("invalid_client", status=401)
        kind = form.get("grant_type")
        if kind == "refresh_token":
            spent = form.get("refresh_token", "")
            if self._refresh.get(spent) != user:
                return _refuse("invalid_grant")
            if self._rotates:
                del self._refresh[spent]
        elif kind == "authorization_code":
            if self._codes.get(form.get("code", "")) != user or "redirect_uri" not in form:
                return _refuse("invalid_grant")
            spent = self._draw("refresh", user, 0)
        else:
            return _refuse("unsupported_grant_type")
        return Answer(body=encode(self._issue(user, spent)))

    def _issue(self, user: str, refresh: str) -> dict[str, object]:
        self._count += 1
        token = self._draw("access", user, self._count)
        self._issued[token] = (user, self._clock.now() + LIFETIME_S)
        if self._rotates:
            refresh = self._draw("refresh", user, self._count)
        self._refresh[refresh] = user
        return {
            "access_token": token,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
            "scope": SCOPE,
            "userId": self._draw("user", user),
            "businessId": self._business_id,
        }


def _refuse(error: str, status: int = 400) -> Answer:
    return Answer(status=status, body=encode({"error": error}))
