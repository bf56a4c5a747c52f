"""An engine written by someone else: the checklist proves it, accuses it of nothing, and catches its bugs."""

import ast
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from talkqa.checklist.derive import derive_checks
from talkqa.model.check import Depth
from talkqa.model.flow import EntityRef
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import ConditionBinding
from tests import second_engine
from tests.fakes.flows import make_flow, make_row
from tests.harness import SPECS, WorldRun, project_settings, read_worlds, run_world
from tests.second_engine.defects import Defect
from tests.second_engine.engine import SecondEngine, make_second_engine
from tests.second_engine.lanes import plan_lanes
from tests.second_engine.links import Bond, LinkTable

HERE = Path(second_engine.__file__).parent
DOCUMENTED = HERE / "documents" / "customcrm-custompms.rst"
UNDOCUMENTED = tuple(SPECS / f"{name}.rst" for name in ("customcrm-customerp", "custompms-salesforce"))
BOTH = (DOCUMENTED, UNDOCUMENTED[0])
SEEDS = (1, 2, 3)
ACTIVE = ConditionBinding(
    text="When a Custom CRM Product is active", holds={"isActive": True}, fails={"isActive": False}
)
ACCUSED = (Outcome.FAILED, Outcome.LATE, Outcome.ERROR)

Told = tuple[WorldRun, SecondEngine]
Play = Callable[..., Told]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Runs the checklist of a document against the second engine; each run is made once."""
    known: dict[tuple[object, ...], Told] = {}

    def play(document: Path, seed: int = 1, defect: Defect | None = None, lost: float = 0.05) -> Told:
        key = (document, seed, defect, lost)
        if key not in known:
            settings = project_settings(seed=seed, conditions=(ACTIVE,))
            (world,) = read_worlds([document], settings)
            engines: list[SecondEngine] = []
            make = make_second_engine(defect, seed=seed, lost=lost, told=engines)
            known[key] = run_world(world, settings, tmp_path_factory.mktemp("run"), engine=make), engines[0]
        return known[key]

    return play


@pytest.mark.parametrize(
    ("document", "seed"),
    [
        *product(BOTH, SEEDS),
        *product([UNDOCUMENTED[1]], SEEDS),
        (SPECS / "customcrm-salesforce.rst", 1),
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_a_correct_engine_of_another_make_is_accused_of_nothing(document: Path, seed: int, play: Play) -> None:
    """Told by webhooks that come late, twice, out of order or never."""
    run, engine = play(document, seed)
    assert run.told(*ACCUSED) == []
    assert engine.heard > 100, "it was told of what it did"
    assert {r.reason for r in run.of(Outcome.UNDECIDED)} <= {"edits-crossed"}
    assert {r.reason for r in run.of(Outcome.NOT_RUNNABLE)} <= {"cannot-be-emptied"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("document", UNDOCUMENTED, ids=lambda p: p.stem)
def test_its_sentences_are_proven_although_its_mapping_is_private(document: Path, seed: int, play: Play) -> None:
    """Created, edited both ways, left alone: passed for each flow; what was discovered is told."""
    run, _ = play(document, seed)
    promised = ("created", "edited-in-source", "edited-in-target", "quiet")
    wanted = {f"{flow.id}/{name}" for flow in run.world.flows for name in promised}
    assert wanted
    assert wanted <= _passed(run)
    assert {r.reason for r in _named(run, "discovered")} == {"discovered"}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_documented_sentence_and_row_is_proven(seed: int, play: Play) -> None:
    """Merged, held back by a condition or a missing link, qualified or not, each row both ways."""
    run, _ = play(DOCUMENTED, seed)
    checks = [check for flow in run.world.flows for check in derive_checks(flow, Depth.STANDARD)]
    promised = {check.id for check in checks if "policy" not in check.tags}
    assert promised - _passed(run) == set()
    sentences = {"created", "condition-holds", "condition-fails", "unlinked-stays-out", "merged", "audit"}
    rows = {"edited-in-source", "edited-in-target", "qualified", "unqualified"}
    assert sentences | rows <= {check.split("/")[1] for check in promised}
    assert {r.outcome for r in _named(run, "quiet")} == {Outcome.PASSED}


@pytest.mark.parametrize("document", BOTH, ids=lambda p: p.stem)
def test_without_any_webhook_its_comparison_finds_everything(document: Path, play: Play) -> None:
    """Forty-five seconds and more for each change: slow is not wrong."""
    run, engine = play(document, lost=1.0)
    assert run.told(*ACCUSED) == []
    assert engine.heard == 0
    assert engine.found > 100
    assert len(_passed(run)) >= 28


def test_a_forgotten_property_is_seen_by_the_checks_of_its_row(play: Play) -> None:
    """Of the rest only by those that look at all properties at once."""
    run, engine = play(DOCUMENTED, defect=Defect.FORGETS_A_PROPERTY)
    rows = {lane.name: lane.lines[-1].key.replace("=", "~") for lane in engine.lanes}
    caught = {r.check for r in run.of(*ACCUSED)}
    for flow, row in rows.items():
        assert {f"{flow}/edited-in-source/{row}", f"{flow}/edited-in-target/{row}"} <= caught
    others = {check.split("/")[1] for check in caught if not any(check.endswith(row) for row in rows.values())}
    assert "audit" in others, "which tells of a documented property that is dead"
    assert others <= {"audit", "whole-in-source", "whole-in-target"}


@pytest.mark.parametrize("document", BOTH, ids=lambda p: p.stem)
def test_a_second_copy_is_seen_where_exactly_one_is_promised(document: Path, play: Play) -> None:
    """Every flow that creates is accused, for the duplicate alone, and none for its edits."""
    run, _ = play(document, defect=Defect.MAKES_TWO)
    caught = run.of(*ACCUSED)
    assert {r.reason for r in caught} == {"duplicate"}
    creating = {flow.id for flow in run.world.flows if flow.target.entity != "Task"}
    assert {f"{flow}/created" for flow in creating} <= _checks(caught)
    assert not [r.check for r in caught if r.check.split("/")[1].startswith(("edited", "quiet"))]


@pytest.mark.parametrize("document", BOTH, ids=lambda p: p.stem)
def test_a_link_that_an_edit_breaks_is_seen_by_the_next_edit(document: Path, play: Play) -> None:
    """The first edit is carried, so that only a second one shows it."""
    run, _ = play(document, defect=Defect.LOSES_THE_LINK)
    caught = run.of(*ACCUSED)
    for flow in run.world.flows:
        assert {r.check.split("/")[1] for r in caught if r.flow_id == flow.id} >= {"edited-in-source"}


@pytest.mark.parametrize("document", BOTH, ids=lambda p: p.stem)
def test_a_dead_direction_is_seen_by_the_edits_of_that_side_alone(document: Path, play: Play) -> None:
    """Edits of the target do not come back; whatever goes the other way is proven all the same."""
    run, _ = play(document, defect=Defect.DEAF_TO_THE_RIGHT)
    caught = run.of(*ACCUSED)
    flows = {flow.id for flow in run.world.flows}
    seeing = {"edited-in-target", "qualified-in-target", "unqualified-in-target", "whole-in-target"}
    seeing |= {"latest-wins", "both-stand"}
    assert {r.name for r in caught} <= seeing
    assert not [r for r in caught if r.name == "latest-wins" and r.check.endswith("source-last")]
    assert {r.flow_id for r in caught if r.check.split("/")[1] == "edited-in-target"} == flows
    assert {r.outcome for r in _named(run, "edited-in-source")} == {Outcome.PASSED}


@pytest.mark.parametrize("document", [DOCUMENTED, UNDOCUMENTED[1]], ids=lambda p: p.stem)
def test_an_echo_is_seen_by_whoever_looks_for_quiet(document: Path, play: Play) -> None:
    """Values stay right all the time: nothing else may notice."""
    run, _ = play(document, defect=Defect.ECHOES)
    caught = run.of(*ACCUSED)
    assert _checks(caught) == {f"{flow.id}/quiet" for flow in run.world.flows}
    assert {r.reason for r in caught} == {"not-at-rest"}


def test_it_shares_no_code_with_the_reference_engine_or_the_harness() -> None:
    """Model values are its configuration; of the sandbox it names types for the type checker alone."""
    modules = sorted(HERE.glob("*.py"))
    imported = {name for path in modules for name in _imports(ast.parse(path.read_text()))}
    talkqa = {name for name in imported if name.startswith("talkqa")}
    assert talkqa
    assert {name for name in talkqa if not name.startswith("talkqa.model.")} == set()
    assert {name for name in imported if name.startswith("tests")} <= {
        f"tests.second_engine.{path.stem}" for path in modules
    }


def test_its_links_survive_as_text() -> None:
    """Whoever reads the text has the same bonds, from either side."""
    table = LinkTable()
    table.save(Bond(lane="a", ids=("1", "2"), agreed={"x=y": ("left", None)}, heard=7))
    again = LinkTable(table.to_text())
    assert again.find("a", 0, "1") == again.find("a", 1, "2") == table.find("a", 0, "1")
    assert again.find("a", 1, "1") is again.find("b", 0, "1") is None


def test_it_refuses_documents_that_it_cannot_do() -> None:
    """Rather than do half of them."""
    field = FieldSchema(path="name", type=FieldType.STRING)
    schemas = {
        name: SystemSchema(name=name, entities=(EntitySchema(name="Thing", fields=(field,)),)) for name in ("A", "B")
    }
    source, target = EntityRef(system="A", entity="Thing"), EntityRef(system="B", entity="Thing")
    row = make_row("name", "name")
    assert len(plan_lanes([make_flow(source=source, target=target, rows=(row,))], schemas, ())) == 1
    with pytest.raises(ValueError, match="two properties with one"):
        plan_lanes([make_flow(source=source, target=target, rows=(row, row))], schemas, ())


def _passed(run: WorldRun) -> set[str]:
    return _checks(run.of(Outcome.PASSED))


def _checks(results: list[CheckFinished]) -> set[str]:
    return {result.check for result in results}


def _named(run: WorldRun, name: str) -> list[CheckFinished]:
    return [result for result in run.results.values() if result.check.split("/")[1] == name]


def _imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        yield from _imports(node)
