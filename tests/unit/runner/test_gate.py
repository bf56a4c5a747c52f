"""When a gate lets through."""

import trio
import trio.testing

from talkqa.runner.gate import ScenarioGate
from tests.fakes.virtual import run_virtual


def test_time_stands_still_for_who_waits_at_a_shut_gate() -> None:
    """The engine's cycles do not pass while no scenario is under way."""

    async def story() -> list[str]:
        gate, seen = ScenarioGate(), []

        async def engine() -> None:
            while True:
                await gate.passed()
                seen.append(f"cycle at {trio.current_time():.0f}")
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine)
            await trio.testing.wait_all_tasks_blocked()
            seen.append("opens")
            with gate.held_open():
                await trio.sleep(1.5)
            seen.append("shut")
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(10)
            nursery.cancel_scope.cancel()
        return seen

    assert run_virtual(story) == ["opens", "cycle at 0", "cycle at 1", "shut"]


def test_the_gate_shuts_when_the_last_holder_leaves() -> None:
    async def story() -> tuple[bool, bool, bool]:
        gate = ScenarioGate()
        with gate.held_open():
            with gate.held_open():
                both = gate.is_open
            one = gate.is_open
        return both, one, gate.is_open

    assert run_virtual(story) == (True, True, False)


def test_a_gate_that_shut_again_before_a_waiter_came_to_run_holds_it() -> None:
    async def story() -> bool:
        gate = ScenarioGate()
        passed = False

        async def waiter() -> None:
            nonlocal passed
            await gate.passed()
            passed = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(waiter)
            await trio.testing.wait_all_tasks_blocked()
            with gate.held_open():
                pass
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return passed

    assert run_virtual(story) is False
