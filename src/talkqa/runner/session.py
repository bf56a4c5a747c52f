"""One run in one process: its loops, worlds and bindings. pytest's thread alone calls it."""

import gc
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from math import inf
from pathlib import Path
from types import MappingProxyType

import trio

from talkqa.model.errors import TalkqaError
from talkqa.model.settings import Settings
from talkqa.runner.bare import SLUG as BARE_SLUG
from talkqa.runner.bare import BareStage
from talkqa.runner.bind import AheadBinding, Binding, PlacedBinding
from talkqa.runner.board import Board
from talkqa.runner.events import Redact
from talkqa.runner.live import LiveWorld, RunFacts, Slot
from talkqa.runner.loop import Loop
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.plans import CollectedScenario
from talkqa.runner.progress import Progress, WorldProgress
from talkqa.runner.schedule import FailureLimit, Window
from talkqa.runner.stage import Opening, OpenWorld, PreparedWorld, Stage
from talkqa.runner.vocabulary import Vocabulary

STOP_WITHIN_S = {False: 60.0, True: 0.5}
"""Real seconds that sweeping may take after a stop, by whether a person waits for the end (Ctrl-C)."""


async def run_ahead(batch: tuple[tuple[Slot, LiveWorld], ...], window: Window, limit: FailureLimit) -> None:
    """Let scenarios begin in order, each as soon as the window has a place; returns when their worlds are swept."""
    left: defaultdict[LiveWorld, int] = defaultdict(int)
    for _, live in batch:
        left[live] += 1
    async with trio.open_nursery() as nursery:
        for slot, live in batch:
            await window.enter(slot.order)
            if limit.admits(slot.order):
                nursery.start_soon(live.run)
                live.admit(slot, limit)
            left[live] -= 1
            if not left[live]:
                live.admit_no_more()


class RunSession:
    """The scenarios of this process from the first item's turn to the end of the session."""

    def __init__(
        self,
        *,
        facts: RunFacts,
        scenarios: Mapping[str, CollectedScenario],
        find_stage: Callable[[], Stage],
        vocabulary: Vocabulary,
        redact: Redact,
        progress: Progress,
        is_mine: Callable[[WorldFolder | None], bool] = lambda _: True,
        uncollected: Mapping[Path, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self.facts = facts
        self.board = Board()
        self._find_stage, self._vocabulary, self._redact = find_stage, vocabulary, redact
        self._stage: Stage | None = None
        self._progress = progress
        self._is_mine = is_mine
        self._uncollected = uncollected
        self._slots: dict[str, Slot] = {}
        self._ahead: set[str] = set()
        self._groups: defaultdict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, WorldFolder | None] = {}
        self._key_of: dict[str, str] = {}
        for order, (node, scenario) in enumerate(scenarios.items()):
            key = str(scenario.folder.path) if scenario.folder is not None else ""
            self._slots[node] = Slot(order=order, plan=scenario.plan)
            self._groups[key].append(node)
            self._folders[key] = scenario.folder
            self._key_of[node] = key
            if scenario.ahead and not facts.serial:
                self._ahead.add(node)
        self._waiting = [key for key in self._groups if is_mine(self._folders[key])]
        self._lives: dict[str, LiveWorld] = {}
        self._loops: dict[str, Loop] = {}
        self._reported: set[str] = set()
        self._unreported_in_place = Counter(self._key_of[node] for node in self._slots if node not in self._ahead)
        self._window = Window(None if facts.virtual else facts.settings.window)
        self._limit = FailureLimit(facts.max_failures)

    # the run as a whole
    def start(self, node: str) -> None:
        """Let the scenarios of this process run ahead; called at each item's turn, does something at the first.

        On a virtual clock it returns when they have run to their ends.
        """
        fresh, self._waiting = self._waiting, []
        key = self._key_of.get(node)
        if key is not None and key not in self._lives and key not in fresh:
            fresh.append(key)  # dealt to another worker that was lost
        if not fresh:
            return
        for new in fresh:
            self._lives[new] = self._make_live(new)
        try:
            for group in [[new] for new in fresh] if self.facts.virtual else [fresh]:
                self._start_group(group)
        finally:
            self._progress.rest()
        gc.freeze()  # outcomes, too, live to the end

    def binding(self, node: str) -> Binding | None:
        """An item's hold on its scenario; None for an item that is no scenario of ours."""
        slot = self._slots.get(node)
        if slot is None:
            return None
        live = self._lives[self._key_of[node]]
        loop = self._loop_of(self._key_of[node])
        look = self._look(live, loop)
        if node in self._ahead:
            return AheadBinding(slot.plan, self.board, look)
        loop.submit(live.run)
        return PlacedBinding(slot.plan, live, loop, self.board, look)

    def report(self, node: str) -> None:
        """Note that an item is through: its place in the window is free, its world may be at its end."""
        slot = self._slots.get(node)
        if slot is None or node in self._reported:
            return
        self._reported.add(node)
        key = self._key_of[node]
        loop = self._loops.get(key)
        if node in self._ahead:
            if loop is not None and not self.facts.virtual:
                loop.call_soon(self._window.report, slot.order)
            return
        self._unreported_in_place[key] -= 1
        if loop is not None and not self._unreported_in_place[key]:
            loop.call_soon(self._lives[key].release)

    def end(self, *, interrupted: bool) -> None:
        """End every world, swept; cancel what was not reported, and tell that it did not run.

        Args:
            interrupted: Whether a person waits for the end.
        """
        mine = [node for node in self._slots if self._key_of[node] in self._lives]
        stopped = interrupted or any(node not in self._reported for node in mine)
        # A sweep of real systems takes as long as their budgets let it; whoever cannot wait presses Ctrl-C.
        within_s = STOP_WITHIN_S[interrupted] if stopped or self.facts.virtual else inf
        if stopped:
            self._tell_all(lambda live: partial(live.stop, interrupted=interrupted))
        try:
            ended = self._wait_done(within_s)
        except KeyboardInterrupt:
            ended, interrupted = self._wait_done(STOP_WITHIN_S[True]), True
        if not ended:
            self._tell_all(lambda live: live.abandon)
            self._wait_done(0.2)
        for loop in self._loops.values():
            loop.stop(within_s=0.2)
        for key in self._groups:
            if key in self._lives or self._is_mine(self._folders[key]):
                live = self._lives.get(key) or self._make_live(key)
                loop_here = self._loops.get(key)
                failure = loop_here.failure if loop_here is not None and not stopped else None
                live.write_unrun(failure, stopped=stopped, interrupted=interrupted)
                if interrupted:
                    live.write_interrupted()
        self._progress.rest()

    # worlds and loops
    def _make_live(self, key: str) -> LiveWorld:
        slots = [self._slots[node] for node in self._groups[key]]
        stage, prepared = self._prepare(self._folders[key])
        return LiveWorld(
            prepared=prepared,
            stage=stage,
            facts=self.facts,
            board=self.board,
            vocabulary=self._vocabulary,
            redact=self._redact,
            ahead=tuple(slot for slot in slots if slot.plan.node in self._ahead),
            in_place=tuple(slot for slot in slots if slot.plan.node not in self._ahead),
            uncollected=self._uncollected.get(Path(key), ()),
        )

    def _prepare(self, folder: WorldFolder | None) -> tuple[Stage, PreparedWorld]:
        if folder is None:
            return BareStage(), PreparedWorld(slug=BARE_SLUG)
        if self._stage is None:
            self._stage = self._find_stage()
        try:
            return self._stage, self._stage.prepare(folder, self.facts.settings, self.facts.root)
        except TalkqaError as error:
            return _BrokenStage(error), PreparedWorld(slug=folder.slug, documents=folder.documents)

    def _start_group(self, keys: list[str]) -> None:
        lives = [self._lives[key] for key in keys]
        batch = tuple(sorted(((slot, live) for live in lives for slot in live.ahead), key=lambda pair: pair[0].order))
        if not batch:
            return
        loop = self._loop_of(keys[0])
        for key in keys:
            self._loops[key] = loop
        through = loop.submit(run_ahead, batch, self._window, self._limit)
        if self.facts.virtual:
            (live,) = lives
            reached = live.ahead_done if live.in_place else live.done
            # A world of which nothing may begin any more is never opened: then `through` alone tells.
            while loop.alive and not reached.wait(0.1) and not through.done():
                self._progress.look(_progress_of(live) for live in lives)
            if not live.in_place:
                loop.stop(within_s=1.0)

    def _loop_of(self, key: str) -> Loop:
        if key not in self._loops:
            started = tuple(self._loops.values())
            if self.facts.virtual or not started:
                loop = Loop(
                    virtual=self.facts.virtual,
                    seed=f"{self._lives[key].settings.seed}/{self._lives[key].prepared.slug}",
                )
                loop.start()
            else:  # on the real clock all worlds wait in one loop
                loop = started[0]
            self._loops[key] = loop
        return self._loops[key]

    def _tell_all(self, method: Callable[[LiveWorld], Callable[[], None]]) -> None:
        for key, loop in self._loops.items():
            if not self._lives[key].done.is_set():
                loop.call_soon(method(self._lives[key]))

    # waiting
    def _wait_done(self, within_s: float) -> bool:
        """Whether every world that was begun came to its end in time."""
        until = time.monotonic() + within_s
        for key, loop in self._loops.items():
            done = self._lives[key].done
            while loop.alive and not done.wait(0.05):
                if not self._lives[key].begun:
                    break
                if time.monotonic() > until:
                    return False
        return True

    def _look(self, live: LiveWorld, loop: Loop) -> Callable[[], None]:
        def look() -> None:
            failure = loop.failure
            if failure is not None and not live.done.is_set():
                raise failure
            running = (other for other in self._lives.values() if other.begun and not other.done.is_set())
            self._progress.look(_progress_of(other) for other in running)

        return look


class _BrokenStage:
    """Gives every scenario of a world that could not be read the reason for it."""

    def __init__(self, error: TalkqaError) -> None:
        self._error = error

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        del folder, settings, root
        raise self._error

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager[OpenWorld]:
        del prepared, opening
        raise self._error


def _progress_of(live: LiveWorld) -> WorldProgress:
    return WorldProgress(
        slug=live.prepared.slug,
        done=live.decided,
        total=len(live.ahead) + len(live.in_place),
        now_s=live.now_s,
    )
