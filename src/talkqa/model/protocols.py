"""The two seams of a run: how time passes and how a system is spoken to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, Record, Scalar
from talkqa.model.schema import EntitySchema, SystemSchema


class Clock(Protocol):
    """All waiting goes through it; virtual in the sandbox, real otherwise."""

    def now(self) -> float:
        """Seconds since the run began."""
        ...

    def stamp(self) -> datetime:
        """The run's epoch plus `now`, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock."""
        ...


class SystemClient(Protocol):
    """One system, as one user.

    Every method raises `ApiUnavailable` where no usable answer came, `FeatureMissing` where a licence lacks and
    `ApiRefused` where the system refuses what was said.
    """

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        ...

    async def describe(self, entity: str) -> EntitySchema:
        """What the entity looks like for this account right now."""
        ...

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record from dotted paths; returns it as the system stored it."""
        ...

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        ...

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored."""
        ...

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where the entity cannot be deleted; a record already gone is no error."""
        ...

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor; None asks for everything."""
        ...

    async def cursor_now(self, entity: str) -> str | None:
        """A cursor for changes from now on, for at most one call; None where everything has to be read for one."""
        ...

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value: the second look before `missing`."""
        ...

    async def identify(self) -> Identity:
        """Who this account is, as the system tells."""
        ...

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """What the vendor's own rules have to say about rights, licences and options, before anything is written."""
        ...


class Gate(Protocol):
    """Holds the reference engine while nothing waits for it, so that virtual time stands still meanwhile."""

    async def passed(self) -> None:
        """Return at once while the gate is open, else when it opens."""
        ...
