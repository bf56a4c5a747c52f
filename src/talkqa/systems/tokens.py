"""Tokens that outlive a run: one file an account in the user's state folder, shared by all jobs of the machine.

Used by `auth` and `talkqa login`. Files are owner-only and written whole or not at all; who is going to renew a token
holds the account's lock, so that jobs beside each other never spend the same refresh token.
"""

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiUnavailable, ConfigError

if TYPE_CHECKING:
    from filelock import BaseFileLock

STATE = "TALKQA_STATE"
"""Environment variable that names another state folder."""

_EARLY_S = 25.0
_EARLY_SHARE = 0.05
"""A token counts as over this long, or this share of its life, before its end: a request must arrive in time."""
_LOCK_S = 60.0
"""How long the lock of another job is waited for; a renewal takes a second or two."""
_LOCK_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token endpoint gave."""

    access: str = field(repr=False)
    """Empty where only a refresh token is known yet."""
    obtained: datetime
    """When it came, by our clock, UTC."""
    expires: datetime | None = None
    """None where the system does not tell: then it lives until it is refused."""
    refresh: str = field(default="", repr=False)
    base_url: str = ""
    """Where the system is, as the token's answer says."""
    seed: str = ""
    """Digest of the configured refresh token that the chain began with; empty where it began with a login."""

    def is_due(self, now: datetime) -> bool:
        """Whether another one is needed."""
        if not self.access:
            return True
        if self.expires is None:
            return False
        life_s = (self.expires - self.obtained).total_seconds()
        return now >= self.expires - timedelta(seconds=min(_EARLY_S, life_s * _EARLY_SHARE))


class TokenStore:
    """The tokens of all accounts of a user on this machine."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when the first token is kept."""
        self._folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> "TokenStore":
        """The store in the user's state folder, or where `TALKQA_STATE` says."""
        own = environ.get(STATE)
        if own:
            return cls(Path(own) / "tokens")
        import platformdirs  # noqa: PLC0415 - most runs keep no tokens

        return cls(platformdirs.user_state_path("talkqa") / "tokens")

    def path(self, account: Account) -> Path:
        """The file of an account: another one for each system, address, application and user."""
        auth = account.auth
        identity = "\0".join((account.system, account.url.rstrip("/"), auth.kind, auth.client_id, auth.username))
        name = re.sub(r"[^a-z0-9]+", "-", account.system.casefold()).strip("-") or "system"
        return self._folder / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"

    def read(self, account: Account) -> Token | None:
        """The newest token of an account; None where nobody has signed in yet.

        Raises:
            ConfigError: where the file cannot be read or holds no token.
        """
        path = self.path(account)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path}: the token cannot be read: {error.strerror or error}") from error
        try:
            return _parse(content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{path}: holds no token of {account.system}; delete it and run `talkqa login {account.system!r}`"
            ) from error

    def write(self, account: Account, token: Token) -> None:
        """Keep a token in place of the one before; on disk when this returns.

        Raises:
            ConfigError: where the folder cannot be written.
        """
        self._keep(self.path(account), _render(account, token))

    def begin(self, account: Account, login: bytes) -> None:
        """Keep a login that was begun, in place of the one before; raises as `write` does."""
        self._keep(self.path(account).with_suffix(".login"), login)

    def begun(self, account: Account) -> bytes:
        """The login that was begun last; empty where none was."""
        with suppress(OSError):
            return self.path(account).with_suffix(".login").read_bytes()
        return b""

    def end(self, account: Account) -> None:
        """Forget the login that was begun."""
        with suppress(OSError):
            self.path(account).with_suffix(".login").unlink()

    def _keep(self, path: Path, content: bytes) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, content)
        except OSError as error:
            raise ConfigError(
                f"{path}: the token cannot be kept: {error.strerror or error}; make the folder writable or name "
                f"another one in {STATE}"
            ) from error

    @asynccontextmanager
    async def locked(self, account: Account) -> AsyncIterator[None]:
        """Hold the account's lock, against other tasks, threads and processes.

        Raises:
            ApiUnavailable: where another job does not let go of it.
            ConfigError: where the folder cannot be written.
        """
        from filelock import FileLock  # noqa: PLC0415 - slow to import, and most runs keep no tokens

        path = self.path(account).with_suffix(".lock")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(path, mode=0o600, is_singleton=False)
            await _acquire(lock, account.system)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be locked: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()


def digest_of(secret: str) -> str:
    """What tells one secret from another without showing it."""
    return hashlib.sha256(b"talkqa seed\0" + secret.encode()).hexdigest()[:32]


async def _acquire(lock: "BaseFileLock", system: str) -> None:
    """Take a lock without ever blocking the loop: who holds it may be another task of it."""
    from filelock import Timeout  # noqa: PLC0415 - see above

    with trio.move_on_after(_LOCK_S):
        while True:
            with suppress(Timeout):
                lock.acquire(timeout=0)
                return
            await trio.sleep(_LOCK_POLL_S)
    raise ApiUnavailable(
        f"another job has been renewing the token of {system} for {_LOCK_S:g} s; end it, then try again",
        code="token-locked",
    )


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a temporary file is owner-only from its first byte."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(path)


def _render(account: Account, token: Token) -> bytes:
    kept = {
        "system": account.system,
        "url": account.url,
        "access": token.access,
        "refresh": token.refresh,
        "obtained": token.obtained.isoformat(),
        "expires": token.expires.isoformat() if token.expires else None,
        "base_url": token.base_url,
        "seed": token.seed,
    }
    return json.dumps(kept, ensure_ascii=False, indent=1).encode()


def _parse(content: bytes) -> Token:
    kept = json.loads(content)
    expires = kept["expires"]
    return Token(
        access=_text(kept["access"]),
        refresh=_text(kept["refresh"]),
        obtained=_stamp(kept["obtained"]),
        expires=_stamp(expires) if expires is not None else None,
        base_url=_text(kept["base_url"]),
        seed=_text(kept["seed"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _stamp(value: object) -> datetime:
    stamp = datetime.fromisoformat(_text(value))
    if stamp.tzinfo is None:
        raise ValueError
    return stamp
