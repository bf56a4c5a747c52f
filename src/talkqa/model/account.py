"""How a system is reached: address, credentials, budget, and what a run may do there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

AUTH_KINDS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("username",),
    "bearer": ("token",),
    "api-key": ("token",),
    "client-credentials": ("client_id", "client_secret"),
    "jwt-bearer": ("client_id", "username", "private_key"),
    "refresh-token": ("client_id", "refresh_token"),
    "authorization-code": ("client_id",),
}
"""Kinds of credentials, each with what it cannot do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Credentials of one user; which keys count follows from `kind`."""

    kind: str = "none"
    """none, basic, bearer, api-key, client-credentials, jwt-bearer, refresh-token or authorization-code."""
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """Of bearer and api-key."""
    header: str = ""
    """Of api-key: the header that carries it (`X-Api-Key`)."""
    query: str = ""
    """Of api-key: the query parameter that carries it, where no header does."""
    token_url: str = ""
    """Of the OAuth 2 kinds; the dialect has a default for its own system."""
    authorize_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    """Of jwt-bearer: PEM."""
    audience: str = ""
    scope: str = ""
    redirect_url: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that nobody may see."""
        hidden = (self.password, self.token, self.client_secret, self.refresh_token, self.private_key)
        return tuple(value for value in hidden if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One system as one user, as configured for a run."""

    system: str
    """Canonical name."""
    url: str
    auth: Auth = field(default_factory=Auth)
    options: Mapping[str, str] = field(default_factory=dict)
    """What the dialect needs beyond these: `division` of Exact Online, `business` of Wave."""
    calls_per_minute: float | None = None
    """None: what the dialect knows of the vendor's limit."""
    calls_per_day: int | None = None
    concurrent: int | None = None
    poll_s: float | None = None
    """How often an observer asks; None for the run's own."""
    production: bool = False
    """Whether a system that looks like production may be written to."""
    allow: Mapping[str, int] = field(default_factory=dict)
    """Entities that are off by default, and how many records of each a run may create."""
    engine_user: str = ""
    """The sync engine's user, where known: it must be another one than ours."""
    missing: tuple[str, ...] = ()
    """What it needs and the environment does not hold, each as a message; until then it cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a system's vendor allows one account, as far as the dialect knows."""

    calls_per_minute: float | None = None
    calls_per_day: int | None = None
    concurrent: int = 8
    poll_s: float | None = None
    """How often an observer may ask without using up the day; None where that is no question."""
