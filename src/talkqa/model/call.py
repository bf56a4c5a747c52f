"""What the transport is told of a request beyond HTTP: for whom it is made, what it is for, how its answer is built."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum

CALL = "talkqa"
"""Key of a `CallMark` in the extensions of an httpx request."""

ACTOR: ContextVar[str] = ContextVar("talkqa_actor", default="")
"""On whose behalf the running task speaks.

A check id, `heartbeat <flow id> <n>`, `control <flow id>`, `parent <entity>`, `describe`, `sweep`; empty for observers.
"""

SWEEP = "sweep"
"""The actor that removes what a run left."""
DESCRIBE = "describe"
"""The actor that asks what an entity looks like: the answer is everybody's, whoever asked first."""


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Let what is asked inside be asked on behalf of somebody."""
    token = ACTOR.set(actor)
    try:
        yield
    finally:
        ACTOR.reset(token)


class Purpose(IntEnum):
    """What a request is for; where calls are short, lower numbers go first."""

    SIGN_IN = 0
    WRITE = 1
    CONFIRM = 2
    """Reading back, second looks, describe."""
    POLL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PollShape:
    """Where the records are in the JSON answer to `what changed since`, so that answers can be cut and joined.

    A path is a tuple of keys of nested objects.
    """

    key: str
    """Of the poll, without its cursor and page: `SYSTEM/ENTITY`."""
    items: tuple[str, ...]
    """Path of the list of records in the body."""
    id: tuple[str, ...]
    """Path of the id in a record."""
    modified: tuple[str, ...] = ()
    """Path of the stamp of the last change in a record; empty where records have none."""
    last_page: tuple[tuple[tuple[str, ...], object], ...] = ()
    """Paths and values that make a body the last page (`(("done",), True)`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMark:
    """What rides on a request."""

    system: str
    purpose: Purpose
    actor: str = ""
    """See `ACTOR`."""
    repeatable: bool = False
    """Whether sending it twice does what sending it once does."""
    poll: PollShape | None = None
    judge: Callable[[int, bytes], bool | None] | None = None
    """Tells from status (400 and above) and decoded body what an answer is where its status alone does not.

    True: the call was not done and would be now, so it is sent again whatever it is. False: an answer, however broken
    it looks, and no hiccup. None: as the status says.
    """
