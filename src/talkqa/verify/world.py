"""A world while it runs: its flows, its checks, and what its steps reach the systems by."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.places import find_place, find_sentence
from talkqa.model.check import Check, Depth
from talkqa.model.flow import EntityRef, Flow, Side
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.result import Event, GapSeen, RunFinished
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.systems.factory import unfilled_required
from talkqa.verify.access import Access
from talkqa.verify.beats import make_sender
from talkqa.verify.conduct import Conduct
from talkqa.verify.flowstate import FlowState
from talkqa.verify.safety import Permissions
from talkqa.verify.stillness import Stillness
from talkqa.verify.sweep import SweepResult

_STILL_WITHIN_S = 10.0
_MOMENT_S = 0.01


class VerifyWorld:
    """Used as `async with`; scenarios run inside, `close` sweeps before it is left."""

    def __init__(
        self,
        *,
        world: World,
        clients: Mapping[str, SystemClient],
        clock: Clock,
        settings: Settings,
        ledger_path: Path,
        emit: Callable[[Event], None],
        conduct: Conduct = Conduct(),  # noqa: B008 - frozen
    ) -> None:
        self.world = world
        self._conduct = conduct
        self.flows = world.flows
        self.running = world.running
        """Every flow that the engine runs, tested here or not."""
        self.clock = clock
        self._clients = clients
        self._settings = settings
        self._ledger_path = ledger_path
        self._emit = emit
        self._checks: dict[str, tuple[Check, str]] = {}
        self.stillness = Stillness()
        self._manager = trio.open_nursery()

    async def __aenter__(self) -> Self:
        self._nursery = nursery = await self._manager.__aenter__()
        try:
            self.access = Access(
                slug=self.world.slug,
                clients=self._clients,
                clock=self.clock,
                settings=self._settings,
                ledger_path=self._ledger_path,
                emit=self._emit,
                nursery=await nursery.start(_hold),
                permissions=Permissions(
                    self._settings.accounts,
                    {system: client.schema for system, client in self._clients.items()},
                    self._reachable(),
                    guarded=self._conduct.guarded,
                    used=self._conduct.used,
                ),
                conduct=self._conduct,
            )
            await self.access.prime(self._entities())
        except BaseException:
            nursery.cancel_scope.cancel()
            await self._manager.__aexit__(None, None, None)  # a nursery left open would break the whole loop
            raise
        states: dict[str, FlowState] = {}
        for flow in self._reachable():
            states[flow.id] = FlowState(self.access, flow, states, make_sender)
        for flow in self.flows:
            for check in derive_checks(flow, Depth.DEEP):
                grounded = replace(check, sentence=find_sentence(check, flow))
                self._checks[check.id] = (grounded, find_place(check, flow))
        self._states = states
        self._tell_gaps()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        try:
            return await self._manager.__aexit__(kind, error, trace)
        finally:
            self.access.ledger.close()  # last: a write under way notes what came of it

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        """Remove what the run left in the systems, as far as the ledger proves it ours."""
        await self._still()
        result = SweepResult(removed=0, left=())
        if self._conduct.sweeps:
            result = await self.access.clear(self._entities())
        return RunFinished(
            world=self.world.slug,
            interrupted=interrupted,
            end_s=self.clock.now(),
            wall_s=wall_s,
            swept=result.removed,
            left=result.left,
        )

    def _entities(self) -> list[EntityRef]:
        return [flow.entity(side) for flow in self._reachable() for side in Side]

    def _reachable(self) -> list[Flow]:
        """The flows that are tested, and every other one that runs between systems that are open here."""
        tested, there = {flow.id for flow in self.flows}, self._clients.keys()
        return [f for f in self.running if f.id in tested or {f.source.system, f.target.system} <= there]

    async def _still(self) -> None:
        """End observers and heartbeats: a beat under way would write what the sweep does not know of."""
        background = self.access.nursery
        background.cancel_scope.cancel()
        with trio.move_on_after(_STILL_WITHIN_S):
            while background.child_tasks:
                await self.clock.sleep(_MOMENT_S)

    def state(self, flow: Flow) -> FlowState:
        """The state of a flow of this world."""
        return self._states[flow.id]

    @property
    def check_ids(self) -> frozenset[str]:
        """Ids of all checks of the world, at any depth."""
        return frozenset(self._checks)

    def check(self, check_id: str) -> Check | None:
        """The check of that id; None for a scenario written by hand."""
        return self._checks[check_id][0] if check_id in self._checks else None

    def place(self, check_id: str) -> str:
        """`path:line` of the sentence or row that a check rests on; empty for a scenario written by hand."""
        return self._checks[check_id][1] if check_id in self._checks else ""

    def _tell_gaps(self) -> None:
        for diagnostic in self.world.diagnostics:
            self._emit(
                GapSeen(
                    flow_id=diagnostic.flow_id,
                    code=diagnostic.code,
                    severity=diagnostic.severity,
                    place=str(diagnostic.location),
                    message=diagnostic.message,
                    advice=diagnostic.advice,
                )
            )
        for flow in self.flows:
            client = self._clients.get(flow.target.system)
            target = client.schema.entity(flow.target.entity) if client else None
            for field in unfilled_required(flow, target) if target else ():
                self._emit(
                    GapSeen(
                        flow_id=flow.id,
                        code="required-unfilled",
                        severity="notice",
                        place=str(flow.rules[0].location) if flow.rules else "",
                        message=f"{flow.target.name} requires '{field.path}', and no documented property fills it",
                        advice="the sync engine must fill it from a link or a default; document which",
                    )
                )


async def _hold(task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Hold a nursery for what goes on beside the scenarios, so that it can be ended without ending them."""
    async with trio.open_nursery() as nursery:
        task_status.started(nursery)
        await trio.sleep_forever()
