"""Who signs requests: fixed headers and parameters, or tokens that are fetched, kept and renewed.

Used by `connect`. However many tasks were refused with one token, one of them renews it; the others take what it got.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches

import httpx
import trio

from talkqa.model.account import AUTH_KINDS, Account
from talkqa.model.errors import ApiRefused, ConfigError
from talkqa.systems.grants import NOT_EXPIRED, TokenEndpoint
from talkqa.systems.session import Credentials, FixedCredentials
from talkqa.systems.tokens import Token, TokenStore, digest_of

_LEAST_AGE_S: Mapping[str, float] = {"exactonline": 570.0}
"""How old an access token must be before the system renews it."""
_KEPT_KINDS = frozenset({"refresh-token", "authorization-code"})
"""Kinds whose refresh token is spent by using it, so that the next one must be on disk."""

Grant = Callable[[Token | None], Awaitable[Token]]
"""From the newest token known to another one."""


def now_utc() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def make_credentials(
    account: Account,
    http: httpx.AsyncClient,
    *,
    dialect: str = "rest",
    store: TokenStore | None = None,
    stamp: Callable[[], datetime] = now_utc,
    timeout_s: float | None = 30.0,
) -> Credentials:
    """Who signs the requests of an account; nothing is sent.

    Args:
        account: Who asks, and how.
        http: Carries requests for tokens.
        dialect: Of the system; decides where tokens come from by default, and how early they may be renewed.
        store: Keeps tokens between runs; None where they live as long as the credentials.
        stamp: The run's clock, UTC; tokens expire by it.
        timeout_s: Of a request for a token; None where the transport sees to that itself.

    Raises:
        ConfigError: for an unknown kind, or where the kind lacks something.
    """
    check_account(account)
    auth = account.auth
    if auth.kind == "none":
        return FixedCredentials({})
    if auth.kind == "basic":
        pair = base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
        return FixedCredentials({"authorization": f"Basic {pair}"})
    if auth.kind == "bearer":
        return FixedCredentials({"authorization": f"Bearer {auth.token}"})
    if auth.kind == "api-key":
        if auth.header:
            return FixedCredentials({auth.header.casefold(): auth.token})
        return FixedCredentials({}, query={auth.query: auth.token})
    endpoint = TokenEndpoint(account, http, dialect=dialect, stamp=stamp, timeout_s=timeout_s)
    return TokenCredentials(
        account,
        endpoint,
        store=store if auth.kind in _KEPT_KINDS else None,
        stamp=stamp,
        least_age_s=_LEAST_AGE_S.get(dialect, 0.0),
    )


def check_account(account: Account) -> None:
    """See that an account can be used.

    Raises:
        ConfigError: for an unknown kind, where the kind lacks something, and where the environment does.
    """
    auth = account.auth
    place = f'talkqa.toml: [accounts."{account.system}"]'
    if account.missing:
        raise ConfigError("\n".join(account.missing))
    if auth.kind not in AUTH_KINDS:
        close = get_close_matches(auth.kind, AUTH_KINDS, n=1)
        hint = f", did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"{place} there is no kind of auth '{auth.kind}'{hint}\n  kinds are {', '.join(AUTH_KINDS)}")
    lacking = [name for name in AUTH_KINDS[auth.kind] if not getattr(auth, name)]
    if auth.kind == "api-key" and not auth.header and not auth.query:
        lacking.append("header (or query)")
    if lacking:
        raise ConfigError(f"{place} auth of kind '{auth.kind}' lacks {' and '.join(lacking)}")


class TokenCredentials:
    """Bearer tokens of one account."""

    def __init__(
        self,
        account: Account,
        endpoint: TokenEndpoint,
        *,
        store: TokenStore | None,
        stamp: Callable[[], datetime],
        least_age_s: float = 0.0,
    ) -> None:
        """Prepare to sign; nothing is sent or read.

        Args:
            account: Whose tokens.
            endpoint: Gives them.
            store: Keeps them between runs and shares them with other jobs; None for neither.
            stamp: The run's clock, UTC.
            least_age_s: Below this age the system does not renew a token.
        """
        self._account = account
        self._endpoint = endpoint
        self._store = store
        self._stamp = stamp
        self._least_age_s = least_age_s
        self._token: Token | None = None
        self._lock = trio.Lock()

    @property
    def base_url(self) -> str | None:
        """Where the token says that the system is; None where it does not say."""
        return (self._token.base_url or None) if self._token else None

    @property
    def query(self) -> Mapping[str, str]:
        """Tokens travel in the header."""
        return {}

    async def headers(self) -> Mapping[str, str]:
        """The header with the token; fetches one where there is none or it is over.

        Raises:
            ApiError: where the system does not let us in.
            ConfigError: where the token store cannot be used.
        """
        token = self._token
        if token is None or token.is_due(self._stamp()):
            async with self._lock:
                token = self._token
                if token is None or token.is_due(self._stamp()):
                    token = self._token = await self._obtain(rejected="")
        return _signed(token)

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        """Get another token in place of one that was answered with 401.

        A system with a least age is asked for another token early only where the one at hand is dead all the same.

        Returns:
            Whether there is another one.
        """
        async with self._lock:
            if self._token is not None and dict(_signed(self._token)) == dict(rejected):
                self._token = await self._obtain(rejected=self._token.access)
            return self._token is None or dict(_signed(self._token)) != dict(rejected)

    async def _obtain(self, rejected: str) -> Token:
        if self._store is None:
            return await self._ask(self._token or self._begun(None))
        stored = self._begun(self._store.read(self._account))
        if self._is_usable(stored, rejected):
            return stored
        async with self._store.locked(self._account):
            # Another job may have renewed it while we waited; nobody else does from here on.
            stored = self._begun(self._store.read(self._account))
            if self._is_usable(stored, rejected):
                return stored
            self._store.write(self._account, stored)  # a store that cannot be written must fail before a token is spent
            with trio.CancelScope(shield=True):  # a token that was spent and not kept ends the chain
                token = await self._ask(stored)
                self._store.write(self._account, token)
            return token

    def _is_usable(self, token: Token, rejected: str) -> bool:
        return token.access != rejected and not token.is_due(self._stamp())

    def _is_young(self, token: Token) -> bool:
        """Whether the system would refuse to renew it."""
        if not token.access or token.is_due(self._stamp()):
            return False
        return (self._stamp() - token.obtained).total_seconds() < self._least_age_s

    def _begun(self, stored: Token | None) -> Token:
        """The newest token known: what is stored, unless another refresh token was configured since."""
        configured = self._account.auth.refresh_token
        seed = digest_of(configured) if configured else ""
        if stored is not None and stored.seed in ("", seed):
            return stored
        return Token(access="", obtained=self._stamp(), refresh=configured, seed=seed)

    async def _ask(self, held: Token) -> Token:
        if self._is_young(held) and await self._endpoint.is_alive(held):
            return held
        kind = self._account.auth.kind
        if kind == "client-credentials":
            return await self._endpoint.client_credentials()
        if kind == "jwt-bearer":
            return await self._endpoint.jwt_bearer()
        if not held.refresh:
            raise ApiRefused(
                f"nobody has signed in to {self._account.system} yet\n  run `talkqa login {self._account.system!r}`",
                code="login-required",
            )
        try:
            token = await self._endpoint.refresh(held.refresh)
        except ApiRefused as error:
            if held.access and NOT_EXPIRED in str(error).casefold():
                return held  # by the system's clock it still lives
            raise
        # Not every system gives a new refresh token or says again where it is.
        return replace(
            token, refresh=token.refresh or held.refresh, base_url=token.base_url or held.base_url, seed=held.seed
        )


def _signed(token: Token) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token.access}"}
