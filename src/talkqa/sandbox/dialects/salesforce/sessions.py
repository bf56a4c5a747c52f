"""Signing in: the token endpoint with its three grants, and the sessions that it opens."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from talkqa.model.account import Account, Auth
from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import USERS, Answer, Request, encode
from talkqa.sandbox.dialects.salesforce.ids import ALPHABET, make_id

LIFE_S = 7200.0
"""How long an unused session lives; use prolongs it."""
SHORT_LIFE_S = 60.0
"""How long a session lives where sessions are short, however much it is used."""
ASSERTION_S = 180.0
"""How far ahead an assertion may end."""
LEEWAY_S = 5.0
"""By how much clocks may differ."""
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


@dataclass(slots=True)
class _Session:
    user: str
    opened_s: float
    used_s: float


class _Unsigned(Exception):
    """Raised where the token endpoint gives no token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


class Sessions:
    """Who may sign in, and who has."""

    def __init__(self, seed: int, clock: Clock, system: str, *, short: bool, rotating: bool) -> None:
        self._seed = seed
        self._clock = clock
        self._system = system
        self._short = short
        self._rotating = rotating
        self._sessions: dict[str, _Session] = {}
        self._opened: dict[str, int] = dict.fromkeys(USERS, 0)
        self._rotated: dict[str, int] = dict.fromkeys(USERS, 0)

    def account(self, base_url: str, user: str) -> Account:
        """How a user signs in: as an application of its own."""
        auth = Auth(
            kind="client-credentials",
            token_url=f"{base_url}/services/oauth2/token",
            client_id=self.client_id(user),
            client_secret=self._secret(user),
        )
        return Account(system=self._system, url=base_url, auth=auth)

    def client_id(self, user: str) -> str:
        """The consumer key of a user's application."""
        return f"3MVG9{draws.letters(20, ALPHABET, 'consumer', self._seed, user)}.{user}"

    def user_name(self, user: str) -> str:
        """What a user signs in as."""
        return f"{user}@talkqa.example"

    def refresh_token(self, user: str) -> str:
        """The refresh token of a user that is valid now."""
        drawn = draws.letters(40, ALPHABET, "refresh", self._seed, user, self._rotated[user])
        return f"5Aep861{drawn}"

    def user_of(self, authorization: str) -> str | None:
        """The user whose live session signed a request; None where there is none."""
        scheme, _, token = authorization.partition(" ")
        session = self._sessions.get(token.strip()) if scheme.casefold() in ("bearer", "oauth") else None
        if session is None:
            return None
        now_s = self._clock.now()
        if now_s >= (session.opened_s + SHORT_LIFE_S if self._short else session.used_s + LIFE_S):
            return None
        session.used_s = now_s
        return session.user

    def end(self, token: str) -> None:
        """End one session: its token is dead from now on."""
        self._sessions.pop(token, None)

    def end_all(self) -> None:
        """End every session at once: each token is dead from now on."""
        self._sessions.clear()

    def answer(self, request: Request) -> Answer:
        """The answer of the token endpoint."""
        try:
            form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
            user = self._user_for(form, request)
        except _Unsigned as error:
            body = {"error": error.error, "error_description": error.description}
            return Answer(status=400, body=encode(body))
        told = {
            "access_token": self._open(user),
            "signature": base64.b64encode(draws.digest("signature", self._seed, user, size_bytes=32)).decode(),
            "scope": "api",
            "instance_url": request.base_url,
            "id": f"https://test.salesforce.com/id/{self.organisation}/{self.user_id(user)}",
            "token_type": "Bearer",
            "issued_at": str(int(self._clock.stamp().timestamp() * 1000)),
        }
        if form.get("grant_type") == "refresh_token" and self._rotating:
            told["refresh_token"] = self.refresh_token(user)
        return Answer(body=encode(told), content_type="application/json;charset=UTF-8")

    @property
    def organisation(self) -> str:
        """The id of the organisation."""
        return make_id(self._seed, "Organization", 1)

    def user_id(self, user: str) -> str:
        """The id of a user's record."""
        return make_id(self._seed, "User", USERS.index(user) + 1) if user in USERS else ""

    def _user_for(self, form: Mapping[str, str], request: Request) -> str:
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            host = request.base_url.partition("://")[2].casefold()
            if host in ("login.salesforce.com", "test.salesforce.com"):
                raise _Unsigned("invalid_grant", "request not supported on this domain")
            return self._application(*_client_of(form, request))
        if grant == "refresh_token":
            return self._refresh(form, request)
        if grant == _JWT:
            return self._assert(form.get("assertion", ""))
        raise _Unsigned("unsupported_grant_type", "grant type not supported")

    def _application(self, client_id: str, secret: str) -> str:
        user = next((one for one in USERS if self.client_id(one) == client_id), None)
        if user is None:
            raise _Unsigned("invalid_client_id", "client identifier invalid")
        if secret != self._secret(user):
            raise _Unsigned("invalid_client", "invalid client credentials")
        return user

    def _refresh(self, form: Mapping[str, str], request: Request) -> str:
        user = self._application(*_client_of(form, request))
        if form.get("refresh_token") != self.refresh_token(user):
            if self._rotating:  # a token used twice may have been stolen: everything ends
                self._rotated[user] += 1
                self._close(user)
            raise _Unsigned("invalid_grant", "expired access/refresh token")
        if self._rotating:
            self._rotated[user] += 1
        return user

    def _assert(self, assertion: str) -> str:
        claims = _claims(assertion)
        user = next((one for one in USERS if self.client_id(one) == claims.get("iss")), None)
        if user is None:
            raise _Unsigned("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != self.user_name(user):
            raise _Unsigned("invalid_grant", "user hasn't approved this consumer")
        if claims.get("aud") not in _AUDIENCES:
            raise _Unsigned("invalid_grant", "audience is invalid")
        now = self._clock.stamp().timestamp()
        if not now - LEEWAY_S < _end_of(claims) <= now + ASSERTION_S + LEEWAY_S:
            raise _Unsigned("invalid_grant", "assertion is expired, or ends more than 3 minutes ahead")
        return user

    def _open(self, user: str) -> str:
        """The token of a live session, or that of a new one."""
        token = self._token(user)
        if self.user_of(f"Bearer {token}") is None:
            self._opened[user] += 1
            token = self._token(user)
            self._sessions[token] = _Session(user=user, opened_s=self._clock.now(), used_s=self._clock.now())
        return token

    def _close(self, user: str) -> None:
        self._sessions = {token: session for token, session in self._sessions.items() if session.user != user}

    def _token(self, user: str) -> str:
        drawn = draws.letters(60, ALPHABET, "session", self._seed, self._system, user, self._opened[user])
        return f"{self.organisation[:15]}!AQ{drawn}"

    def _secret(self, user: str) -> str:
        return draws.digest("consumer secret", self._seed, self._system, user, size_bytes=32).hex().upper()


def _client_of(form: Mapping[str, str], request: Request) -> tuple[str, str]:
    """Consumer key and secret from the header, or from the form."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        pair = base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _Unsigned("invalid_client", "invalid client credentials") from None
    client_id, _, secret = pair.partition(":")
    return unquote(client_id), unquote(secret)


def _claims(assertion: str) -> dict[str, Any]:
    """The claims of an assertion; its signature is not looked at, for nobody has uploaded a certificate here."""
    parts = assertion.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, RecursionError):
        header = claims = None
    signed = len(parts) == 3 and bool(parts[2])
    if signed and isinstance(header, dict) and header.get("alg") == "RS256" and isinstance(claims, dict):
        return claims
    raise _Unsigned("invalid_grant", "invalid assertion")


def _end_of(claims: Mapping[str, Any]) -> float:
    """When an assertion ends, in seconds; clients write a number or its digits. 0 for anything else."""
    ends = claims.get("exp")
    if isinstance(ends, str):
        return float(ends) if ends.isascii() and ends.isdecimal() else 0.0
    return float(ends) if isinstance(ends, int | float) and not isinstance(ends, bool) else 0.0
