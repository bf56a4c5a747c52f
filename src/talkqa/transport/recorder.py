"""Recording a world: every answer is kept as its client saw it, and written when the world has ended.

A recording transport sits between the session of a client and the live transport: a call that was sent several times is
one interaction, with the time that all of it took. Nothing is written before `Recorder.save`, so that a run that is
killed leaves the recording before it as it was; and what is written has passed `masking`.
"""

import secrets as randomness
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from talkqa.model.account import Account
from talkqa.model.call import SWEEP, CallMark
from talkqa.model.protocols import Clock
from talkqa.redaction.rules import Rules
from talkqa.transport.answers import Excerpt, nothing_of, reduce_foreign
from talkqa.transport.live import mark_of
from talkqa.transport.recording import RecordingFacts, Start, WorldRecording
from talkqa.transport.shelf import Saved, write_recording
from talkqa.transport.tape import IsOurs, Taken, Tape


class Recorder:
    """Records one world."""

    def __init__(
        self,
        folder: Path,
        *,
        facts: RecordingFacts,
        clock: Clock,
        is_ours: IsOurs,
        secrets: Iterable[str] = (),
        names: Iterable[str] = (),
        excerpt: Excerpt = nothing_of,
    ) -> None:
        """Prepare; nothing is written.

        Args:
            folder: The world's; see `shelf.world_folder`.
            facts: Which run it is.
            clock: The run's.
            is_ours: Asked of each record of a poll when the recording is saved, so that what a run learns late counts.
            secrets: Values to mask beyond those of the accounts.
            names: Names of headers, parameters and members whose values are secrets, beyond the usual ones.
            excerpt: Asked of each foreign record: what of it the run itself wrote.
        """
        self._excerpt = excerpt
        self._folder = folder
        self._facts = facts
        self._clock = clock
        self._is_ours = is_ours
        self._rules = Rules(names=frozenset(names), values=frozenset(value for value in secrets if value))
        self._tapes: dict[str, Tape] = {}
        self._starts: dict[str, Start] = {}
        self._notes: dict[str, list[Any]] = {}
        self._scene = _Scene()

    def transport(
        self, system: str, inner: httpx.AsyncBaseTransport, account: Account | None = None
    ) -> httpx.AsyncBaseTransport:
        """What records a system's calls on their way through `inner`; all of a system's transports share a cassette.

        Args:
            system: Canonical name.
            inner: The live transport.
            account: By which the system is reached: its secrets are masked, its path and options kept for replaying.
        """
        tape = self._tapes.get(system)
        if tape is None:
            tape = self._tapes[system] = Tape(system, self._rules)
        if account is not None:
            tape.learn_account(account)
        return _RecordingTransport(inner, tape, self._clock, self._scene)

    def learn_secrets(self, values: Iterable[str]) -> None:
        """Mask these values too; those of accounts, of signed requests and of sign-ins are known without this."""
        self._rules = Rules(names=self._rules.names, values=self._rules.values | frozenset(v for v in values if v))

    def note_start(self, check: str, at_s: float, digest: str = "") -> None:
        """Note that a scenario begins.

        Args:
            check: Its check's id.
            at_s: Seconds of the run's clock.
            digest: Of its steps; see `Start`.
        """
        self._starts[check] = Start(at_s=round(at_s, 6), digest=digest)

    def note(self, kind: str, content: Any) -> None:
        """Note something that scenarios learn from each other, to be known in a replay of few of them.

        Args:
            kind: What it is: `arrival`.
            content: A JSON value, without secrets.
        """
        self._notes.setdefault(kind, []).append(content)

    def save(self, *, complete: bool = True) -> Saved:
        """Write the recording in place of the one before it.

        Args:
            complete: False where the run was stopped before its end; replay says so.
        """
        learnt = self._rules.values.union(*(tape.masking.rules.values for tape in self._tapes.values()))
        # The key is forgotten after this: nobody can tell what a hash was made of.
        reduce = partial(reduce_foreign, key=randomness.token_bytes(32), excerpt=self._excerpt)
        systems = {}
        for system, tape in sorted(self._tapes.items()):
            tape.masking.secrets.learn_values(learnt)
            systems[system] = tape.recording(self._is_ours, reduce)
        notes = {kind: tuple(each) for kind, each in self._notes.items()}
        recording = WorldRecording(
            facts=self._facts, complete=complete, starts=dict(self._starts), systems=systems, notes=notes
        )
        return write_recording(self._folder, recording)


@dataclass(slots=True)
class _Scene:
    """What the transports of a world know together."""

    over: bool = False
    """Whether the sweep has begun: a replay removes nothing, and what is asked from then on is asked for the sweep."""


class _RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests on and keeps what came of them."""

    def __init__(self, inner: httpx.AsyncBaseTransport, tape: Tape, clock: Clock, scene: _Scene) -> None:
        self._scene = scene
        self._inner = inner
        self._tape = tape
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the transport within, its body read."""
        mark = mark_of(request)
        self._scene.over = self._scene.over or mark.actor == SWEEP
        if self._scene.over:
            return await self._inner.handle_async_request(request)
        asked_s = self._clock.now()
        try:
            response = await _read(await self._inner.handle_async_request(request), request)
        except Exception as error:
            self._take(mark, request, asked_s, None, f"{type(error).__name__}: {error}")
            raise
        except BaseException:
            if not self._tape.break_off(mark):
                self._take(mark, request, asked_s, None, "ReadTimeout: nobody waited for the answer any longer")
            raise
        self._take(mark, request, asked_s, response, "")
        return response

    async def aclose(self) -> None:
        """Close the transport within."""
        await self._inner.aclose()

    def _take(
        self, mark: CallMark, request: httpx.Request, asked_s: float, response: httpx.Response | None, error: str
    ) -> None:
        self._tape.take(
            Taken(
                mark=mark,
                request=request,
                asked_s=asked_s,
                answered_s=self._clock.now(),
                response=response,
                error=error,
            )
        )


async def _read(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """The answer as one piece, decoded."""
    try:
        content = await response.aread()
    finally:
        await response.aclose()
    coded = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in coded]
    return httpx.Response(response.status_code, headers=headers, content=content, request=request)
