"""A world simulated without pytest: its whole checklist, chosen checks, and another engine than the sandbox's own."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio

from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Gate
from talkqa.model.result import Cause, Outcome
from talkqa.model.settings import SandboxSettings, Settings, Weather
from talkqa.model.world import World
from talkqa.runner import experiment
from talkqa.runner.experiment import Experiment, Laboratory
from talkqa.runner.simulation import Simulation, simulate
from talkqa.sandbox.world import SandboxWorld
from tests.fakes.flows import make_flow, make_row, make_world

FLOW = make_flow(rows=(make_row("name", "title"), make_row("nick", "alias")))
WORLD = make_world(FLOW)


def outcomes(told: Simulation) -> dict[str, Outcome]:
    return {check.removeprefix(f"{FLOW.id}/"): one.outcome for check, one in told.results.items()}


def test_every_check_ends_and_the_same_seed_ends_the_same(tmp_path: Path) -> None:
    first, second = (simulate(WORLD, Settings(), root=tmp_path, folder=tmp_path / str(n)) for n in range(2))
    assert outcomes(first)["created"] is Outcome.PASSED
    assert not {Outcome.FAILED, Outcome.LATE, Outcome.ERROR} & set(outcomes(first).values())
    assert first.results == second.results
    assert first.events == second.events
    assert first.finished.left == ()


def test_what_is_not_selected_is_not_performed(tmp_path: Path) -> None:
    told = simulate(
        WORLD, Settings(), root=tmp_path, folder=tmp_path, select=lambda check, _flow: check.name == "quiet"
    )
    assert set(outcomes(told)) == {"quiet"}


def test_another_engine_may_keep_the_systems_in_step(tmp_path: Path) -> None:
    """Here one that does nothing but listen: no check passes that needs an engine, and it hears of every change."""
    heard: list[tuple[str, str, str]] = []

    def make(sandbox: SandboxWorld) -> Callable[[Gate], Awaitable[NoReturn]]:
        assert [flow.id for flow in sandbox.flows] == [FLOW.id]
        assert set(sandbox.schemas) == set(sandbox.systems) == {"Bakery", "Web Shop"}
        assert sandbox.account("Bakery", "engine") != sandbox.account("Bakery")
        assert sandbox.transport("Bakery", "engine") is not sandbox.transport("Bakery")
        sandbox.listen(lambda *change: heard.append(change))

        async def run(gate: Gate) -> NoReturn:
            await gate.passed()
            await trio.sleep_forever()

        return run

    told = simulate(WORLD, Settings(), root=tmp_path, folder=tmp_path, engine=make)
    assert outcomes(told)["created"] is Outcome.LATE
    written = {entity for system, entity, _ in heard if system == "Bakery"}
    assert written == {"Customer"}
    assert all(record_id for *_, record_id in heard)


@pytest.mark.parametrize("weather", [Weather(), Weather(lost=0.3, failed=0.1, skew_s=8.0, engine_delay_s=5.0)])
def test_a_laboratory_tells_what_a_simulation_wrote(weather: Weather) -> None:
    laboratory = Laboratory((WORLD,), replace(Settings(), mode="live", record=True), Path())
    found = laboratory.perform(Experiment(world=WORLD.slug, seed=2, weather=weather, flow_id=FLOW.id))
    assert set(found.results) == set(laboratory.checks_of(Experiment(world=WORLD.slug, seed=2)))
    assert found.wrong() == ()
    assert 0 < found.records < found.writes
    assert found.left == ()


def test_a_system_that_never_answers_is_an_error_of_each_check_and_of_no_other_experiment() -> None:
    """Nothing asks it for the time in vain: what is wrong with it the checks themselves say."""
    laboratory = Laboratory((WORLD,), Settings(), Path())
    ill = Experiment(world=WORLD.slug, seed=2, weather=Weather(failed=1.0, skew_s=8.0))
    told, well = laboratory.perform_all([ill, replace(ill, weather=Weather())])
    assert set(told.results) == set(well.results) == set(laboratory.checks_of(ill))
    assert {(one.outcome, one.reason) for one in told.results.values()} == {(Outcome.ERROR, "api-unavailable")}
    assert well.wrong() == ()


def test_a_world_that_breaks_is_an_error_of_each_check_and_of_no_other_experiment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that a thousand simulations are not lost with one, and the one is told with what repeats it."""
    perform, laboratory = simulate, Laboratory((WORLD,), Settings(), Path())

    def break_once(world: World, settings: Settings, **rest: Any) -> Simulation:
        if settings.seed == 1:
            raise ExceptionGroup("tasks", [KeyError("oops")])
        return perform(world, settings, **rest)

    monkeypatch.setattr(experiment, "simulate", break_once)
    broken, well = laboratory.perform_all([Experiment(world=WORLD.slug, seed=seed) for seed in (1, 2)])
    assert {(one.outcome, one.reason, one.cause, one.message) for one in broken.results.values()} == {
        (Outcome.ERROR, "world-broke", Cause.HARNESS, "KeyError: 'oops'")
    }
    assert set(broken.wrong()) == set(broken.results.values())
    assert set(broken.results) == set(well.results)
    assert well.wrong() == ()


def test_settings_that_the_sandbox_cannot_do_end_a_campaign() -> None:
    laboratory = Laboratory((WORLD,), Settings(), Path())
    with pytest.raises(ConfigError, match="gremlin"):
        laboratory.perform(Experiment(world=WORLD.slug, seed=1, faults=("gremlin",)))


def test_a_laboratory_changes_what_an_experiment_names_and_nothing_else() -> None:
    """The licences, quirks and faults of the project's own settings do not leak into a fault's run by chance."""
    sandbox = SandboxSettings(quirks={"Salesforce.crlf": True}, licences_off=frozenset({"Salesforce.Quotes"}))
    laboratory = Laboratory((WORLD,), replace(Settings(), sandbox=sandbox), Path())
    settings = laboratory._settings_of(
        Experiment(
            world=WORLD.slug, seed=7, faults=("late",), quirks=(("Wave.lists-lag", True),), licences_off=("X.Y",)
        )
    )
    assert (settings.seed, settings.sandbox.faults) == (7, ("late",))
    assert settings.sandbox.quirks == {"Salesforce.crlf": True, "Wave.lists-lag": True}
    assert settings.sandbox.licences_off == {"Salesforce.Quotes", "X.Y"}
