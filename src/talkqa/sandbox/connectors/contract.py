"""What the reference engine asks of a system, whatever its dialect.

Used by the engine; one module beside this one speaks each dialect, with its own code for the wire format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from talkqa.model.errors import ApiError, ApiRefused
from talkqa.model.record import FieldValue
from talkqa.model.schema import SystemSchema

Values = dict[str, FieldValue]

USER = "engine"
"""Whom connectors act as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One version of a record as the engine read it."""

    id: str
    values: Mapping[str, FieldValue]
    modified: datetime | None
    deleted: bool
    etag: str | None
    """Names this version when it is written; None where the version came from a list."""
    body: Mapping[str, Any] = field(repr=False)
    """Equal for equal versions, from a list or alone."""
    asked_at: int
    """The engine's count of requests when this was asked for: orders overlapping answers."""
    known_at: int
    """The same count when the answer came."""


class WriteRefused(ApiRefused):
    """Raised where a system refused a write; `fields` are all that it named."""


class Outdated(ApiError):
    """Raised where a record was changed since the engine read it."""


class Gone(ApiError):
    """Raised where a record does not exist any more."""


class Connector(Protocol):
    """One system, as the engine's user."""

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like."""
        ...

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time.

        Raises:
            ApiUnavailable: for no answer, 429 and 5xx; so does every method.
        """
        ...

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        ...

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        ...

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        ...

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        ...

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none; the correct engine never does.

        Raises:
            Gone: where it does not exist any more.
            WriteRefused: where it must stay.
        """
        ...
