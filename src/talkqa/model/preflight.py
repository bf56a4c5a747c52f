"""What is found about an account before a run writes anything."""

from dataclasses import dataclass
from datetime import datetime

from talkqa.model.diagnostic import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who an account is, as the system tells."""

    user: str | None = None
    """As the system writes it into its modified-by fields; None where it does not tell."""
    name: str = ""
    """User name or e-mail, for people."""
    organisation: str = ""
    """Organisation, division or business that is reached."""
    production: bool | None = None
    """Whether it is a production system; None where the system does not tell."""
    server_time: datetime | None = None
    """The system's clock when it answered, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that doctor found, with what to do about it."""

    code: str
    """Stable, kebab-case: no-account, incomplete-account, unreachable, bad-login, missing-right, missing-entity,
    missing-field, read-only-field, unfillable-field, budget, clock-skew, wrong-organisation, same-user, production,
    licence."""
    severity: Severity
    system: str
    message: str
    """What was found, with what shows it."""
    advice: str
    """What to do."""
    entity: str | None = None
    field: str | None = None
