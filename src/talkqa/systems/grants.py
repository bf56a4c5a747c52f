"""Token endpoints of OAuth 2: one request, and a token or a refusal that says what to do.

Used by `auth` and `talkqa login`. Tokens are asked for through the httpx client that carries everything else, so that
budgets and recorders see it, and are told to nobody.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.model.errors import ApiRefused, ApiUnavailable, ConfigError
from talkqa.redaction.apply import redact_text
from talkqa.redaction.rules import Rules
from talkqa.systems.session import Body
from talkqa.systems.tokens import Token

JWT_LIFE_S = 120.0
"""How far ahead an assertion ends; three minutes are the most that Salesforce takes, and clocks differ."""
NOT_EXPIRED = "not expired"
"""What Exact Online says of an access token that is renewed too early."""

_TOKEN_PATHS: Mapping[str, str] = {
    "salesforce": "/services/oauth2/token",
    "exactonline": "/api/oauth2/token",
    "wave": "/oauth2/token/",  # with the slash
}
_AUTHORIZE_PATHS: Mapping[str, str] = {
    "salesforce": "/services/oauth2/authorize",
    "exactonline": "/api/oauth2/auth",
    "wave": "/oauth2/authorize/",
}
_OWN_PATHS: Mapping[str, str] = {"exactonline": "/api/v1/current/Me?$select=UserID"}
"""What every living token may read, whatever else its user may not."""
_SIGN_IN_HOSTS: Mapping[str, str] = {"gql.waveapps.com": "api.waveapps.com"}
"""Hosts whose tokens come from another one."""
_BAD_CLIENT = frozenset({"invalid_client", "invalid_client_id", "invalid_app_access"})


def token_url(account: Account, dialect: str) -> str:
    """Where tokens of an account come from.

    Raises:
        ConfigError: where neither the account nor the dialect says.
    """
    return account.auth.token_url or _sign_in_url(account, _TOKEN_PATHS.get(dialect), "token_url")


def authorize_url(account: Account, dialect: str) -> str:
    """Where a person lets an application in.

    Raises:
        ConfigError: where neither the account nor the dialect says.
    """
    return account.auth.authorize_url or _sign_in_url(account, _AUTHORIZE_PATHS.get(dialect), "authorize_url")


def _sign_in_url(account: Account, path: str | None, key: str) -> str:
    if path is None:
        raise ConfigError(f'talkqa.toml: [accounts."{account.system}"] auth.{key} is missing for {account.auth.kind}')
    parts = urlsplit(account.url)
    return f"{parts.scheme}://{_SIGN_IN_HOSTS.get(parts.netloc, parts.netloc)}{path}"


class TokenEndpoint:
    """Asks for the tokens of one account."""

    def __init__(
        self,
        account: Account,
        http: httpx.AsyncClient,
        *,
        dialect: str,
        stamp: Callable[[], datetime],
        timeout_s: float | None = 30.0,
    ) -> None:
        """Name the endpoint; nothing is sent.

        Args:
            account: Who asks.
            http: Carries the request.
            dialect: Of the system; decides on the default address.
            stamp: The run's clock, UTC.
            timeout_s: Seconds after which a request counts as unanswered; None where the transport sees to that.

        Raises:
            ConfigError: where the address is not known.
        """
        self._account = account
        self._http = http
        self._url = token_url(account, dialect)
        self._own_path = _OWN_PATHS.get(dialect)
        self._stamp = stamp
        self._timeout_s = timeout_s

    async def client_credentials(self) -> Token:
        """A token for the application itself; id and secret go into the header."""
        auth = self._account.auth
        pair = f"{quote(auth.client_id, safe='')}:{quote(auth.client_secret, safe='')}"
        header = f"Basic {base64.b64encode(pair.encode()).decode()}"
        form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
        return await self._ask(form, authorization=header, repeatable=True)

    async def jwt_bearer(self) -> Token:
        """A token for an assertion that we sign (RS256)."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self._assertion(),
            "scope": self._account.auth.scope,
        }
        return await self._ask(form, repeatable=True)

    async def refresh(self, refresh_token: str) -> Token:
        """A token for a refresh token, which may be spent by this even where no answer comes."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **self._client()}
        return await self._ask(form, repeatable=False)

    async def exchange(self, code: str, *, redirect_url: str, verifier: str = "") -> Token:
        """A token for the code that a login ended with.

        Args:
            code: Decoded; valid once and for some minutes.
            redirect_url: The one that the login was begun with.
            verifier: Of PKCE; empty without.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            **self._client(),
            "redirect_uri": redirect_url,
            "code_verifier": verifier,
        }
        return await self._ask(form, repeatable=False, also=(code, verifier))

    async def is_alive(self, token: Token) -> bool:
        """Whether the system still takes an access token; no where it has nothing that each token may read."""
        if self._own_path is None:
            return False
        parts = urlsplit(token.base_url or self._account.url)
        headers = {"accept": "application/json", "authorization": f"Bearer {token.access}"}
        url = f"{parts.scheme}://{parts.netloc}{self._own_path}"
        response = await self._send(httpx.Request("GET", url, headers=headers), b"", repeatable=True)
        return response.is_success

    def _client(self) -> dict[str, str]:
        auth = self._account.auth
        return {"client_id": auth.client_id, "client_secret": auth.client_secret, "redirect_uri": auth.redirect_url}

    def _assertion(self) -> str:
        import jwt  # noqa: PLC0415 - slow to import, and only this grant needs it

        auth = self._account.auth
        claims = {
            "iss": auth.client_id,
            "sub": auth.username,
            "aud": auth.audience or _audience(self._account.url),
            "exp": int((self._stamp() + timedelta(seconds=JWT_LIFE_S)).timestamp()),
        }
        try:
            return jwt.encode(claims, auth.private_key.replace("\\n", "\n"), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            # Not chained: what the library says of a key may quote it.
            raise ConfigError(
                f'talkqa.toml: [accounts."{self._account.system}"] auth.private_key is no RSA private key in PEM form'
            ) from None

    async def _ask(
        self, form: Mapping[str, str], *, repeatable: bool, authorization: str = "", also: tuple[str, ...] = ()
    ) -> Token:
        system = self._account.system
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if authorization:
            headers["authorization"] = authorization
        request = httpx.Request("POST", self._url, headers=headers, content=body)
        response = await self._send(request, body, repeatable=repeatable, also=also)
        answer = _parse(response)
        if response.status_code == 429 or response.status_code >= 500:
            raise ApiUnavailable(
                f"{system} gave no token at {self._url}: HTTP {response.status_code}; try again later",
                status=response.status_code,
                code="no-token",
            )
        if not response.is_success:
            raise self._refusal(response.status_code, answer, self._rules(*also, *form.values()))
        return self._token(answer)

    async def _send(
        self, request: httpx.Request, body: bytes, *, repeatable: bool, also: tuple[str, ...] = ()
    ) -> httpx.Response:
        system = self._account.system
        request.extensions[CALL] = CallMark(system=system, purpose=Purpose.SIGN_IN, repeatable=repeatable)
        request.stream = Body(body)
        try:
            with trio.fail_after(self._timeout_s) if self._timeout_s is not None else trio.CancelScope():
                return await self._http.send(request)
        except (trio.TooSlowError, httpx.HTTPError) as error:
            why = f"no answer within {self._timeout_s:g} s" if isinstance(error, trio.TooSlowError) else str(error)
            why = redact_text(why, self._rules(*also))
            raise ApiUnavailable(f"{system} gave no token at {self._url}: {why}", code="no-token") from error

    def _token(self, answer: Mapping[str, Any]) -> Token:
        system = self._account.system
        access = answer.get("access_token")
        if not isinstance(access, str) or not access:
            raise ApiUnavailable(
                f"{system} gave no token at {self._url}: the answer holds no access_token; check auth.token_url",
                code="no-token",
            )
        base_url = answer.get("instance_url")
        if isinstance(base_url, str) and self._url.startswith("https:") and not base_url.startswith("https:"):
            raise ApiRefused(
                f"{system} names {redact_text(base_url)} as its address, without encryption; check auth.token_url",
                code="unsafe-address",
            )
        refresh = answer.get("refresh_token")
        now = self._stamp()
        life_s = _seconds(answer.get("expires_in"))
        return Token(
            access=access,
            # Counted from when the answer came: for the system it is older, so a renewal is never too early.
            obtained=now,
            expires=now + timedelta(seconds=life_s) if life_s else None,
            refresh=refresh if isinstance(refresh, str) else "",
            base_url=base_url if isinstance(base_url, str) and base_url.startswith(("https://", "http://")) else "",
        )

    def _refusal(self, status: int, answer: Mapping[str, Any], rules: Rules) -> ApiRefused:
        error = answer.get("error")
        code = error if isinstance(error, str) and error else f"http-{status}"
        told = answer.get("error_description")
        described = redact_text(told[:300], rules) if isinstance(told, str) else ""
        code = redact_text(code[:80], rules)
        what = f"{code}: {described}" if described else code
        advice = self._advice(code, described)
        return ApiRefused(
            f"{self._account.system} refused to sign in (HTTP {status}, {what})\n  {advice}", status=status, code=code
        )

    def _advice(self, code: str, described: str) -> str:
        place = f'[accounts."{self._account.system}"] auth'
        login = f"run `talkqa login {self._account.system!r}`"
        kind = self._account.auth.kind
        if code in _BAD_CLIENT:
            return f"check client_id and client_secret of {place}"
        if NOT_EXPIRED in described.casefold():
            return "wait until the access token is over (10 minutes), and let all jobs share one token store"
        if kind == "jwt-bearer":
            return f"check username and audience of {place}, that the user is pre-authorised, and this machine's clock"
        if kind == "client-credentials":
            return f"check client_id and client_secret of {place}, and that the application may sign in by itself there"
        if kind == "refresh-token":
            return f"put a new refresh token into refresh_token of {place}, or {login}"
        return login

    def _rules(self, *also: str) -> Rules:
        return Rules(values=frozenset(value for value in (*self._account.auth.secrets, *also) if len(value) > 3))


def _audience(url: str) -> str:
    """Whom a Salesforce assertion is for: sandboxes sign in elsewhere."""
    host = urlsplit(url).netloc
    return "https://test.salesforce.com" if ".sandbox." in host or host.startswith("test.") else _PRODUCTION


_PRODUCTION = "https://login.salesforce.com"


def _parse(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: Any) -> float | None:
    """`expires_in`, which some systems write as text; None where it says nothing of use."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < 1e9 else None
