"""What a person sees while pytest waits."""

import pytest

from talkqa.runner.progress import Progress, RichStatus, WorldProgress
from tests.fakes.clock import FakeClock

WORLDS = (
    WorldProgress(slug="a/b", done=3, total=9, now_s=3725.9),
    WorldProgress(slug="c/d", done=0, total=2, now_s=0),
)


class Line:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.stopped = False

    def update(self, text: str) -> None:
        self.texts.append(text)

    def stop(self) -> None:
        self.stopped = True


def test_a_terminal_has_one_line_that_changes_and_goes() -> None:
    lines: list[Line] = []

    def make() -> Line:
        lines.append(Line())
        return lines[-1]

    progress = Progress(pytest.fail, status=make)
    progress.look(WORLDS)
    progress.look(WORLDS[:1])
    progress.rest()
    progress.rest()
    assert lines[0].texts == ["talkqa: a/b 3/9 at 01:02:05; c/d 0/2 at 00:00:00", "talkqa: a/b 3/9 at 01:02:05"]
    assert lines[0].stopped
    progress.look(WORLDS)
    assert len(lines) == 2


def test_elsewhere_a_plain_line_comes_every_ten_seconds_if_something_moved() -> None:
    told: list[str] = []
    clock = FakeClock()
    progress = Progress(told.append, now=clock.now)
    for now, world in ((5.0, WORLDS[0]), (11.0, WORLDS[0]), (15.0, WORLDS[1]), (22.0, WORLDS[1]), (40.0, WORLDS[1])):
        clock.advance(now - clock.now())
        progress.look((world,))
    assert told == ["talkqa: a/b 3/9 at 01:02:05", "talkqa: c/d 0/2 at 00:00:00"]


def test_the_status_line_can_be_shown_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    status = RichStatus()
    status.update("half way")
    status.stop()
    assert "Traceback" not in capsys.readouterr().err
