"""The authorization code flow of OAuth 2 (RFC 6749, 7636, 8252): a person lets an application in, once.

Used by `talkqa login`. What was begun is kept in the token store's folder, so that a machine without a browser can end
it in a second call.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from talkqa.model.account import Account
from talkqa.model.errors import ApiRefused, ConfigError
from talkqa.redaction.apply import redact_text
from talkqa.systems.grants import authorize_url

LOGIN_KINDS = frozenset({"authorization-code", "refresh-token"})
"""Kinds of credentials that a login can begin."""

_NO_PKCE = frozenset({"exactonline", "wave"})
"""Dialects whose systems do not speak of PKCE."""
_EXTRA: Mapping[str, Mapping[str, str]] = {"exactonline": {"force_login": "0"}}
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login that was begun."""

    url: str
    """Where the person goes."""
    redirect_url: str
    """Where the person ends."""
    state: str = field(repr=False)
    """Proves that the answer belongs to this login."""
    verifier: str = field(default="", repr=False)
    """Of PKCE; empty without."""

    @property
    def port(self) -> int | None:
        """The port of this machine that the person's browser calls in the end; None where it goes elsewhere."""
        parts = urlsplit(self.redirect_url)
        return parts.port if parts.scheme == "http" and parts.hostname in _LOOPBACK else None

    @property
    def path(self) -> str:
        """The path that it calls there."""
        return urlsplit(self.redirect_url).path or "/"


def begin_login(account: Account, dialect: str, *, port: int) -> Login:
    """Make up a login.

    Args:
        account: Whose application.
        dialect: Of the system; decides on the address and on PKCE.
        port: Of this machine, where the account names no redirect address.

    Raises:
        ConfigError: where it is not known where the person has to go.
    """
    redirect_url = account.auth.redirect_url or f"http://127.0.0.1:{port}/callback"
    state = secrets.token_urlsafe(24)
    verifier = "" if dialect in _NO_PKCE else secrets.token_urlsafe(48)
    asked = {
        "response_type": "code",
        "client_id": account.auth.client_id,
        "redirect_uri": redirect_url,
        "scope": account.auth.scope,
        "state": state,
        **_EXTRA.get(dialect, {}),
    }
    if verifier:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    base = authorize_url(account, dialect)
    query = urlencode({name: value for name, value in asked.items() if value})
    return Login(
        url=f"{base}{'&' if '?' in base else '?'}{query}", redirect_url=redirect_url, state=state, verifier=verifier
    )


def read_code(login: Login, address: str) -> str:
    """The code in the address that the browser ended at.

    Raises:
        ApiRefused: where the person or the system said no.
        ConfigError: where the address belongs to no login, or to another one.
    """
    try:
        query = parse_qs(urlsplit(address.strip()).query)
    except ValueError:
        query = {}
    told = {name: values[-1] for name, values in query.items()}
    if not secrets.compare_digest(told.get("state", "").encode(), login.state.encode()):
        raise ConfigError(
            "the address does not belong to the login that was begun last; paste all of it, as the browser shows it "
            "in the end, or begin again"
        )
    if "error" in told:
        described = redact_text(told.get("error_description", "")[:300])
        raise ApiRefused(
            f"the system did not let the application in: {redact_text(told['error'][:80])}"
            f"{': ' if described else ''}{described}",
            code=told["error"][:80],
        )
    if not told.get("code"):
        raise ConfigError("the address holds no code; paste all of it, as the browser shows it in the end")
    return told["code"]


def render_login(login: Login) -> bytes:
    """A login as kept until it is ended."""
    return json.dumps(asdict(login)).encode()


def parse_login(content: bytes) -> Login | None:
    """The login that was kept; None where it cannot be read."""
    try:
        kept: Any = json.loads(content)
        known = {name: kept[name] for name in ("url", "redirect_url", "state", "verifier")}
    except (ValueError, TypeError, KeyError):
        return None
    return Login(**known) if all(isinstance(value, str) for value in known.values()) and known["state"] else None
