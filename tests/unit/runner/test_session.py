"""A run in one process, driven as pytest drives it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from talkqa.model.errors import ApiUnavailable, CheckFailed, CheckUndecided, DocumentError, RunError, TalkqaError
from talkqa.model.result import (
    Cause,
    CheckFinished,
    CheckStarted,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    event_from_json,
)
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.runner.bind import Binding
from talkqa.runner.live import RunFacts
from talkqa.runner.loop import LoopStopped
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.plans import CollectedScenario
from talkqa.runner.progress import Progress
from talkqa.runner.session import RunSession
from talkqa.runner.vocabulary import AsyncStep, Scene, Vocabulary
from tests.fakes.stage import FakeStage

STEPS = (("Given", "the pair comes to rest"), ("Then", "the pair comes to rest"))
BROKEN = CheckFailed("lost", "it did not arrive")


class Play:
    """A session over scenarios of some worlds, and what pytest would see of them."""

    def __init__(
        self,
        tmp_path: Path,
        *nodes: str,
        stage: FakeStage | None = None,
        in_place: tuple[str, ...] = (),
        clock: str = "virtual",
        serial: bool = False,
        max_failures: int = 0,
        window: int = 200,
        mine: frozenset[str] | None = None,
        uncollected: Mapping[Path, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self.run_dir = tmp_path / "run"
        self.stage = stage or FakeStage()
        self.told: list[str] = []
        folders = {
            world: WorldFolder(path=tmp_path / world, slug=world, documents=(f"{world}.rst",), checks=())
            for world in {node.partition(":")[0] for node in nodes}
            if world
        }
        self.session = RunSession(
            facts=RunFacts(
                run_id="r1",
                run_dir=self.run_dir,
                root=tmp_path,
                settings=replace(Settings(), clock=clock, window=window),
                epoch=datetime(2030, 1, 1, tzinfo=UTC),
                serial=serial,
                max_failures=max_failures,
            ),
            scenarios={
                node: CollectedScenario(
                    plan=ScenarioPlan(check=node, name=node, node=node, steps=STEPS),
                    folder=folders.get(node.partition(":")[0]),
                    ahead=node not in in_place,
                )
                for node in nodes
            },
            find_stage=lambda: self.stage,
            vocabulary=Vocabulary(),
            redact=lambda event: event,
            progress=Progress(self.told.append),
            is_mine=lambda folder: mine is None or (folder.slug if folder else "") in mine,
            uncollected=uncollected,
        )

    def item(self, node: str) -> CheckFinished | str | None:
        """What an item's turn gives: its verdict, or what pytest would print of it."""
        self.session.start(node)
        try:
            binding = self.session.binding(node)
            assert binding is not None
            return self._through(binding)
        except (pytest.fail.Exception, pytest.skip.Exception) as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        finally:
            self.session.report(node)

    def _through(self, binding: Binding) -> CheckFinished | None:
        for index in range(len(STEPS)):
            binding.take(index)
        return binding.close(None)

    def events(self, world: str) -> list[Event]:
        lines = (self.run_dir / f"{world}.jsonl").read_text().splitlines()
        return [event_from_json(json.loads(line)) for line in lines]

    def outcomes(self, world: str) -> dict[str, tuple[Outcome, str]]:
        return {e.check: (e.outcome, e.reason) for e in self.events(world) if isinstance(e, CheckFinished)}

    def finished(self, world: str) -> RunFinished:
        last = self.events(world)[-1]
        assert isinstance(last, RunFinished)
        return last


PASSED = (Outcome.PASSED, "steps-passed")
STOPPED = (Outcome.NOT_RUN, "stopped")


@pytest.fixture(params=["virtual", "real"])
def clock(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both clocks; steps last no time, so that the real one does not either."""
    return request.param


def test_the_whole_selection_runs_before_the_first_item_reports(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", "a:2", "b:1")
    play.session.start("a:1")
    assert play.outcomes("a") == {"a:1": PASSED, "a:2": PASSED}
    assert play.outcomes("b") == {"b:1": PASSED}
    assert play.finished("b").swept == 1
    play.session.end(interrupted=False)


def test_each_item_takes_its_own_outcome(tmp_path: Path, clock: str) -> None:
    undecided = CheckUndecided("no-binding", "bind it")
    stage = FakeStage(step_s=0, raises={"a:2": (1, BROKEN), "a:3": (0, undecided)})
    play = Play(tmp_path, "a:1", "a:2", "a:3", "b:1", stage=stage, clock=clock)
    first = play.item("a:1")
    assert isinstance(first, CheckFinished)
    assert first.outcome is Outcome.PASSED
    assert play.item("a:2") == "Failed: failed: it did not arrive [lost]"
    assert play.item("a:3") == "Skipped: undecided: bind it [no-binding]"
    assert isinstance(play.item("b:1"), CheckFinished)
    play.session.end(interrupted=False)
    assert play.outcomes("a")["a:2"] == (Outcome.FAILED, "lost")
    assert not play.finished("a").interrupted


def test_events_tell_a_run_from_beginning_to_end(tmp_path: Path, clock: str) -> None:
    play = Play(tmp_path, "a:1", stage=FakeStage(step_s=0), clock=clock)
    play.item("a:1")
    play.session.end(interrupted=False)
    kinds = [type(event) for event in play.events("a")]
    assert kinds == [RunStarted, CheckStarted, CheckFinished, RunFinished]
    started = play.events("a")[0]
    assert isinstance(started, RunStarted)
    assert (started.run, started.documents) == ("r1", ("a.rst",))
    began = datetime.fromisoformat(started.epoch)
    if clock == "virtual":
        assert began == datetime(2030, 1, 1, tzinfo=UTC)
    else:  # when it opened: a world may wait long for its turn
        assert datetime.now(UTC) - began < timedelta(minutes=1)


@pytest.mark.parametrize("serial", [True, False])
def test_scenarios_in_place_run_when_their_turn_comes_and_time_stands_still_between(
    tmp_path: Path, clock: str, serial: bool
) -> None:
    step_s = 1.0 if clock == "virtual" else 0.0
    play = Play(
        tmp_path, "a:1", "a:2", "a:3", in_place=("a:2",), stage=FakeStage(step_s=step_s), clock=clock, serial=serial
    )
    outcomes = [play.item(node) for node in ("a:1", "a:2", "a:3")]
    play.session.end(interrupted=False)
    assert all(isinstance(one, CheckFinished) and one.outcome is Outcome.PASSED for one in outcomes)
    assert play.stage.seen.count("open a") == 1
    assert play.finished("a").swept == 3
    if clock == "virtual":
        assert play.finished("a").end_s == (6.0 if serial else 4.0)


def test_a_world_of_scenarios_in_place_opens_when_the_first_one_comes(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", "b:1", in_place=("b:1",))
    play.item("a:1")
    assert "open b" not in play.stage.seen
    play.item("b:1")
    play.session.end(interrupted=False)
    assert play.stage.seen[-1] == "closed b"


def test_a_step_that_fails_in_place_ends_its_item_alone(tmp_path: Path) -> None:
    stage = FakeStage(raises={"a:1": (0, BROKEN)})
    play = Play(tmp_path, "a:1", "a:2", stage=stage, serial=True)
    assert play.item("a:1") == "Failed: failed: it did not arrive [lost]"
    assert isinstance(play.item("a:2"), CheckFinished)
    play.session.end(interrupted=False)
    finished = next(e for e in play.events("a") if isinstance(e, CheckFinished))
    assert [step.outcome for step in finished.steps] == [Outcome.FAILED, Outcome.NOT_RUN]


def test_steps_that_pytest_runs_itself_are_part_of_the_verdict(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", "a:2", "a:3", in_place=("a:1", "a:2", "a:3"))
    for node, error in (("a:1", None), ("a:2", AssertionError("own words")), ("a:3", KeyError("typo"))):
        play.session.start(node)
        binding = play.session.binding(node)
        assert binding is not None
        binding.take(0)
        binding.told(1, error)
        binding.close(error)
        play.session.report(node)
    play.session.end(interrupted=False)
    outcomes = play.outcomes("a")
    assert outcomes == {
        "a:1": PASSED,
        "a:2": (Outcome.FAILED, "own-step-failed"),
        "a:3": (Outcome.ERROR, "step-raised"),
    }


def test_what_pytest_raises_in_an_own_step_is_understood(tmp_path: Path) -> None:
    skipped, failed = pytest.skip.Exception("not here"), pytest.fail.Exception("by hand")
    play = Play(tmp_path, "a:1", "a:2", in_place=("a:1", "a:2"))
    for node, error in (("a:1", skipped), ("a:2", failed)):
        play.session.start(node)
        binding = play.session.binding(node)
        assert binding is not None
        binding.close(error)
        play.session.report(node)
    play.session.end(interrupted=False)
    assert play.outcomes("a") == {
        "a:1": (Outcome.NOT_RUNNABLE, "own-step-skipped"),
        "a:2": (Outcome.FAILED, "own-step-failed"),
    }


def test_an_interruption_cancels_sweeps_and_tells_what_did_not_run(tmp_path: Path, clock: str) -> None:
    """Ctrl-C while pytest waits for a scenario that takes for ever."""
    stage = FakeStage(step_s=0, stuck=frozenset({"a:2"}))
    play = Play(tmp_path, "a:1", "a:2", "b:1", stage=stage, clock=clock, window=2)
    with pytest.MonkeyPatch.context() as patch:
        looks: list[int] = []

        def interrupt(_: object) -> None:
            looks.append(1)
            if len(looks) > 1:
                raise KeyboardInterrupt

        patch.setattr(play.session._progress, "look", interrupt)

        def play_all() -> None:
            play.item("a:1")
            play.item("a:2")

        with pytest.raises(KeyboardInterrupt):
            play_all()
        play.session.end(interrupted=True)
    assert play.outcomes("a") == {"a:1": PASSED, "a:2": STOPPED}
    assert play.finished("a").interrupted
    assert "sweep a" in stage.seen
    assert play.outcomes("b") in ({"b:1": STOPPED}, {"b:1": PASSED})
    assert play.finished("b").interrupted


def test_a_sweep_that_takes_too_long_after_an_interruption_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkqa.runner.session.STOP_WITHIN_S", {True: 0.1, False: 0.1})
    stage = FakeStage(step_s=0, sweep_s=1e6, stuck=frozenset({"a:1"}))
    play = Play(tmp_path, "a:1", stage=stage, clock="real")
    play.session.start("a:1")
    while "begin a:1" not in stage.seen:
        pass
    play.session.end(interrupted=True)
    assert play.finished("a").left == ("the sweep did not end; `talkqa sweep` finishes it",)
    assert play.outcomes("a") == {"a:1": STOPPED}


def test_a_stop_reports_nothing_more_and_is_no_interruption(tmp_path: Path, clock: str) -> None:
    """-x: pytest ends after the first failure; what stands behind it is cancelled."""
    stage = FakeStage(step_s=0, raises={"a:2": (0, BROKEN)}, stuck=frozenset({"a:3"}))
    play = Play(tmp_path, "a:1", "a:2", "a:3", "b:1", stage=stage, clock=clock, max_failures=1, window=3)
    assert isinstance(play.item("a:1"), CheckFinished)
    assert isinstance(play.item("a:2"), str)
    play.session.end(interrupted=False)
    assert play.outcomes("a") == {"a:1": PASSED, "a:2": (Outcome.FAILED, "lost"), "a:3": STOPPED}
    assert play.outcomes("b") == {"b:1": STOPPED}
    assert "begin b:1" not in stage.seen
    assert not play.finished("a").interrupted
    assert play.finished("a").swept >= 2


def test_on_the_real_clock_no_more_begins_than_the_window_allows(tmp_path: Path) -> None:
    stage = FakeStage(step_s=0)
    play = Play(tmp_path, *(f"a:{n}" for n in range(5)), stage=stage, clock="real", window=2)
    play.session.start("a:0")
    binding = play.session.binding("a:1")
    assert binding is not None
    binding.close(None)
    assert {f"begin a:{n}" for n in (2, 3, 4)}.isdisjoint(stage.seen)
    for n in range(5):
        assert isinstance(play.item(f"a:{n}"), CheckFinished)
    play.session.end(interrupted=False)


def test_a_world_that_cannot_be_read_or_opened_is_an_error_of_each_of_its_scenarios(tmp_path: Path) -> None:
    for number, (stage, cause, reason) in enumerate(
        (
            (FakeStage(unreadable=DocumentError("specs/a.rst: gone")), Cause.CONFIGURATION, "world-refused"),
            (FakeStage(unopenable=RunError("specs/a.rst: gone")), Cause.CONFIGURATION, "world-refused"),
            (FakeStage(unopenable=ApiUnavailable("specs/a.rst: gone")), Cause.API, "world-refused"),
            (FakeStage(unopenable=TalkqaError("specs/a.rst: gone")), Cause.HARNESS, "world-broke"),
        )
    ):
        play = Play(tmp_path / str(number), "a:1", "a:2", stage=stage, in_place=("a:2",))
        assert play.item("a:1") == f"Failed: error ({cause}): specs/a.rst: gone [{reason}]"
        assert play.item("a:2") == "Failed: error: the world a is not running: specs/a.rst: gone"
        play.session.end(interrupted=False)
        assert {reason for _, reason in play.outcomes("a").values()} == {reason}
        assert {e.cause for e in play.events("a") if isinstance(e, CheckFinished)} == {cause}


def test_what_kept_a_world_from_opening_is_printed_once(tmp_path: Path) -> None:
    """One failure; the others are skipped with the same words, and are errors in the results like the first."""
    play = Play(tmp_path, "a:1", "a:2", "a:3", stage=FakeStage(unopenable=RunError("Wave looks like production")))
    assert [play.item(f"a:{n}") for n in (1, 2, 3)] == [
        "Failed: error (configuration): Wave looks like production [world-refused]",
        "Skipped: error: Wave looks like production [world-refused]",
        "Skipped: error: Wave looks like production [world-refused]",
    ]
    play.session.end(interrupted=False)
    assert [outcome for outcome, _ in play.outcomes("a").values()] == [Outcome.ERROR] * 3


def test_an_engine_that_falls_over_is_an_error_of_what_was_under_way(tmp_path: Path) -> None:
    stage = FakeStage(step_s=10, crash_after_s=15)
    play = Play(tmp_path, "a:1", stage=stage)
    assert play.item("a:1") == "Failed: error (harness): OSError: the engine fell over [world-broke]"
    play.session.end(interrupted=False)
    finished = next(e for e in play.events("a") if isinstance(e, CheckFinished))
    assert [step.outcome for step in finished.steps] == [Outcome.PASSED, Outcome.NOT_RUN]
    assert play.finished("a").swept == 1


def test_an_engine_that_falls_over_under_a_scenario_in_place_ends_its_step(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", stage=FakeStage(step_s=10, crash_after_s=15), serial=True)
    said = play.item("a:1")
    assert isinstance(said, str)
    assert "the engine fell over" in said
    play.session.end(interrupted=False)
    assert play.outcomes("a")["a:1"][0] is Outcome.ERROR


def test_a_sweep_that_fails_is_told_and_takes_no_verdict_back(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", stage=FakeStage(unsweepable=TalkqaError("no")))
    assert isinstance(play.item("a:1"), CheckFinished)
    play.session.end(interrupted=False)
    assert play.outcomes("a") == {"a:1": PASSED}
    assert play.finished("a").left


def test_a_crash_of_the_loop_is_an_error_of_each_item_and_never_a_hang(tmp_path: Path, clock: str) -> None:
    def crash() -> None:
        raise MemoryError("gone")

    stage = FakeStage(step_s=0, stuck=frozenset({"a:1"}))
    play = Play(tmp_path, "a:1", "a:2", stage=stage, clock=clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            play.session._progress, "look", lambda _: [loop.call_soon(crash) for loop in play.session._loops.values()]
        )
        said = play.item("a:1")
    assert isinstance(said, str)
    assert said.startswith("Failed: error")
    play.session.end(interrupted=False)
    assert play.outcomes("a")["a:1"][0] is Outcome.ERROR


def test_a_worker_runs_its_share_and_what_it_is_given_beyond(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", "b:1", "c:1", mine=frozenset({"a"}))
    assert isinstance(play.item("a:1"), CheckFinished)
    assert "open b" not in play.stage.seen
    assert isinstance(play.item("b:1"), CheckFinished)
    play.session.end(interrupted=False)
    assert sorted(path.name for path in play.run_dir.glob("*.jsonl")) == ["a.jsonl", "b.jsonl"]


def test_scenarios_that_pytest_skipped_are_told_as_not_run(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", "b:1", in_place=("a:1",))
    play.session.start("a:1")
    play.session.report("a:1")
    play.item("b:1")
    play.session.end(interrupted=False)
    assert play.outcomes("a") == {"a:1": (Outcome.NOT_RUN, "skipped")}
    assert not play.finished("a").interrupted


def test_checks_that_became_no_item_are_told(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", uncollected={tmp_path / "a": ("a:lost",)})
    play.item("a:1")
    play.session.end(interrupted=False)
    assert play.outcomes("a")["a:lost"] == (Outcome.NOT_RUN, "not-collected")


def test_outside_every_world_a_project_s_own_steps_run(tmp_path: Path) -> None:
    async def wait(scene: Scene) -> None:
        await scene.clock.sleep(5)

    play = Play(tmp_path, ":1")
    play.session._vocabulary.replace_own([AsyncStep("the pair comes to rest", wait)])
    finished = play.item(":1")
    assert isinstance(finished, CheckFinished)
    assert finished.end_s == 10
    play.session.end(interrupted=False)
    assert play.outcomes("manual") == {":1": PASSED}


def test_an_item_that_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1")
    play.session.start("other")
    assert play.session.binding("other") is None
    play.session.report("other")
    assert isinstance(play.item("a:1"), CheckFinished)
    play.session.end(interrupted=False)


def test_a_session_that_never_began_leaves_its_scenarios_not_run(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1")
    play.session.end(interrupted=True)
    assert play.outcomes("a") == {"a:1": STOPPED}


def test_equal_seeds_give_equal_events(tmp_path: Path) -> None:
    def run(folder: Path) -> list[Event]:
        play = Play(folder, *(f"a:{n}" for n in range(20)))
        play.session.start("a:0")
        play.session.end(interrupted=False)
        return play.events("a")[:-1]

    assert run(tmp_path / "x") == run(tmp_path / "y")


def test_a_defect_of_one_scenario_is_not_the_world_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Vocabulary.own

    def broken(self: Vocabulary, text: str) -> AsyncStep | None:
        if text == "broken":
            raise ZeroDivisionError
        return real(self, text)

    monkeypatch.setattr(Vocabulary, "own", broken)
    play = Play(tmp_path, "a:1", "a:2")
    slot = play.session._slots["a:1"]
    play.session._slots["a:1"] = replace(slot, plan=replace(slot.plan, steps=(("When", "broken"),)))
    said = play.item("a:1")
    assert said == "Failed: error (harness): ZeroDivisionError: [harness-bug]" or "harness-bug" in str(said)
    assert isinstance(play.item("a:2"), CheckFinished)
    play.session.end(interrupted=False)


def test_loops_that_ended_say_so(tmp_path: Path) -> None:
    play = Play(tmp_path, "a:1", serial=True)
    play.session.start("a:1")
    binding = play.session.binding("a:1")
    assert binding is not None
    for loop in play.session._loops.values():
        assert loop.stop(within_s=5)
        assert isinstance(loop.failure, LoopStopped)
    with pytest.raises(pytest.fail.Exception, match="was stopped before this was done"):
        binding.take(0)
    play.session.end(interrupted=False)
