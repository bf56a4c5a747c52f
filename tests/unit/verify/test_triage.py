"""Each failure says who is answerable, and shows last what decided it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import talkqa.verify
from talkqa.model.record import Exchange
from talkqa.model.result import BROKEN, Cause
from talkqa.verify.evidence import EvidenceLog
from tests.unit.verify.test_scenarios import filled_flow, run

_ACCUSING = {"CheckFailed", "CheckLate"}
FAULTS = (
    "dead", "duplicates", "imports-copies", "echoes", "crosses", "truncates", "skips", "target-edits-dropped",
    "source-edits-dropped", "wrong-record", "relinks", "reverts", "deletes-after-edit", "loses-second-update",
)  # fmt: skip


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Place and call of every accusation that `verify` makes."""
    root = Path(talkqa.verify.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and isinstance(called, ast.Name) and called.id in _ACCUSING:
                yield f"{path.relative_to(root)}:{node.lineno}", node


def test_no_accusation_is_made_without_a_cause() -> None:
    """Wherever it is raised."""
    places = [place for place, call in raised() if "cause" not in {keyword.arg for keyword in call.keywords}]
    assert places == []
    assert len(list(raised())) > 20


@pytest.mark.parametrize("fault", FAULTS)
def test_the_observation_that_decided_comes_last(fault: str, tmp_path: Path) -> None:
    """Whatever is wrong, and whoever saw it; the sandbox's own clients give it exchanges (tests/functional)."""
    broken = [r for r in run(filled_flow(), tmp_path, fault).results.values() if r.outcome in BROKEN]
    assert broken
    for result in broken:
        assert result.cause is not None
        assert result.cause in {Cause.ENGINE, Cause.ENGINE_OR_API}
        assert result.observations[-1].text == result.message


def test_what_decided_is_shown_by_the_newest_exchanges() -> None:
    """Those that nothing has told of yet, else those that the last sentence was told with."""
    log = EvidenceLog()
    one, two = (Exchange(method="GET", url=url, status=200, at_s=1.0) for url in ("one", "two"))
    log.pending.append(one)
    log.observe("seen", 1.0)
    log.observe("told", 2.0)
    log.conclude("decided", 3.0)
    log.pending.append(two)
    log.conclude("decided again", 4.0)
    assert [(o.text, [e.url for e in o.exchanges]) for o in log.observations[2:]] == [
        ("decided", ["one"]),
        ("decided again", ["two"]),
    ]
