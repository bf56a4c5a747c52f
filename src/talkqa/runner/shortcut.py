"""Calls a scenario that runs ahead without pytest-bdd's search for step definitions.

pytest-bdd (9.0) asks every fixture of the session for each step, which takes longer than everything else that pytest
does for such an item. Of a scenario that runs ahead the definitions are known: they are ours. Its hooks are called all
the same, so that reporters and a project's own hooks see what they always see.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_bdd.parser import Scenario, ScenarioTemplate

from talkqa.runner.plans import template_of

Take = Callable[[], None]
"""Lets the step under way happen."""


class ShortCut:
    """Takes the call of items whose scenarios run ahead; registered beside the conductor."""

    def __init__(self, *, runs_ahead: Callable[[str], bool], take: Take) -> None:
        self._runs_ahead = runs_ahead
        self._take = take

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Call the item's scenario; leave every other item to pytest."""
        __tracebackhide__ = True
        if not self._runs_ahead(pyfuncitem.nodeid):
            return None
        template = template_of(pyfuncitem)
        if template is None or has_body(pyfuncitem):
            return None
        call_scenario(pyfuncitem, template, self._take)
        return True


def has_body(item: pytest.Function) -> bool:
    """Whether the scenario's test function does something after the steps: one bound by `scenarios()` does not."""
    function: Any = item.function
    variables = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    body = variables["fn"].cell_contents if "fn" in variables else None
    return getattr(body, "__module__", None) != "pytest_bdd.scenario"


def call_scenario(item: pytest.Function, template: ScenarioTemplate, take: Take) -> None:
    """Let every step of an item's scenario happen, in order, with pytest-bdd's hooks around."""
    __tracebackhide__ = True
    row: Any = item.funcargs["_pytest_bdd_example"]
    scenario = template.render(row)
    hook: Any = item.config.hook
    about = {"request": item.funcargs["request"], "feature": scenario.feature, "scenario": scenario}
    hook.pytest_bdd_before_scenario(**about)
    try:
        _call_steps(scenario, about, hook, take)
    finally:
        hook.pytest_bdd_after_scenario(**about)


def _call_steps(scenario: Scenario, about: dict[str, object], hook: Any, take: Take) -> None:
    __tracebackhide__ = True
    before_call = hook.pytest_bdd_before_step_call if hook.pytest_bdd_before_step_call.get_hookimpls() else None
    for step in scenario.steps:
        here = {**about, "step": step, "step_func": take}
        hook.pytest_bdd_before_step(**here)
        here["step_func_args"] = {}
        try:
            if before_call is not None:
                before_call(**here)
            take()
        except (Exception, pytest.fail.Exception) as exception:
            hook.pytest_bdd_step_error(exception=exception, **here)
            raise
        hook.pytest_bdd_after_step(**here)
