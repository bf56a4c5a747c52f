"""The pytest hooks that talkqa offers to a conftest.py or another plugin."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from talkqa.runner.stage import Stage
    from talkqa.runner.vocabulary import AsyncStep


@pytest.hookspec()
def pytest_talkqa_steps(config: pytest.Config) -> "Iterable[AsyncStep] | None":
    """Async steps of the project's own, which run ahead beside the vocabulary's.

    Example in a conftest.py::

        async def wait(scene, seconds):
            await scene.clock.sleep(seconds)

        def pytest_talkqa_steps(config):
            return [AsyncStep("{seconds:g} seconds pass", wait)]
    """


@pytest.hookspec(firstresult=True)
def pytest_talkqa_stage(config: pytest.Config) -> "Stage | None":
    """Where worlds come from, in place of the one that the mode asks for."""
