"""The verdicts that the runner gives itself."""

from talkqa.model.flow import EntityRef, Flow, PropertyRow, Rule, RuleKind
from talkqa.model.location import Location
from talkqa.model.result import Cause, Outcome
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.checkbook import CheckBook


def at(line: int) -> Location:
    return Location(path="specs/a.rst", line=line)


FLOW = Flow(
    id="alpha.customer--beta.account",
    source=EntityRef(system="Alpha", entity="Customer"),
    target=EntityRef(system="Beta", entity="Account"),
    rules=(
        Rule(
            kind=RuleKind.EVERY, location=at(12), text="Every Alpha Customer will be synchronized with a Beta Account."
        ),
        Rule(kind=RuleKind.TWO_WAY, location=at(14), text="Once a link is established, it will keep in sync."),
        Rule(kind=RuleKind.PROPERTIES, location=at(16), text="The following properties are synchronized:"),
    ),
    merge=(),
    properties=(PropertyRow(source="name", target="Name", data_type='"string"', location=at(22)),),
)
WORLD = World(slug="alpha/beta", source="Alpha", target="Beta", documents=(), flows=(FLOW,), diagnostics=())


def plan(check: str) -> ScenarioPlan:
    return ScenarioPlan(check=check, name="By name", node="t.py::n", steps=(("When", "x"),), tags=("smoke",))


def test_a_scenario_given_up_still_tells_sentence_and_place() -> None:
    finished = CheckBook(WORLD).give_up(plan(f"{FLOW.id}/created"), Outcome.NOT_RUN, "stopped", "too late", at_s=4)
    assert (finished.flow_id, finished.name) == (FLOW.id, "created")
    assert (finished.sentence, finished.place) == (FLOW.rules[0].text, "specs/a.rst:12")
    assert (finished.outcome, finished.cause, finished.reason) == (Outcome.NOT_RUN, None, "stopped")
    assert (finished.begin_s, finished.end_s, finished.node, finished.tags) == (4, 4, "t.py::n", ("smoke",))


def test_a_check_of_a_row_points_to_the_row() -> None:
    meta = CheckBook(WORLD).meta(f"{FLOW.id}/edited-in-source/name~Name")
    assert meta is not None
    assert meta.place == "specs/a.rst:22"


def test_a_policy_points_to_its_flow() -> None:
    meta = CheckBook(WORLD).meta(f"{FLOW.id}/delete-stays")
    assert meta is not None
    assert meta.place == "specs/a.rst:12"


def test_a_scenario_written_by_hand_speaks_for_itself() -> None:
    finished = CheckBook(None).give_up(plan("manual/mine/by-name"), Outcome.ERROR, "world-broke", "no", at_s=0)
    assert (finished.title, finished.name, finished.place) == ("By name", "manual", "")
    assert finished.cause is Cause.HARNESS
