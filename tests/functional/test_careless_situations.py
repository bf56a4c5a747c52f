"""Situations in which a careless harness accuses a correct engine: rows that mean more than equality."""

from pathlib import Path

import pytest

from talkqa.model.result import Cause, CheckFinished, Outcome
from talkqa.model.settings import ConnectionBinding, SandboxSettings, Settings
from tests.functional.invented import Row, document, read_invented, section
from tests.functional.test_discovery import READ_ONLY_SOURCE
from tests.harness import WorldRun, project_settings, read_worlds, run_world
from tests.unit.documents.samples import Flow

ACCUSED = (Outcome.FAILED, Outcome.LATE, Outcome.ERROR)
STRING = '"string"'


def person(system: str, *fields: str) -> str:
    """A descriptor of a system whose people have a name, further fields, and belong to a company; it has no owners."""
    described = "\n".join(fields)
    return f"""system = "{system}"
source = "invented"
knows_users = true
stamp_granularity_s = 1.0

[entities.Company]
modified_field = "changed"
modified_by_field = "changedBy"
name_field = "name"
[entities.Company.fields]
"id" = {{ type = "id", max_length = 36, write = "none", nullable = false }}
"name" = {{ type = "string", max_length = 100, required = true }}
"city" = {{ type = "string", max_length = 60 }}
"changed" = {{ type = "datetime", write = "none" }}
"changedBy" = {{ type = "string", write = "none" }}

[entities.Owner]
operations = []
[entities.Owner.fields]
"id" = {{ type = "id", max_length = 36, write = "none", nullable = false }}

[entities.Person]
modified_field = "changed"
modified_by_field = "changedBy"
name_field = "name"
[entities.Person.fields]
"id" = {{ type = "id", max_length = 36, write = "none", nullable = false }}
"name" = {{ type = "string", max_length = 100, required = true }}
"home" = {{ type = "string", max_length = 60 }}
"work" = {{ type = "string", max_length = 60 }}
"companyId" = {{ type = "reference", references = ["Company"] }}
{described}
"changed" = {{ type = "datetime", write = "none" }}
"changedBy" = {{ type = "string", write = "none" }}
"""


def run(
    folder: Path,
    rows: tuple[Row, ...],
    *faults: str,
    companies: bool = True,
    acme: str = "",
    globex: str = "",
    back: tuple[Row, ...] = (),
    **sandbox: object,
) -> WorldRun:
    """People of two systems in step, and their companies as well."""
    for name, text in {"acme": person("Acme", acme), "globex": person("Globex", globex)}.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    settings = Settings(
        systems=("acme.toml", "globex.toml"), sandbox=SandboxSettings(faults=faults, **sandbox)  # type: ignore[arg-type]
    )  # fmt: skip
    names = (("name", "name", STRING), ("city", "city", STRING))
    sections = [section("Acme Person", "Globex Person", rows=rows)]
    if companies:
        sections.append(section("Acme Company", "Globex Company", rows=names))
    documents = {"there": document("Acme", "Globex", *sections)}
    if back:
        documents["back"] = document("Globex", "Acme", section("Globex Person", "Acme Person", rows=back))
    world = read_invented(folder, documents, settings)["acme/globex"]
    return run_world(world, settings, folder, root=folder)


def rows_of(told: WorldRun, name: str, row: str) -> CheckFinished:
    """The result of a check about a row of the people."""
    return told.results[f"acme.person--globex.person/{name}/{row}"]


# rows that share a target

SHARED = (("name", "name", STRING), ("home", "home", STRING), ("work", "home", STRING))


def test_rows_that_share_a_target_accuse_nobody(tmp_path: Path) -> None:
    """The target takes one of the values: the edit of one row is followed, that of the other is told."""
    told = run(tmp_path, SHARED)
    assert told.told(*ACCUSED) == []
    edits = {str(rows_of(told, "edited-in-source", row).outcome) for row in ("home~home", "work~home")}
    assert edits == {"passed", "observed"}


def test_an_engine_that_follows_neither_of_two_shared_rows_is_accused(tmp_path: Path) -> None:
    """One of them has to lead."""
    told = run(tmp_path, SHARED, "source-edits-dropped:acme.person--globex.person")
    seen = {rows_of(told, "edited-in-source", row).outcome for row in ("home~home", "work~home", "name~name")}
    assert seen & {Outcome.FAILED, Outcome.LATE}
    assert Outcome.PASSED not in seen


def test_a_property_that_the_reverse_document_feeds_from_several_accuses_nobody(tmp_path: Path) -> None:
    """There it is plain, and two others lead it back: what is promised of it is what is promised of a shared one."""
    rows = (("name", "name", STRING), ("home", "home", STRING))
    back = (("name", "name", STRING), ("home", "home", STRING), ("work", "home", STRING))
    told = run(tmp_path, rows, back=back)
    assert told.told(*ACCUSED) == []
    assert rows_of(told, "edited-in-source", "name~name").outcome is Outcome.PASSED


# rows that join ids

REFERRING = (("name", "name", STRING), ("id", "id", STRING), ("companyId", "companyId", STRING))


def test_a_row_that_joins_references_is_judged_by_the_counterpart_of_what_they_refer_to(tmp_path: Path) -> None:
    """No id of one system is ever equal to one of the other; ids that the systems give are edited by nobody."""
    told = run(tmp_path, REFERRING)
    assert told.told(*ACCUSED) == []
    for side in ("source", "target"):
        moved = rows_of(told, f"edited-in-{side}", "companyId~companyId")
        assert moved.outcome is Outcome.PASSED, moved.message
        assert rows_of(told, f"edited-in-{side}", "id~id").outcome is Outcome.NOT_RUNNABLE


def test_a_row_that_joins_references_to_what_nothing_keeps_in_step_is_left_open(tmp_path: Path) -> None:
    """Nobody can say which company of the other system would be the right one."""
    told = run(tmp_path, REFERRING, companies=False)
    assert told.told(*ACCUSED) == []
    moved = rows_of(told, "edited-in-source", "companyId~companyId")
    assert (moved.outcome, moved.reason) == (Outcome.UNDECIDED, "parent-unknown")


def test_an_engine_that_forgets_a_reference_is_accused(tmp_path: Path) -> None:
    """So that the silence of the tests before means something."""
    told = run(tmp_path, REFERRING, "source-edits-dropped:acme.person--globex.person")
    assert rows_of(told, "edited-in-source", "companyId~companyId").outcome in {Outcome.FAILED, Outcome.LATE}


# a target that requires what no flow fills

NAMED = (("name", "name", STRING), ("home", "home", STRING))
UNFILLABLE = '"ownerId" = { type = "reference", references = ["Owner"], required = true }'
REQUIRED = '"grade" = { type = "string", max_length = 20, required = true }'


def test_a_target_that_requires_what_no_flow_fills_accuses_nobody_and_is_told(tmp_path: Path) -> None:
    """The engine fills it from a default of its own; the gap stands in the report."""
    told = run(tmp_path, NAMED, globex=REQUIRED)
    assert told.told(*ACCUSED) == []
    assert rows_of(told, "edited-in-source", "home~home").outcome is Outcome.PASSED
    gaps = [event for event in told.events if getattr(event, "code", "") == "required-unfilled"]
    assert [gap for gap in gaps if "grade" in gap.message]  # type: ignore[union-attr]


def test_a_target_that_takes_no_record_at_all_is_not_laid_to_the_engine(tmp_path: Path) -> None:
    """It demands a reference to what cannot be created: neither the engine nor the harness can write one."""
    told = run(tmp_path, NAMED, globex=UNFILLABLE)
    people = [result for result in told.results.values() if result.flow_id == "acme.person--globex.person"]
    assert not [r for r in people if r.outcome in ACCUSED], told.told(*ACCUSED)
    assert {r.cause for r in people if r.outcome is Outcome.UNDECIDED} <= {Cause.API, Cause.DOCUMENT}


@pytest.mark.parametrize("rows", [SHARED, REFERRING, NAMED], ids=["shared", "referring", "named"])
def test_a_lagging_engine_accuses_nobody_either(rows: tuple[Row, ...], tmp_path: Path) -> None:
    """Its cycle is ten times as long."""
    told = run(tmp_path, rows, engine_cycle_s=50.0)
    assert told.told(*ACCUSED) == []


CONNECTED = (
    "A new Globex Person will be created from an Acme Person if it is connected to an Acme Company that is "
    "synchronized into Globex."
)


OWNED = '"ownerId" = { type = "reference", references = ["Owner"], required = true }'


@pytest.mark.parametrize(
    ("demanded", "faults", "verdict"),
    [
        ("", (), (Outcome.PASSED, None)),
        (OWNED, (), (Outcome.UNDECIDED, Cause.API)),
        ("", ("entity-skipped:acme.company--globex.company",), (Outcome.UNDECIDED, Cause.DOCUMENT)),
    ],
    ids=["a system that takes them", "a system that demands an owner, and has none", "companies that do not arrive"],
)
def test_an_engine_is_not_called_silent_for_records_that_cannot_arrive(
    demanded: str, faults: tuple[str, ...], verdict: tuple[Outcome, Cause | None], tmp_path: Path
) -> None:
    """Neither where a record must stay out until it is connected, nor where a connection is to make a pair."""
    for name, text in {"acme": person("Acme"), "globex": person("Globex", demanded)}.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    binding = ConnectionBinding(source="Acme Person", connected="Acme Company", path="companyId", held_by="source")
    systems = ("acme.toml", "globex.toml")
    settings = Settings(systems=systems, connections=(binding,), sandbox=SandboxSettings(faults=faults))
    people = Flow(
        source="Acme Person",
        target="Globex Person",
        select="link",
        extra=(CONNECTED,),
        rows=(("name", "name", STRING), ("home", "home", STRING)),
    )
    companies = section("Acme Company", "Globex Company", rows=(("name", "name", STRING), ("city", "city", STRING)))
    documents = {"there": document("Acme", "Globex", people, companies)}
    world = read_invented(tmp_path, documents, settings)["acme/globex"]
    asked = {"unconnected-stays-out", "edited-in-source"}
    told = run_world(
        world, settings, tmp_path, root=tmp_path, select=lambda check, flow: "person" in flow.id and check.name in asked
    )
    assert {(r.outcome, r.cause) for r in told.results.values()} == {verdict}, told.verdicts()


# properties that move by themselves, or are too narrow for what is asked of them


def test_a_name_that_the_system_works_out_of_others_moves_along_with_them(tmp_path: Path) -> None:
    """And so does what a documented row makes of it on the other side."""
    path = tmp_path / "salesforce-customcrm.rst"
    path.write_text(READ_ONLY_SOURCE, encoding="utf-8")
    settings = project_settings()
    (world,) = read_worlds([path], settings)
    told = run_world(world, settings, tmp_path, select=lambda check, _flow: check.name.startswith("edited-in-"))
    assert told.told(*ACCUSED) == []
    assert {r.outcome for r in told.results.values() if "Name~notes" not in r.check} == {Outcome.PASSED}


ACTIVE = '"active" = { type = "boolean" }'


@pytest.mark.parametrize("fault", ["", "earlier-wins", "conflict-ignored"])
def test_of_two_edits_of_a_boolean_nobody_says_which_one_stands(fault: str, tmp_path: Path) -> None:
    """There is no third value by which one could tell, so another property is taken where there is one."""
    whole = ("name", "name", '["upper", "_."]')
    faults = (fault,) if fault else ()
    told = run(tmp_path, (("active", "active", '"boolean"'), whole), *faults, acme=ACTIVE, globex=ACTIVE)
    conflicts = [r for r in told.results.values() if r.name == "latest-wins" and "person" in r.flow_id]
    assert {(r.outcome, r.reason) for r in conflicts} == {(Outcome.NOT_RUNNABLE, "no-new-value")}


def test_a_boolean_stands_for_the_others_only_where_nothing_else_does(tmp_path: Path) -> None:
    rows = (("active", "active", '"boolean"'), ("name", "name", STRING))
    told = run(tmp_path, rows, acme=ACTIVE, globex=ACTIVE)
    assert told.told(*ACCUSED) == []
    seen = {r.check.rpartition("/")[2]: r.observed for r in told.results.values() if r.name == "latest-wins"}
    assert {word for check, word in seen.items() if "city" not in check} == {"later"}


def test_a_row_that_prints_the_time_of_its_writing_is_judged_by_nobody(tmp_path: Path) -> None:
    """When the engine wrote it is not known to the second."""
    rows = (("name", "name", STRING), ("home", "home", '["datetime-format", "%Y-%m-%d %H:%M:%S", ["now"]]'))
    assert run(tmp_path, rows).told(*ACCUSED) == []
