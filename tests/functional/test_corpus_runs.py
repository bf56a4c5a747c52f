"""Real documents in the sandbox: whatever systems they name, the harness itself never breaks."""

import os
from pathlib import Path

import pytest

from talkqa.model.check import Depth
from talkqa.model.result import Outcome
from tests.corpus_runs import main, reverse_of, run_document
from tests.harness import project_settings, read_worlds, run_world

CORPUS = Path(os.environ["TALKQA_CORPUS"]) / "corpus" / "documents" if "TALKQA_CORPUS" in os.environ else None
SAMPLE = sorted(CORPUS.glob("*.rst"))[::19][:30] if CORPUS else []
PAIRED = [path for path in sorted(CORPUS.glob("*.rst")) if reverse_of(path)][::17][:15] if CORPUS else []


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


@pytest.mark.parametrize("path", PAIRED, ids=lambda p: p.stem)
def test_two_reverse_documents_run_in_one_engine_without_a_false_accusation(path: Path) -> None:
    """What goes there by the one document may come back by the other."""
    run = run_document(path, Depth.SMOKE, together=True)
    assert run.wrong == ()


@pytest.mark.skipif(CORPUS is None, reason="needs TALKQA_CORPUS, a folder of published documents")
def test_the_whole_corpus_is_run_by_a_command_that_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Here with two documents of it alone."""
    assert main(["--only", "asana-c*", "--every", "2"]) == 0
    told = capsys.readouterr().out
    assert "2 documents" in told
    assert "passed" in told


def test_a_run_that_breaks_ends_the_command_with_1_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One document must not end the others' runs."""
    documents = tmp_path / "corpus" / "documents"
    documents.mkdir(parents=True)
    (documents / "broken.rst").symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv("TALKQA_CORPUS", str(tmp_path))
    assert main([]) == 1
    assert "broken:" in capsys.readouterr().out
