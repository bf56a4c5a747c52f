"""Real documents in the sandbox: whatever systems they name, the harness itself never breaks."""

import os
from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from tests.harness import project_settings, read_worlds, run_world

CORPUS = Path(os.environ["TALKQA_CORPUS"]) / "corpus" / "documents" if "TALKQA_CORPUS" in os.environ else None
SAMPLE = sorted(CORPUS.glob("*.rst"))[::19][:30] if CORPUS else []


@pytest.mark.skipif(CORPUS is None, reason="needs TALKQA_CORPUS, a folder of published documents")
def test_the_sample_is_of_thirty_documents() -> None:
    """Spread over the whole corpus."""
    assert len(SAMPLE) == 30


@pytest.mark.parametrize("path", SAMPLE, ids=lambda p: p.stem)
def test_a_real_document_runs_without_a_harness_error_and_without_a_false_accusation(
    path: Path, tmp_path: Path
) -> None:
    """Systems without a descriptor are emulated from what the document says of them."""
    settings = project_settings()
    for number, world in enumerate(read_worlds([path], settings)):
        run = run_world(world, settings, tmp_path / str(number))
        assert run.told(Outcome.ERROR, Outcome.FAILED, Outcome.LATE) == []
        assert run.finished.left == ()
