"""Documents that one engine runs together: chains, reverse documents, several sources or targets of one entity."""

import json
from pathlib import Path

import pytest

from talkqa.documents.validate import format_diagnostics
from talkqa.model.result import Outcome, RunStarted, event_from_json
from talkqa.model.settings import SandboxSettings, Settings
from tests.functional.invented import NAMES, document, read_invented, section
from tests.harness import WorldRun, call_talkqa, run_world

ACCUSED = (Outcome.FAILED, Outcome.LATE, Outcome.ERROR)
BACK = [(target, source, type_) for source, target, type_ in NAMES]
SAME = [("title", "title", '"string"'), ("town", "town", '"string"'), ("call", "call", '"string"')]
CHAIN = {
    "acme-globex": document("Acme", "Globex", section("Acme Person", "Globex Contact", rows=NAMES)),
    "globex-initech": document("Globex", "Initech", section("Globex Contact", "Initech Member", rows=SAME)),
    "globex-acme": document("Globex", "Acme", section("Globex Contact", "Acme Person", rows=BACK)),
}


def run(folder: Path, slug: str, documents: dict[str, str], *faults: str, chains: bool = False) -> WorldRun:
    """One world of documents that are all run by one engine."""
    settings = Settings(chains=chains, sandbox=SandboxSettings(faults=faults))
    world = read_invented(folder, documents, settings)[slug]
    return run_world(world, settings, folder, root=folder)


@pytest.mark.parametrize("chains", [False, True], ids=["each pair by itself", "chains"])
@pytest.mark.parametrize("slug", ["acme/globex", "globex/initech", "globex/acme"])
def test_a_correct_engine_that_runs_a_chain_and_its_reverse_is_not_accused(
    slug: str,
    chains: bool,
    tmp_path: Path,
) -> None:
    """A person becomes a contact and that a member; the contact makes no second person."""
    told = run(tmp_path, slug, CHAIN, chains=chains)
    assert told.told(*ACCUSED) == []
    assert {r.outcome for r in told.results.values() if r.name == "created"} == {Outcome.PASSED}


def test_with_chains_the_systems_of_the_whole_chain_are_there(tmp_path: Path) -> None:
    """What is tested stays what it was, and so do the ids of the checks."""
    world = read_invented(tmp_path, CHAIN, Settings())["acme/globex"]
    assert world.systems() == ("Acme", "Globex")
    assert world.systems(chains=True) == ("Acme", "Globex", "Initech")
    assert [flow.id for flow in world.flows] == ["acme.person--globex.contact"]
    assert [flow.id for flow in world.confined().running] == [
        "acme.person--globex.contact",
        "globex.contact--acme.person",
    ]
    alone = run(tmp_path, "acme/globex", CHAIN)
    chained = run(tmp_path, "acme/globex", CHAIN, chains=True)
    assert alone.results.keys() == chained.results.keys()


@pytest.mark.parametrize("chains", [False, True], ids=["each pair by itself", "chains"])
def test_a_duplicate_in_the_middle_of_a_chain_is_seen(chains: bool, tmp_path: Path) -> None:
    """By the world of the flow that makes it."""
    told = run(tmp_path, "globex/initech", CHAIN, "duplicate-on-create:globex.contact--initech.member", chains=chains)
    created = told.results["globex.contact--initech.member/created"]
    assert (created.outcome, created.reason) == (Outcome.FAILED, "duplicate")


def test_what_comes_back_over_a_third_system_is_rightful_with_chains_alone(tmp_path: Path) -> None:
    """A second record in Globex that comes over Initech: promised where the engine runs all three documents."""
    ring = {
        "acme-globex": document("Acme", "Globex", section("Acme Person", "Globex Contact", rows=NAMES)),
        "acme-initech": document("Acme", "Initech", section("Acme Person", "Initech Member", rows=NAMES)),
        "initech-globex": document("Initech", "Globex", section("Initech Member", "Globex Contact", rows=SAME)),
    }
    chained = run(tmp_path, "acme/globex", ring, chains=True)
    assert chained.told(*ACCUSED) == []
    doubled = run(tmp_path, "acme/globex", ring, "duplicate-on-create:acme.person--globex.contact")
    assert doubled.results["acme.person--globex.contact/created"].reason == "duplicate"
    thrice = run(tmp_path, "acme/globex", ring, "duplicate-on-create:acme.person--globex.contact", chains=True)
    assert thrice.results["acme.person--globex.contact/created"].reason == "duplicate"


REVERSE = {
    "acme-globex": document("Acme", "Globex", section("Acme Person", "Globex Contact", rows=NAMES)),
    "globex-acme": document("Globex", "Acme", section("Globex Contact", "Acme Person", rows=BACK[:2])),
}


@pytest.mark.parametrize("slug", ["acme/globex", "globex/acme"])
@pytest.mark.parametrize("fault", ["duplicate-on-create", "imports-own-copies"])
def test_reverse_documents_excuse_no_copy(slug: str, fault: str, tmp_path: Path) -> None:
    """What a flow made is no new record to its reverse, so that exactly one stays exactly one."""
    source, target = ("acme.person", "globex.contact") if slug == "acme/globex" else ("globex.contact", "acme.person")
    told = run(tmp_path, slug, REVERSE, f"{fault}:{source}--{target}")
    assert told.results[f"{source}--{target}/created"].outcome is Outcome.FAILED


FAN_IN = {
    "acme-globex": document(
        "Acme",
        "Globex",
        *(section(f"Acme {name}", "Globex Invoice", rows=NAMES) for name in ("Order", "Quote", "User")),
    )
}
FAN_OUT = {
    "acme-globex": document(
        "Acme",
        "Globex",
        *(section("Acme Person", f"Globex {name}", rows=NAMES) for name in ("Contact", "Lead", "User")),
    )
}


@pytest.mark.parametrize("documents", [FAN_IN, FAN_OUT], ids=["fan-in", "fan-out"])
def test_several_sources_or_targets_of_one_entity_are_not_taken_for_copies(
    documents: dict[str, str], tmp_path: Path
) -> None:
    """Order, quote and user all become invoices; a person becomes a contact, a lead and a user."""
    told = run(tmp_path, "acme/globex", documents)
    assert told.told(*ACCUSED) == []
    assert {r.outcome for r in told.results.values() if r.name == "created"} == {Outcome.PASSED}


@pytest.mark.parametrize(
    ("documents", "flow"),
    [(FAN_IN, "acme.quote--globex.invoice"), (FAN_OUT, "acme.person--globex.lead")],
    ids=["fan-in", "fan-out"],
)
def test_a_duplicate_among_several_sources_or_targets_is_seen_by_its_own_flow(
    documents: dict[str, str], flow: str, tmp_path: Path
) -> None:
    """And by no other one: each has its exactly one."""
    told = run(tmp_path, "acme/globex", documents, f"duplicate-on-create:{flow}")
    created = {r.flow_id for r in told.of(*ACCUSED) if r.name == "created"}
    assert created == {flow}


def test_a_declared_document_is_told_where_it_contradicts(tmp_path: Path) -> None:
    """With the place of both sentences; the tested one alone says nothing of it."""
    settings = Settings()
    words = {
        "acme-globex": document(
            "Acme",
            "Globex",
            section("Acme Person", "Globex Contact", "When it rains, it will be synchronized with a Globex Contact."),
        ),
        "more": document("Acme", "Globex", section("Acme Person", "Globex Contact")),
    }
    (world,) = read_invented(tmp_path, words, settings, tested=["acme-globex"]).values()
    told = format_diagnostics(d for d in world.diagnostics if d.code == "contradiction")
    assert "acme-globex.rst:" in told
    assert "more.rst:" in told


def project(folder: Path, more: str = "") -> None:
    """A project with the chain's first document to be tested, and the others declared."""
    (folder / "specs").mkdir()
    (folder / "engine").mkdir()
    (folder / "talkqa.toml").write_text(f'[engine]\ndocuments = ["engine"]\n{more}', encoding="utf-8")
    for name, text in CHAIN.items():
        place = "specs" if name == "acme-globex" else "engine"
        (folder / place / f"{name}.rst").write_text(text, encoding="utf-8")


def test_a_run_of_the_command_line_opens_the_chain_that_is_declared(tmp_path: Path) -> None:
    """Scenarios stay those of the tested document; the report names the systems that are open."""
    project(tmp_path)
    alone = call_talkqa(tmp_path, "run", "--generate", "--", "-m", "smoke")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    chained = call_talkqa(tmp_path, "run", "--chains", "--", "-m", "smoke")
    assert chained.returncode == 0, chained.stdout + chained.stderr
    started = [started_of(run) for run in sorted((tmp_path / ".talkqa" / "runs").iterdir())]
    opened = [{line.partition(":")[0] for line in one.systems} for one in started]
    assert opened == [{"Acme", "Globex"}, {"Acme", "Globex", "Initech"}]
    assert all(one.documents == ("specs/acme-globex.rst",) for one in started)
    assert [path.name for path in (tmp_path / "generated_tests" / "acme").iterdir()] == ["globex"]


def started_of(run: Path) -> RunStarted:
    """The first event of the one world of a run."""
    (file,) = (path for path in run.glob("*.jsonl") if "ledger" not in path.name)
    with file.open(encoding="utf-8") as lines:
        event = event_from_json(json.loads(next(lines)))
    assert isinstance(event, RunStarted)
    return event


def test_check_tells_of_copies_that_are_rightful_over_all_documents(tmp_path: Path) -> None:
    """Where it is asked for: no check can tell one more of them from a duplicate."""
    project(tmp_path)
    ring = document("Initech", "Globex", section("Initech Member", "Globex Contact", rows=SAME))
    (tmp_path / "engine" / "initech-globex.rst").write_text(ring, encoding="utf-8")
    far = document("Acme", "Initech", section("Acme Person", "Initech Member", rows=NAMES))
    (tmp_path / "engine" / "acme-initech.rst").write_text(far, encoding="utf-8")
    told = call_talkqa(tmp_path, "check", "--chains").stdout
    assert "one Acme Person may rightly become 2 Globex Contact [copies-allowed]" in told
    assert "copies-allowed" not in call_talkqa(tmp_path, "check").stdout


def test_a_declared_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the setting that names it."""
    project(tmp_path)
    (tmp_path / "talkqa.toml").write_text('[engine]\ndocuments = ["gone.rst"]\n', encoding="utf-8")
    for command in (["check"], ["run", "--generate"]):
        told = call_talkqa(tmp_path, *command)
        assert told.returncode != 0
        assert "gone.rst" in told.stdout + told.stderr
        assert "[engine] documents" in told.stdout + told.stderr
