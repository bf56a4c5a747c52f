"""Plan, show, write: only the difference is written, and nothing that a person wrote is lost."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.generate.change import Change, ChangeKind, Plan
from talkqa.generate.plan import diff, plan, write
from talkqa.model.check import Depth
from talkqa.model.errors import PlanError
from talkqa.model.flow import EntityRef
from talkqa.model.settings import Settings
from talkqa.model.world import World
from tests.fakes.flows import make_flow, make_row, make_world

CUSTOMER = make_flow(rows=[make_row("name", "Name")])
ORDER = make_flow(source=EntityRef(system="Bakery", entity="Order"), target=EntityRef(system="Web Shop", entity="Cart"))
BOTH = make_world(CUSTOMER, ORDER)
FOLDER = "generated_tests/bakery/web-shop"
FEATURE = f"{FOLDER}/customer--account.feature"
ORDERS = f"{FOLDER}/order--cart.feature"
MODULE = f"{FOLDER}/test_bakery__web_shop.py"
MANIFEST = f"{FOLDER}/manifest.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "invented.rst").write_text("Invented.")
    return tmp_path


def generate(project: Path, *worlds: World, **settings: object) -> Plan:
    planned = plan(worlds, replace(Settings(), **settings), project)
    write(planned)
    return planned


def read_files(project: Path) -> Mapping[str, bytes]:
    output = project / "generated_tests"
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def kinds(planned: Plan) -> dict[str, str]:
    return {planned.show(change): change.kind for change in planned.changes if change.kind is not ChangeKind.UNCHANGED}


def test_a_first_call_creates_one_feature_a_flow_a_module_and_a_manifest(project: Path) -> None:
    planned = generate(project, BOTH)
    assert kinds(planned) == dict.fromkeys([FEATURE, MANIFEST, ORDERS, MODULE], "create")
    assert planned.stale
    assert set(read_files(project)) == {FEATURE, ORDERS, MODULE, MANIFEST}


def test_planning_writes_nothing(project: Path) -> None:
    assert plan([BOTH], Settings(), project).stale
    assert not (project / "generated_tests").exists()


def test_a_second_call_changes_nothing(project: Path) -> None:
    generate(project, BOTH)
    before = {path: path.stat().st_mtime_ns for path in (project / "generated_tests").rglob("*")}
    planned = generate(project, BOTH)
    assert not planned.stale
    assert {change.kind for change in planned.changes} == {ChangeKind.UNCHANGED}
    assert len(planned.changes) == 4
    assert before == {path: path.stat().st_mtime_ns for path in (project / "generated_tests").rglob("*")}


def test_places_and_order_in_the_documents_change_no_byte(project: Path) -> None:
    generate(project, BOTH)
    before = read_files(project)
    moved = make_world(make_flow(rows=[make_row("name", "Name", line=50)], line=40), ORDER)
    assert not generate(project, replace(moved, flows=moved.flows[::-1])).stale
    assert read_files(project) == before


def test_an_altered_flow_changes_its_own_feature_and_the_manifest_alone(project: Path) -> None:
    generate(project, BOTH)
    altered = make_world(make_flow(rows=[make_row("name", "Name"), make_row("phone", "Phone")]), ORDER)
    assert kinds(generate(project, altered)) == {FEATURE: "update", MANIFEST: "update"}
    assert b"phone" in read_files(project)[FEATURE]


def test_a_dropped_flow_leaves_an_orphan_that_is_removed(project: Path) -> None:
    generate(project, BOTH)
    assert kinds(generate(project, make_world(CUSTOMER))) == {ORDERS: "orphan", MANIFEST: "update"}
    assert ORDERS not in read_files(project)


def test_another_depth_makes_the_files_stale(project: Path) -> None:
    generate(project, BOTH)
    assert kinds(generate(project, BOTH, depth=Depth.SMOKE)) == {
        FEATURE: "update",
        ORDERS: "update",
        MANIFEST: "update",
    }


def test_a_file_edited_by_hand_is_kept_and_reported_each_time(project: Path) -> None:
    generate(project, BOTH)
    (project / FEATURE).write_text("Feature: mine\n")
    altered = make_world(make_flow(rows=[make_row("phone", "Phone")]), ORDER)
    for _ in range(2):
        planned = generate(project, altered)
        assert kinds(planned)[FEATURE] == "keep"
        assert "edited by hand" in planned.of(ChangeKind.KEEP)[0].reason
        assert (project / FEATURE).read_text() == "Feature: mine\n"
    assert not plan([altered], Settings(), project).stale
    (project / FEATURE).unlink()
    assert kinds(generate(project, altered)) == {FEATURE: "create", MANIFEST: "update"}
    assert not generate(project, altered).of(ChangeKind.KEEP)


def test_an_edit_that_is_taken_back_is_forgotten(project: Path) -> None:
    generate(project, BOTH)
    before = read_files(project)
    (project / FEATURE).write_bytes(b"mine")
    generate(project, BOTH)
    (project / FEATURE).write_bytes(before[FEATURE])
    assert not generate(project, BOTH).of(ChangeKind.KEEP)
    assert read_files(project) == before


def test_a_file_of_the_users_own_is_not_touched_where_a_feature_would_go(project: Path) -> None:
    (project / FOLDER).mkdir(parents=True)
    (project / FEATURE).write_text("Feature: here first\n")
    for _ in range(2):
        planned = generate(project, BOTH)
        assert kinds(planned)[FEATURE] == "keep"
        assert "not written by talkqa" in planned.of(ChangeKind.KEEP)[0].reason
    assert (project / FEATURE).read_text() == "Feature: here first\n"


def test_a_feature_written_by_hand_beside_the_generated_ones_is_none_of_our_business(project: Path) -> None:
    generate(project, BOTH)
    (project / FOLDER / "mine.feature").write_text("Feature: mine\n")
    assert not generate(project, BOTH).stale
    generate(project, replace(BOTH, flows=()))
    assert set(read_files(project)) == {f"{FOLDER}/mine.feature"}


def test_an_edited_orphan_is_kept_and_reported_each_time(project: Path) -> None:
    generate(project, BOTH)
    (project / ORDERS).write_text("Feature: mine\n")
    for _ in range(2):
        planned = generate(project, make_world(CUSTOMER))
        assert kinds(planned)[ORDERS] == "keep"
        assert "no document promises it" in planned.of(ChangeKind.KEEP)[0].reason
    assert (project / ORDERS).exists()


def test_a_lost_manifest_is_made_again_and_equal_files_are_ours_again(project: Path) -> None:
    generate(project, BOTH)
    before = read_files(project)
    (project / MANIFEST).unlink()
    assert kinds(generate(project, BOTH)) == {MANIFEST: "create"}
    assert read_files(project) == before


def test_a_tampered_manifest_is_mended(project: Path) -> None:
    generate(project, BOTH)
    before = read_files(project)
    (project / MANIFEST).write_bytes(before[MANIFEST].replace(b'"rule":"every"', b'"rule":"never"'))
    assert kinds(generate(project, BOTH)) == {MANIFEST: "update"}
    assert read_files(project) == before


def test_a_manifest_that_cannot_be_read_stops_with_advice(project: Path) -> None:
    generate(project, BOTH)
    (project / MANIFEST).write_text("<<<<<<< ours")
    with pytest.raises(PlanError, match=r"bakery/web-shop/manifest\.json.*\n.*delete it"):
        plan([BOTH], Settings(), project)


def test_a_world_whose_documents_are_gone_is_removed_with_its_folders(project: Path) -> None:
    generate(project, BOTH)
    (project / "specs" / "invented.rst").unlink()
    planned = generate(project)
    assert set(kinds(planned).values()) == {"orphan"}
    assert "dropped" in planned.changes[0].reason
    assert not (project / FOLDER).parent.exists()


def test_a_world_that_was_not_asked_about_is_left_alone(project: Path) -> None:
    generate(project, BOTH)
    before = read_files(project)
    assert not generate(project).changes
    other = make_world(CUSTOMER, path="specs/other.rst", slug="bakery/mill")
    assert FEATURE not in kinds(generate(project, other))
    assert before.items() <= read_files(project).items()


def test_a_world_whose_document_now_names_another_system_is_removed(project: Path) -> None:
    generate(project, BOTH)
    renamed = replace(BOTH, slug="bakery/shop", target="Shop")
    planned = generate(project, renamed)
    assert {change.kind for change in planned.changes if change.path.startswith("bakery/web-shop")} == {"orphan"}
    assert not (project / FOLDER).exists()
    assert (project / "generated_tests" / "bakery" / "shop").exists()


def test_an_edited_file_survives_its_world(project: Path) -> None:
    generate(project, BOTH)
    (project / FEATURE).write_text("Feature: mine\n")
    (project / "specs" / "invented.rst").unlink()
    assert kinds(generate(project))[FEATURE] == "keep"
    assert set(read_files(project)) == {FEATURE}


def test_a_world_of_documents_outside_the_project_is_never_taken_for_dropped(project: Path) -> None:
    outside = make_world(CUSTOMER, path="/nowhere/invented.rst")
    generate(project, outside)
    assert not generate(project).changes
    assert not generate(project, outside).stale


def test_a_call_with_half_of_a_worlds_documents_is_refused(project: Path) -> None:
    (project / "specs" / "second.rst").write_text("Invented too.")
    generate(project, make_world(CUSTOMER, ORDER, paths=["specs/invented.rst", "specs/second.rst"]))
    with pytest.raises(PlanError, match=r"rest on specs/second\.rst as well"):
        plan([make_world(CUSTOMER)], Settings(), project)
    (project / "specs" / "second.rst").unlink()
    assert kinds(generate(project, make_world(CUSTOMER))) == {ORDERS: "orphan", MANIFEST: "update"}


def test_a_manifest_cannot_have_files_elsewhere_removed(project: Path) -> None:
    generate(project, BOTH)
    manifest = (project / MANIFEST).read_bytes()
    (project / MANIFEST).write_bytes(manifest.replace(b'"order--cart.feature"', b'"../../../specs/invented.rst"'))
    with pytest.raises(PlanError, match="no file of its own folder"):
        plan([make_world(CUSTOMER)], Settings(), project)
    assert (project / "specs" / "invented.rst").exists()


def test_a_link_out_of_the_output_folder_is_refused(project: Path) -> None:
    (project / "elsewhere").mkdir()
    (project / "generated_tests").mkdir()
    (project / "generated_tests" / "bakery").symlink_to(project / "elsewhere", target_is_directory=True)
    with pytest.raises(PlanError, match="leads out of"):
        plan([BOTH], Settings(), project)


@pytest.mark.parametrize("slug", ["../web-shop", "bakery/..", "/web-shop", "bakery/a\\b"])
def test_no_world_is_written_outside_the_output_folder(project: Path, slug: str) -> None:
    source, _, target = slug.rpartition("/")
    world = replace(make_world(CUSTOMER), slug=f"{source}/{target}")
    generate(project, world)
    assert {path.name for path in project.iterdir()} == {"specs", "generated_tests"}


def test_a_file_that_changes_between_planning_and_writing_is_not_lost(project: Path) -> None:
    generate(project, BOTH)
    planned = plan([make_world(make_flow(rows=[make_row("phone", "Phone")]), ORDER)], Settings(), project)
    (project / FEATURE).write_text("Feature: mine\n")
    with pytest.raises(PlanError, match="changed since it was planned"):
        write(planned)
    assert (project / FEATURE).read_text() == "Feature: mine\n"


def test_a_failing_write_leaves_the_old_file_and_no_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(project, BOTH)
    before = read_files(project)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PlanError, match="cannot be written: Permission denied"):
        generate(project, make_world(make_flow(rows=[make_row("phone", "Phone")]), ORDER))
    assert read_files(project) == before


def test_what_stands_in_the_way_of_a_file_is_named(project: Path) -> None:
    (project / FEATURE).mkdir(parents=True)
    with pytest.raises(PlanError, match=r"customer--account\.feature: cannot be read"):
        plan([BOTH], Settings(), project)


def test_a_folder_of_someone_elses_is_left_alone(project: Path) -> None:
    other = project / "generated_tests" / "mine" / "too"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text('{"name": "a browser extension"}')
    (project / "generated_tests" / "note.txt").write_text("note")
    generate(project, BOTH)
    assert (other / "manifest.json").exists()


def test_nothing_that_is_generated_names_this_machine(project: Path) -> None:
    world = make_world(CUSTOMER, ORDER, path=str(project / "specs" / "invented.rst"))
    generate(project, world)
    assert not [name for name, raw in read_files(project).items() if str(project).encode() in raw]


def test_the_output_folder_may_lie_anywhere(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    planned = generate(project, BOTH, output=str(elsewhere))
    assert (elsewhere / "bakery" / "web-shop" / "manifest.json").exists()
    assert planned.show(planned.changes[0]) == f"{elsewhere.as_posix()}/bakery/web-shop/customer--account.feature"


def test_the_diff_shows_what_writing_would_change(project: Path) -> None:
    assert "--- /dev/null\n+++ b/generated_tests/bakery/web-shop/order--cart.feature\n" in diff(
        plan([BOTH], Settings(), project)
    )
    generate(project, BOTH)
    assert diff(plan([BOTH], Settings(), project)) == ""
    (project / ORDERS).write_bytes((project / ORDERS).read_bytes() + b"  # a note")
    shown = diff(plan([make_world(make_flow(rows=[make_row("phone", "Phone")]))], Settings(), project))
    assert f"# kept: {ORDERS}: edited by hand" in shown
    assert f"--- a/{FEATURE}\n+++ b/{FEATURE}\n" in shown
    assert "-        | bakery.customer--web-shop.account/edited-in-source/name~Name | name | Name |\n" in shown
    assert "+        | bakery.customer--web-shop.account/edited-in-source/phone~Phone | phone | Phone |\n" in shown


def test_the_diff_of_a_file_without_a_last_line_feed_says_so() -> None:
    change = Change(kind=ChangeKind.UPDATE, path="a/b/x.feature", before=b"one\ntwo", after=b"one\ntwo\n")
    shown = diff(Plan(output=Path("/nowhere"), label="out", changes=(change,)))
    assert shown.splitlines()[-4:] == [" one", "-two", "\\ No newline at end of file", "+two"]


def test_line_ends_of_a_checkout_are_no_edit(project: Path) -> None:
    generate(project, BOTH)
    for path in (project / FOLDER).iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not generate(project, BOTH).stale


def test_nothing_is_left_behind_by_writing(project: Path) -> None:
    generate(project, BOTH)
    assert not [name for name in os.listdir(project / FOLDER) if name.startswith(".")]  # noqa: PTH208


def test_an_orphan_that_a_person_removed_already_is_forgotten(project: Path) -> None:
    generate(project, BOTH)
    (project / ORDERS).unlink()
    assert kinds(generate(project, make_world(CUSTOMER))) == {MANIFEST: "update"}


def test_a_world_that_promises_nothing_leaves_nothing(project: Path) -> None:
    assert not generate(project, replace(BOTH, flows=())).changes
    assert not (project / "generated_tests").exists()
