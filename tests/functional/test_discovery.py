"""Mapping discovery against the reference engine: what it finds, what it never claims, and what it costs."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from talkqa.cli.app import call
from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ApiRefused
from talkqa.model.flow import Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Outcome
from talkqa.model.world import World
from talkqa.runner import discovering
from talkqa.runner.discovering import Discovering, FlowDiscovery, WorldDiscovery, discover_worlds
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox.pairing import build_pairings
from talkqa.sandbox.rows import Group
from talkqa.sandbox.world import SandboxWorld
from talkqa.verify.access import Access
from talkqa.verify.discovery.table import render_table
from talkqa.verify.ledger import read_ledger
from tests.functional.test_sandbox_serve import serving
from tests.harness import PROJECT, SEED_SPECS, SPECS, call_talkqa, project_settings, read_worlds, run_world

ONE = "custompms-salesforce"
"""The smallest of the seed documents: three flows."""
DOCUMENTED = ("wave-customcrm", "salesforce-exactonline", "customcrm-customerp")
MOST_WRITES = 3
READ_ONLY_SOURCE = """\
Salesforce to Custom CRM Dataflow
=================================

Salesforce Contact to Custom CRM Contact
----------------------------------------
Every Salesforce Contact will be synchronized with a Custom CRM Contact.

Once a link between a Salesforce Contact and a Custom CRM Contact is established, it will keep in sync between the two \
systems, regardless of where it is edited.

The following properties are synchronized between a Salesforce Contact and a Custom CRM Contact:

.. list-table::
   :header-rows: 1

   * - Salesforce Contact Property
     - Custom CRM Contact Property
     - Custom CRM Data Type
   * - LastName
     - lastName
     - "string"
   * - FirstName
     - department
     - "string"
   * - Name
     - notes
     - "string"
"""
BOTH_WAYS = """\
Custom CRM to Custom ERP Dataflow
=================================

"""
SECTION = """\
{source} to {target}
{line}
Every {source} will be synchronized with a {target}.

Once a link between a {source} and a {target} is established, it will keep in sync between the two systems, regardless \
of where it is edited.

The following properties are synchronized between a {source} and a {target}:

.. list-table::
   :header-rows: 1

   * - {source} Property
     - {target} Property
     - {system} Data Type

"""


def explore(name_or_path: str | Path, folder: Path, *, every: bool = False, **changes: object) -> WorldDiscovery:
    """Discover one document."""
    path = SPECS / f"{name_or_path}.rst" if isinstance(name_or_path, str) else name_or_path
    settings = project_settings(**changes)
    how = Discovering(settings=settings, root=PROJECT, folder=folder, wanted=lambda flow: every or not flow.properties)
    (found,) = discover_worlds(read_worlds([path], settings), how)
    return found


def truth(world: World) -> dict[str, tuple[Group, ...]]:
    """Flow id to what the engine carries of it: the one place where a test looks behind the curtain."""
    settings = project_settings()
    schemas = read_schemas(world, settings, PROJECT)
    pairings = build_pairings(world.flows, schemas, settings.conditions, settings.connections)
    return {flow_id: pairing.groups for pairing in pairings for flow_id in pairing.flow_ids}


def ends(row: ProposedRow) -> tuple[str, str]:
    return row.source, row.target


def by_flow(found: WorldDiscovery) -> Mapping[str, FlowDiscovery]:
    return {one.flow.id: one for one in found.flows}


class _Counting(httpx.AsyncBaseTransport):
    """Counts the writes that discovery itself makes."""

    def __init__(self, inner: httpx.AsyncBaseTransport, counts: Counter[tuple[str, str]]) -> None:
        self._inner, self._counts = inner, counts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        mark = request.extensions.get(CALL)
        if isinstance(mark, CallMark) and mark.purpose is Purpose.WRITE and mark.actor.startswith("discovery "):
            self._counts[mark.actor.removeprefix("discovery "), mark.system] += 1
        return await self._inner.handle_async_request(request)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """(flow id, system) to the requests by which discovery wrote there."""
    counts: Counter[tuple[str, str]] = Counter()
    plain = SandboxWorld.transport
    monkeypatch.setattr(SandboxWorld, "transport", lambda self, system: _Counting(plain(self, system), counts))
    return counts


def test_the_private_mapping_of_the_seed_flows_is_recovered(tmp_path: Path, writes: Counter[tuple[str, str]]) -> None:
    """At least 95 % of the rows, none that is wrong, the right ways, in at most three writes a side."""
    known, found, wrong, flows = 0, 0, [], 0
    for name in SEED_SPECS:
        world = explore(name, tmp_path / name)
        groups = truth(world.world)
        assert world.finished.left == ()
        for flow_id, one in by_flow(world).items():
            flows += 1
            assert one.blocked == ""
            real = {(g.members[0].source.path, g.target.path): g.members[0] for g in groups[flow_id]}
            seen = {ends(row): row for row in one.rows}
            known += len(real)
            found += len(real.keys() & seen.keys())
            wrong += [(flow_id, pair) for pair in seen.keys() - real.keys()]
            for pair in real.keys() & seen.keys():
                assert seen[pair].ways is Ways.BOTH
                assert (seen[pair].data_type == "N/A") is (real[pair].hidden is not None)
                assert len(seen[pair].observations) >= 2
            for side in Side:
                assert 0 < writes[flow_id, one.flow.entity(side).system] <= MOST_WRITES
    assert flows == 28
    assert wrong == []
    assert found / known >= 0.95


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_table_is_found_again_with_its_transforms(name: str, tmp_path: Path) -> None:
    """Every row that probes can show is alive, nothing else travels, and nothing is accused."""
    found = explore(name, tmp_path, every=True)
    documented = [one for one in found.flows if one.flow.properties]
    for one in documented:
        assert one.audit is not None
        assert one.audit.dead == ()
        assert one.audit.undocumented == ()
    expressed = {
        (one.flow.id, row.source): row.data_type
        for one in documented
        for row in one.rows
        if row.data_type.startswith("[")
    }
    printed = {
        (one.flow.id, row.source): row.transform.text
        for one in documented
        for row in one.flow.properties
        if row.transform is not None
    }
    assert expressed.keys() <= printed.keys()


def test_a_dead_row_and_an_undocumented_one_are_told_apart_from_a_right_table(tmp_path: Path) -> None:
    """The positive witness of the test before: faults show as differences."""
    flow = "salesforce.order--exact-online.salesorders"
    dropped = by_flow(
        explore("salesforce-exactonline", tmp_path / "1", every=True, faults=(f"property-dropped:{flow}",))
    )
    extra = by_flow(
        explore("salesforce-exactonline", tmp_path / "2", every=True, faults=(f"undocumented-travels:{flow}",))
    )
    lost, more = dropped[flow].audit, extra[flow].audit
    assert lost is not None
    assert more is not None
    assert len(lost.dead) >= 1
    assert len(more.undocumented) == 1


def test_a_read_only_source_is_to_the_target_alone_and_what_the_system_joins_is_no_row_of_its_parts(
    tmp_path: Path,
) -> None:
    """Salesforce works out the name of a contact; its first and last name are told apart from it."""
    path = tmp_path / "salesforce-customcrm.rst"
    path.write_text(READ_ONLY_SOURCE, encoding="utf-8")
    (one,) = explore(path, tmp_path, every=True).flows
    rows = {ends(row): row.ways for row in one.rows}
    assert rows == {
        ("FirstName", "department"): Ways.BOTH,
        ("LastName", "lastName"): Ways.BOTH,
        ("Name", "notes"): Ways.TO_TARGET,
    }


def test_reverse_flows_in_one_world_are_not_confused(tmp_path: Path) -> None:
    """Each direction finds the rows of the one mapping that both share, as its own source and target."""
    crm, erp = "Custom CRM Customer", "Custom ERP Customer"
    title = f"{crm} to {erp}"
    sections = [
        SECTION.format(source=a, target=b, system=b.removesuffix(" Customer"), line="-" * len(title))
        for a, b in ((crm, erp), (erp, crm))
    ]
    path = tmp_path / "customcrm-customerp.rst"
    path.write_text(BOTH_WAYS + "".join(sections), encoding="utf-8")
    found = explore(path, tmp_path)
    (groups,) = set(truth(found.world).values())
    forth = {(g.members[0].source.path, g.target.path) for g in groups}
    flows = by_flow(found)
    assert {ends(row) for row in flows["custom-crm.customer--custom-erp.customer"].rows} == forth
    assert {ends(row) for row in flows["custom-erp.customer--custom-crm.customer"].rows} == {(t, s) for s, t in forth}


@pytest.mark.parametrize("fault", ["target-edits-dropped", "property-dead-to-source"])
def test_an_engine_that_carries_nothing_back_gives_rows_to_the_target_alone(fault: str, tmp_path: Path) -> None:
    """The direction is what was seen, whatever the sentence says."""
    flow = "custom-pms.task--salesforce.task"
    right = by_flow(explore(ONE, tmp_path / "right"))[flow]
    faulty = by_flow(explore(ONE, tmp_path / "faulty", faults=(f"{fault}:{flow}",)))[flow]
    assert {ends(row) for row in faulty.rows} == {ends(row) for row in right.rows}
    assert {row.ways for row in right.rows} == {Ways.BOTH}
    assert Ways.TO_TARGET in {row.ways for row in faulty.rows}


@pytest.mark.parametrize("fault", ["entity-skipped", "duplicate-on-create", "echo-each-cycle"])
def test_nothing_is_claimed_of_an_engine_that_does_not_do_its_work(fault: str, tmp_path: Path) -> None:
    """No counterpart, two of them, or no rest: said instead of guessed, and all is removed again."""
    found = explore(ONE, tmp_path, faults=(f"{fault}:custom-pms.task--salesforce.task",))
    one = by_flow(found)["custom-pms.task--salesforce.task"]
    assert one.rows == ()
    assert one.blocked
    assert found.finished.left == ()
    assert all(other.rows for other in found.flows if other is not one)


@pytest.mark.parametrize("names_it", [True, False])
def test_what_a_system_refuses_is_left_out_and_the_rest_is_found(
    names_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the refusal names the property or not: no row of it, and all others."""
    flow = "custom-pms.task--salesforce.task"
    right = by_flow(explore(ONE, tmp_path / "right"))[flow]
    plain = Access.update

    async def update(self: Access, record: Record, values: Mapping[str, Scalar]) -> Record:
        if "Subject" in values or "dueDate" in values:
            raise ApiRefused("not allowed", fields=("Subject", "dueDate") if names_it else ())
        return await plain(self, record, values)

    monkeypatch.setattr(Access, "update", update)
    one = by_flow(explore(ONE, tmp_path / "refused"))[flow]
    rows, known = {ends(row): row for row in one.rows}, {ends(row) for row in right.rows}
    assert rows.keys() <= known
    if names_it:
        assert rows.keys() == known
        assert rows["dueDate", "ActivityDate"].ways is Ways.BOTH
    else:
        assert rows["key", "Description"].ways is Ways.BOTH


def test_a_probe_that_is_refused_for_one_property_is_written_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The property has no row, and nothing else suffers."""
    flow = "custom-pms.task--salesforce.task"
    right = by_flow(explore(ONE, tmp_path / "right"))[flow]
    plain = Access.create

    async def create(self: Access, system: str, entity: str, key: str, overrides: Mapping[str, Scalar]) -> Record:
        if key.startswith(f"discovery/{flow}") and "label" in overrides:
            raise ApiRefused("label is not allowed", fields=("label",))
        return await plain(self, system, entity, key, overrides)

    monkeypatch.setattr(Access, "create", create)
    one = by_flow(explore(ONE, tmp_path / "refused"))[flow]
    assert {ends(row) for row in one.rows} >= {ends(row) for row in right.rows if row.source != "label"}


def test_an_edit_that_is_not_carried_makes_its_rows_unclear(tmp_path: Path) -> None:
    """Two probes show a row at creation, and the change of one contradicts it."""
    flow = "custom-pms.task--salesforce.task"
    one = by_flow(explore(ONE, tmp_path, faults=(f"source-edits-dropped:{flow}",)))[flow]
    assert one.rows == ()
    assert all("stayed as it was" in doubt.why for doubt in one.doubts)
    assert one.doubts


def test_equal_explorations_find_equal_things(tmp_path: Path) -> None:
    """In the sandbox discovery is a function of the seed, and another seed finds the same rows."""
    first, again = (explore(ONE, tmp_path / f"{at}") for at in (1, 2))
    assert [one.rows for one in first.flows] == [one.rows for one in again.flows]
    other = explore(ONE, tmp_path / "3", seed=7)
    assert [list(map(ends, one.rows)) for one in other.flows] == [list(map(ends, one.rows)) for one in first.flows]


@pytest.mark.parametrize("name", SEED_SPECS)
def test_pasted_tables_make_a_document_without_gaps_whose_run_passes(name: str, tmp_path: Path) -> None:
    """What is printed is the document's table, as it stands; but for what none of its properties can be asked for."""
    found = explore(name, tmp_path / "ledgers")
    (world,) = read_worlds([paste(found, tmp_path, name)], project_settings())
    assert sum(len(flow.properties) for flow in world.flows) == sum(len(one.rows) for one in found.flows)
    assert gaps(world) == []
    run = run_world(world, project_settings(), tmp_path)
    others = [r for r in run.results.values() if r.outcome not in {Outcome.PASSED, Outcome.OBSERVED}]
    assert {r.reason for r in others} <= {"cannot-be-emptied"}, run.told(*Outcome)
    assert {r.outcome for r in run.results.values() if "/edited-in-source/" in r.check} == {Outcome.PASSED}


def test_a_swap_that_was_there_from_the_start_is_observed_and_never_passed(tmp_path: Path) -> None:
    """Nobody can know that two properties stand in each other's place until somebody says what is right."""
    flow = "custom-pms.task--salesforce.task"
    fault = next_fault(flow)
    right = by_flow(explore(ONE, tmp_path / "1"))[flow]
    swapped = by_flow(explore(ONE, tmp_path / "2", faults=(fault,)))[flow]
    assert {ends(row) for row in swapped.rows} != {ends(row) for row in right.rows}
    assert {row.target for row in swapped.rows} == {row.target for row in right.rows}
    settings = project_settings(faults=(fault,))
    (world,) = read_worlds([SPECS / f"{ONE}.rst"], settings)
    run = run_world(world, settings, tmp_path, select=lambda _check, one: one.id == flow)
    rows = [r for r in run.results.values() if r.check.startswith(f"{flow}/discovered")]
    assert {r.outcome for r in rows} == {Outcome.OBSERVED}
    passed = [r.check for r in run.of(Outcome.PASSED)]
    assert not [check for check in passed if "~" in check]  # no row of a table was proven


def test_from_discovery_over_approval_to_a_run_that_passes(tmp_path: Path) -> None:
    """The whole way on the command line; what was approved is then promised, and the swap of two rows fails."""
    project(tmp_path)
    told = call_talkqa(tmp_path, "discover")
    assert told.returncode == 0, told.stderr
    rows = [json.loads(line) for line in (tmp_path / ".talkqa/discovered.jsonl").read_text().splitlines()]
    assert len(rows) == told.stdout.count("both ways")
    assert all(len(row["observations"]) >= 2 for row in rows)
    assert "properties-undocumented" in call_talkqa(tmp_path, "check").stdout
    assert call_talkqa(tmp_path, "approve", "--all", "--by", "K. Olsen").returncode == 0
    checked = call_talkqa(tmp_path, "check")
    assert checked.returncode == 0
    assert "properties-undocumented" not in checked.stdout
    assert call_talkqa(tmp_path, "generate").returncode == 0
    ran = call_talkqa(tmp_path, "run", timeout_s=300)
    assert ran.returncode == 0, ran.stdout
    fault = next_fault("custom-pms.task--salesforce.task")
    failed = call_talkqa(tmp_path, "run", "--fault", fault, "--", "-k", "CallDisposition", timeout_s=300)
    assert failed.returncode == 1, failed.stdout


def test_differences_between_document_and_engine_are_told_and_decide_on_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`discover --all` compares; what travels beside the table can be approved, and nothing else."""
    name, flow = "salesforce-exactonline", "salesforce.order--exact-online.salesorders"
    project(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    assert call(["discover", "--flow", flow]) == 2
    assert "compare them with --all" in capsys.readouterr().err
    assert call(["discover", "--all", "--flow", flow]) == 0
    assert "documented and alive: 6" in capsys.readouterr().out
    assert (tmp_path / ".talkqa/discovered.jsonl").read_text() == ""
    faults = [f"property-dropped:{flow}", f"undocumented-travels:{flow}"]
    with (tmp_path / "talkqa.toml").open("a", encoding="utf-8") as file:
        file.write(f"[sandbox]\nfaults = {json.dumps(faults)}\n")
    assert call(["discover", "--all", "--flow", flow]) == 1
    told = capsys.readouterr().out
    assert "documented, and was not seen to travel: " in told
    assert "travels, and is not documented: " in told
    assert ".. list-table::" not in told
    assert len((tmp_path / ".talkqa/discovered.jsonl").read_text().splitlines()) == 1


def test_what_is_stopped_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the last probe was written: all are removed before the process ends."""
    held: list[int] = []

    def stop(_evidence: object) -> None:
        held.append(len(read_ledger(tmp_path / "custom-pms_salesforce.ledger.jsonl")))
        raise KeyboardInterrupt

    monkeypatch.setattr(discovering, "infer", stop)
    with pytest.raises(KeyboardInterrupt):
        explore(ONE, tmp_path)
    assert held[0] > 0
    assert read_ledger(tmp_path / "custom-pms_salesforce.ledger.jsonl") == ()


def test_live_systems_are_explored_within_what_is_allowed_and_left_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over sockets: one flow is found; the other one's records cannot be removed again, so that it is off."""
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path) as (_, accounts):
        settings = 'specs = ["specs"]\n[run]\npoll_s = 0.1\npatience_s = 20.0\n'
        (tmp_path / "talkqa.toml").write_text(settings + accounts, encoding="utf-8")
        flows = ["--flow", "custom-pms.task--salesforce.task", "--flow", "custom-pms.customer--salesforce.division"]
        code = call(["discover", "--mode", "live", *flows])
    told = capsys.readouterr()
    assert code == 3
    assert "LIVE: this run creates" in told.err
    assert "Division is off in live mode" in told.out
    assert "left:" not in told.err
    assert "harness" not in told.out  # who we are there is nobody's business
    assert len((tmp_path / ".talkqa/discovered.jsonl").read_text().splitlines()) == 5
    assert list((tmp_path / ".talkqa/runs").iterdir()) == []  # nothing to sweep, nothing to report


def test_a_call_for_one_flow_keeps_what_was_found_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of discovered rows grows and is renewed flow by flow."""
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    first, second = "custom-pms.customer--salesforce.division", "custom-pms.task--salesforce.task"
    for flow in (first, second, second):
        assert call(["discover", "--flow", flow]) == 0
    lines = (tmp_path / ".talkqa/discovered.jsonl").read_text().splitlines()
    assert [json.loads(line)["flow_id"] for line in lines] == [*[first] * 2, *[second] * 5]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--flow", "no--such"), "no document has this flow"),
        (("--mode", "live"), "no account"),
        (("nowhere.rst",), "nowhere.rst"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With what is wrong and what to do."""
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert call(["discover", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / ".talkqa/discovered.jsonl").exists()


def next_fault(flow: str) -> str:
    """The first swap of two properties of a flow."""
    from talkqa.sandbox.faults import list_faults

    settings = project_settings()
    (world,) = read_worlds([SPECS / f"{ONE}.rst"], settings)
    schemas = read_schemas(world, settings, PROJECT)
    faults = list_faults(world.flows, schemas, settings.conditions, settings.connections)
    return next(fault.id for fault in faults if fault.kind == "properties-swapped" and fault.flow_id == flow)


def paste(found: WorldDiscovery, folder: Path, name: str = ONE) -> Path:
    """The document with each empty table replaced by what was discovered."""
    text = (SPECS / f"{name}.rst").read_text(encoding="utf-8")
    for one in found.flows:
        empty = render_table(one.heads, ())
        assert text.count(empty) == 1
        text = text.replace(empty, render_table(one.heads, one.rows))
    path = folder / f"{name}.rst"
    path.write_text(text, encoding="utf-8")
    return path


def gaps(world: World) -> list[str]:
    """What the document leaves open; that a row is not compared by value is no gap."""
    return [str(d) for d in world.diagnostics if d.code not in {"system-alias", "transform-hidden"}]


def project(folder: Path, name: str = ONE) -> None:
    """A project of its own with one document."""
    (folder / "specs").mkdir()
    (folder / "specs" / f"{name}.rst").write_text((SPECS / f"{name}.rst").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "talkqa.toml").write_text('specs = ["specs"]\n', encoding="utf-8")
