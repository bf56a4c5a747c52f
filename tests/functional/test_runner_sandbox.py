"""pytest over generated scenarios in the real sandbox: documents in, verdicts out."""

from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.plan import plan, write
from talkqa.model.errors import RunError
from talkqa.model.result import LatencySeen, RunStarted
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.worlds import OUTSIDE, find_document
from tests.functional.world_project import INI, run_pytest

pytest_plugins = ("pytester",)

DOCUMENT = """\
{rule}
{source} to {target} Dataflow
{rule}

Generated: 2030-01-02 03:04:05

Introduction
------------

Invented.

{source} Guest to {target} Member
---------------------------------------
Every {source} Guest will be synchronized with a {target} Member.

Once a link between a {source} Guest and a {target} Member is established, it will keep in sync between the two
systems, regardless of where it is edited.

The following properties are synchronized between a {source} Guest and a {target} Member:

.. list-table::
   :header-rows: 1

   * - {source} Guest Property
     - {target} Member Property
     - {target} Data Type
   * - name
     - fullName
     - "string"
   * - town
     - city
     - "string"
"""
MINE = """\
Feature: Mine

  Background:
    Given the sync engine keeps Hotel Guest and Club Member in step

  Scenario: By hand
    Given a Hotel Guest that is linked to a Club Member
    When "name" of the source Guest is edited
    Then "fullName" of the target Member follows

  Scenario: With a step of my own
    Given a Hotel Guest that is linked to a Club Member
    When I look out of the window
    And "town" of the source Guest is edited
    Then "city" of the target Member follows

  Scenario: Nothing but a step of my own asserts
    Given a Hotel Guest that is linked to a Club Member
    Then I am content

  Scenario: With a step of my own that fails
    Given a Hotel Guest that is linked to a Club Member
    When I stumble

  Scenario: Asserts nothing
    Given a Hotel Guest that is linked to a Club Member
"""
CONFTEST = """\
from pytest_bdd import then, when


@when("I look out of the window")
@then("I am content")
def look():
    pass


@when("I stumble")
def stumble():
    raise AssertionError("over a stone")
"""
FLOW = "hotel.guest--club.member"


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A project with two documents, generated."""
    root = pytester.path
    (root / "specs").mkdir()
    for source, target in (("Hotel", "Club"), ("Club", "Hotel")):
        title = f"{source} to {target} Dataflow"
        text = DOCUMENT.format(source=source, target=target, rule="=" * len(title))
        (root / f"specs/{source.lower()}.rst").write_text(text)
    (root / "talkqa.toml").write_text("")
    (root / "pytest.ini").write_text(INI)
    settings = read_settings(root)
    reading = read_documents([root / "specs"], settings, root=root)
    write(plan(group_worlds(reading.documents), settings, root))
    return root


def write_mine(project: Path) -> None:
    (project / "generated_tests/hotel/club/mine.feature").write_text(MINE)
    (project / "generated_tests/hotel/club/conftest.py").write_text(CONFTEST)


def test_generated_scenarios_are_proven_and_tell_what_they_saw(pytester: pytest.Pytester, project: Path) -> None:
    ran = run_pytest(pytester, "generated_tests")
    verdicts = ran.verdicts()
    assert {said.partition(" ")[0] for said in verdicts.values()} <= {"passed", "observed"}
    assert verdicts[f"{FLOW}/created"].startswith("passed")
    events = ran.events("hotel_club")
    assert any(isinstance(event, LatencySeen) for event in events)
    started = events[0]
    assert isinstance(started, RunStarted)
    assert started.documents == ("specs/hotel.rst",)
    assert started.systems == (
        "Club: emulated, schema read off the documents",
        "Hotel: emulated, schema read off the documents",
    )
    assert all(end.swept > 0 and not end.left for end in ran.ends())


def test_scenarios_written_by_hand_are_judged_like_the_generated_ones(pytester: pytest.Pytester, project: Path) -> None:
    write_mine(project)
    ran = run_pytest(pytester, "generated_tests/hotel", "-k", "hand or own or asserts")
    by_hand = {check: said for check, said in ran.verdicts().items() if check.startswith("manual/")}
    assert {check.rpartition("/")[2]: said.partition(" ")[0] for check, said in by_hand.items()} == {
        "by-hand": "passed",
        "with-a-step-of-my-own": "passed",
        "nothing-but-a-step-of-my-own-asserts": "passed",
        "with-a-step-of-my-own-that-fails": "failed",
        "asserts-nothing": "undecided",
    }


def test_running_in_place_and_in_two_processes_changes_no_verdict(pytester: pytest.Pytester, project: Path) -> None:
    pytest.importorskip("xdist")
    ahead = run_pytest(pytester, "generated_tests")
    assert run_pytest(pytester, "generated_tests", "--serial", run="serial").verdicts() == ahead.verdicts()
    both = run_pytest(pytester, "generated_tests", "-n", "2", subprocess=True, run="both")
    assert both.verdicts() == ahead.verdicts()


def test_a_subset_changes_no_verdict(pytester: pytest.Pytester, project: Path) -> None:
    whole = run_pytest(pytester, "generated_tests").verdicts()
    part = run_pytest(pytester, "generated_tests", "-k", "member and not created", run="part").verdicts()
    assert 0 < len(part) < len(whole)
    assert part == {check: whole[check] for check in part}


def test_a_fault_of_the_engine_is_caught_and_x_ends_the_run(pytester: pytest.Pytester, project: Path) -> None:
    fault = "--talkqa-fault=target-edits-dropped"
    ran = run_pytest(pytester, "generated_tests/hotel", fault, "-x")
    assert ran.counts()["failed"] == 1
    assert "edited-in-target" in ran.text
    assert "specs/hotel.rst:" in ran.text
    assert all(end.swept > 0 and not end.left and not end.interrupted for end in ran.ends())


def test_lf_reruns_exactly_what_the_fault_broke(pytester: pytest.Pytester, project: Path) -> None:
    fault = "--talkqa-fault=target-edits-dropped"
    first = run_pytest(pytester, "generated_tests/hotel", fault)
    failed = {check: said for check, said in first.verdicts().items() if said.startswith(("failed", "late"))}
    assert failed
    assert run_pytest(pytester, "generated_tests/hotel", fault, "--lf", run="lf").verdicts() == failed


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda path: path.unlink(),
            "generated_tests/hotel/club/manifest.json: the document specs/hotel.rst is not there",
        ),
        (
            lambda path: path.write_text(path.read_text().replace("Hotel", "Hostel").replace("=\n", "==\n")),
            "do not describe the world hotel/club any more",
        ),
    ],
    ids=["gone", "renamed"],
)
def test_a_world_whose_documents_changed_away_is_an_error_of_each_scenario(
    pytester: pytest.Pytester, project: Path, spoil: object, said: str
) -> None:
    spoil(project / "specs/hotel.rst")  # type: ignore[operator]
    ran = run_pytest(pytester, "generated_tests")
    hotel = [verdict for check, verdict in ran.verdicts().items() if check.startswith(FLOW)]
    assert hotel
    assert set(hotel) == {"error world-refused"}
    assert said in ran.text
    assert any(verdict.startswith("passed") for verdict in ran.verdicts().values())


def test_documents_outside_the_project_are_found_where_the_option_says(tmp_path: Path) -> None:
    folder = WorldFolder(path=tmp_path / "g", slug="a/b", documents=(f"{OUTSIDE}x.rst",), checks=())
    (tmp_path / "elsewhere").mkdir()
    document = tmp_path / "elsewhere/x.rst"
    document.touch()
    for extra in (document, document.parent):
        assert find_document(f"{OUTSIDE}x.rst", folder, tmp_path, (tmp_path, extra), tmp_path) == document
    with pytest.raises(RunError, match="say where it is with --talkqa-documents"):
        find_document(f"{OUTSIDE}x.rst", folder, tmp_path, (tmp_path,), tmp_path)


def test_a_licence_that_is_off_stands_at_the_head_of_the_results(pytester: pytest.Pytester, project: Path) -> None:
    text = (project / "specs/hotel.rst").read_text().replace("Club Member", "Salesforce Account")
    title = "Hotel to Salesforce Dataflow"
    lines = text.replace("Hotel to Club Dataflow", title).replace("Club Data", "Salesforce Data").splitlines()
    lines[0] = lines[2] = "=" * len(title)
    (project / "specs/hotel.rst").write_text(
        "\n".join(lines).replace("fullName", "Name").replace("city", "BillingCity")
    )
    settings = read_settings(project)
    reading = read_documents([project / "specs/hotel.rst"], settings, root=project)
    write(plan(group_worlds(reading.documents), settings, project))
    licence = "--talkqa-licence-off=Salesforce.Billing"
    ran = run_pytest(pytester, "generated_tests/hotel/salesforce", licence, "-k", "exactly")
    started = ran.events("hotel_salesforce")[0]
    assert isinstance(started, RunStarted)
    assert started.systems[-1] == "Salesforce: emulated, schema of a descriptor, without Billing"
