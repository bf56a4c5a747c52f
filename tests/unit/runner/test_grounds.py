"""What a ground tells of the systems that stand on it."""

from functools import partial
from unittest.mock import create_autospec

from talkqa.model.account import Account
from talkqa.runner.connections import Meter
from talkqa.runner.grounds import _is_held_up
from talkqa.transport.budget import CallBudget
from talkqa.transport.live import LiveTransport
from tests.fakes.clock import FakeClock


def test_whose_limits_held_our_calls_up_is_asked_of_each_system_for_itself() -> None:
    """Anew each time: what is known when a world is opened is nothing."""
    clock, transport = FakeClock(), create_autospec(LiveTransport)
    budgets = {system: CallBudget(clock=clock, system=system) for system in ("Wave", "Exact Online")}
    meters = [Meter(account=Account(system=s, url="x"), budget=b, transport=transport) for s, b in budgets.items()]
    is_held_up = partial(_is_held_up, meters)
    assert not any(map(is_held_up, budgets))
    budgets["Wave"].held_up = True
    assert [system for system in (*budgets, "Nobody") if is_held_up(system)] == ["Wave"]
