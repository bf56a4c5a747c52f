"""Who may use an emulated REST API, in the way that its description names.

Used by the REST emulator. Every secret is drawn from the seed, so that equal runs sign alike.
"""

import base64
from collections.abc import Mapping
from urllib.parse import parse_qsl

from talkqa.model.account import Account, Auth
from talkqa.model.protocols import Clock
from talkqa.model.rest import RestAuth
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import USERS, Answer, Request, encode
from talkqa.sandbox.store import SystemStore

LIFETIME_S = 3600
"""How long a fetched token is good."""

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class Door:
    """Lets users of one system in."""

    def __init__(self, store: SystemStore, auth: RestAuth, clock: Clock, *, plain: bool) -> None:
        """Prepare the secrets.

        Args:
            store: Whose system.
            auth: What its description says.
            clock: Tokens end by it.
            plain: Whether a user's name is the bearer token, as in the generic dialect.
        """
        self._auth = auth
        self._clock = clock
        self._name = store.schema.name
        self._seed = store.seed
        self._secrets = {user: user if plain else self._draw("secret", user) for user in USERS}
        self._users = {secret: user for user, secret in self._secrets.items()}
        self._dead: set[str] = set()

    def account(self, base_url: str, user: str) -> Account:
        """How a user reaches the system, in the way that it prefers."""
        kind, secret = self._auth.kinds[0], self._secrets[user]
        auth = {
            "none": Auth(),
            "basic": Auth(kind=kind, username=user, password=secret),
            "bearer": Auth(kind=kind, token=secret),
            "api-key": Auth(kind=kind, token=secret, header=self._auth.header, query=self._auth.query),
            "client-credentials": Auth(
                kind=kind, client_id=user, client_secret=secret, token_url=base_url + self._auth.token_path
            ),
        }[kind]
        return Account(system=self._name, url=base_url, auth=auth)

    def user_of(self, request: Request) -> str | None:
        """Who asks; None for nobody we know."""
        kinds = self._auth.kinds
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        found: str | None = None
        if "bearer" in kinds and scheme == "Bearer":
            found = self._users.get(value)
        if found is None and "client-credentials" in kinds and scheme == "Bearer":
            found = self._user_of_token(value)
        if found is None and "basic" in kinds and scheme == "Basic":
            found = self._user_of_pair(value)
        if found is None and "api-key" in kinds:
            key = request.headers.get(self._auth.header.lower()) if self._auth.header else None
            found = self._users.get(key or request.query.get(self._auth.query, ""))
        return "" if found is None and "none" in kinds else found

    def answer_token(self, request: Request) -> Answer | None:
        """A token for client credentials (RFC 6749, 4.4); None where something else was asked for."""
        asked = request.method == "POST" and request.path == self._auth.token_path
        if not asked or "client-credentials" not in self._auth.kinds:
            return None
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return Answer(status=400, body=encode({"error": "unsupported_grant_type"}))
        user = self._user_of_client(form, request.headers.get("authorization", ""))
        if user is None:
            return Answer(status=401, body=encode({"error": "invalid_client"}))
        issued = f"{int(self._now_s())}.{len(self._dead)}"  # another one after each that was made dead
        token = f"{user}.{issued}.{self._draw('token', user, issued)}"
        return Answer(body=encode({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S}))

    def _user_of_client(self, form: Mapping[str, str], header: str) -> str | None:
        scheme, _, value = header.partition(" ")
        if scheme == "Basic":
            return self._user_of_pair(value)
        client = form.get("client_id", "")
        return client if client in USERS and form.get("client_secret") == self._secrets[client] else None

    def _user_of_pair(self, encoded: str) -> str | None:
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        return user if self._secrets.get(user) == password else None

    def expire(self, token: str) -> None:
        """Make a token dead."""
        self._dead.add(token)

    def _user_of_token(self, token: str) -> str | None:
        user, _, rest = token.partition(".")
        issued, _, mark = rest.rpartition(".")
        if user not in USERS or token in self._dead or mark != self._draw("token", user, issued):
            return None
        return user if self._now_s() < int(issued.partition(".")[0]) + LIFETIME_S else None

    def _now_s(self) -> float:
        return self._clock.stamp().timestamp()

    def _draw(self, *key: object) -> str:
        return draws.letters(24, _LETTERS, self._seed, self._name, "rest", *key)
