"""decisions.toml: what it says, where it says it, and everything that is wrong with it at once."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.config import read_settings
from talkqa.config.approval import append_mappings, quote, render_mappings
from talkqa.config.decisions import find_lines
from talkqa.model.decision import FlowShape
from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ConfigError

WHOLE = '''\
# Ours, by hand: [[mappings]] in a comment is none.

[[mappings]]
flow = "a.x--b.y"
source = "name"
target = "Name"
data_type = "\\"string\\""
approved_by = "K. Olsen"
approved_on = 2025-03-01
note = """
[[mappings]]
inside a text
"""

[[mappings]]
flow = "a.x--b.y"
source = "town"
target = "City"
data_type = "N/A"
ways = "to target"
approved_by = "K. Olsen"
approved_on = "2025-03-02"

[[shapes]]
flow = "a.x--b.y"
shape = "lookup"

[[bindings]]
text = "When it is won"
holds = { Stage = "Won" }

[[bindings]]
source = "A X"
connected = "A Z"
path = "z_id"

[[waivers]]
checks = "a.x--b.y/edited-in-target/*"
reason = "one way until the new engine"
owner = "the team"
expires = 2025-12-31

[[adopted]]
policy = "empty-keeps"
expects = "kept"
flows = "a.*"
'''


def _row(**changes: object) -> ProposedRow:
    values: dict[str, object] = {
        "flow_id": "a.x--b.y",
        "source": "name",
        "target": "Name",
        "data_type": '"string"',
        "ways": Ways.BOTH,
        "confidence": 0.99,
        "observations": ("seen", "seen again"),
    }
    return ProposedRow(**{**values, **changes})  # type: ignore[arg-type]


def test_every_kind_of_decision_is_read_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "decisions.toml").write_text(WHOLE)
    settings = read_settings(tmp_path)
    decisions = settings.decisions
    name, town = decisions.mappings
    assert (str(name.location), str(town.location)) == ("decisions.toml:3", "decisions.toml:15")
    assert (name.ways, town.ways) == (Ways.BOTH, Ways.TO_TARGET)
    assert name.approval == "approved by K. Olsen on 2025-03-01"
    assert town.approved_on == date(2025, 3, 2)
    assert decisions.shape_of("a.x--b.y") is FlowShape.LOOKUP
    assert decisions.shape_of("a.x--b.z") is None
    assert [binding.text for binding in settings.conditions] == ["When it is won"]
    assert [binding.path for binding in settings.connections] == ["z_id"]
    assert str(decisions.waivers[0].location) == "decisions.toml:37"
    assert decisions.adopted[0].flows == "a.*"


def test_a_waiver_is_valid_on_its_last_day_and_not_after_it(tmp_path: Path) -> None:
    (tmp_path / "decisions.toml").write_text(WHOLE)
    decisions = read_settings(tmp_path).decisions
    check = "a.x--b.y/edited-in-target/name~Name"
    assert decisions.waiver_of(check, date(2025, 12, 31)) is not None
    assert decisions.waiver_of(check, date(2026, 1, 1)) is None
    assert decisions.waiver_of("a.x--b.y/edited-in-source/name~Name", date(2025, 12, 31)) is None


def test_the_first_entry_that_names_a_flow_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "decisions.toml").write_text(WHOLE + '[[adopted]]\npolicy = "empty-keeps"\nexpects = "emptied"\n')
    decisions = read_settings(tmp_path).decisions
    expected = {flow: decisions.policy_of("empty-keeps", flow) for flow in ("a.x--b.y", "c.x--d.y")}
    assert {flow: one and one.expects for flow, one in expected.items()} == {"a.x--b.y": "kept", "c.x--d.y": "emptied"}
    assert decisions.policy_of("delete-stays", "a.x--b.y") is None


def test_all_problems_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "talkqa.toml").write_text("dept = 3\n")
    (tmp_path / "decisions.toml").write_text(
        """\
[[mapings]]
[[mappings]]
flow = "f"
source = "a"
target = "b"
data_type = "N/A"
approved_by = "K"
approved_on = "yesterday"
[[shapes]]
flow = "f"
shape = "rekord"
[[waivers]]
checks = "f/created"
ownr = "x"
[[adopted]]
policy = "quiet"
expects = "kept"
[[adopted]]
policy = "empty-keeps"
expects = "survives"
[[bindings]]
text = "When"
"""
    )
    with pytest.raises(ConfigError) as told:
        read_settings(tmp_path)
    text = str(told.value)
    for part in (
        "talkqa.toml: there is no key 'dept', did you mean 'depth'?",
        "there is no section [[mapings]]; the sections are mappings,",
        "[[mappings]] in line 2: approved_on must be a day such as 2026-03-31, not 'yesterday'",
        "[[shapes]] in line 9: shape must be one of record, part, lookup, reference (did you mean 'record'?)",
        "[[waivers]] in line 12: there is no key 'ownr', did you mean 'owner'?",
        "[[waivers]] in line 12: reason and owner and expires must be given",
        "[[adopted]] in line 15: policy must be one of latest-wins,",
        "[bindings]: holds is missing",
    ):
        assert part in text


def test_what_a_policy_cannot_end_as_is_told_with_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "decisions.toml").write_text('[[adopted]]\npolicy = "empty-keeps"\nexpects = "survives"\n')
    with pytest.raises(ConfigError, match="must be one of kept, emptied, gone for empty-keeps, not 'survives'"):
        read_settings(tmp_path)


def test_nothing_is_decided_twice(tmp_path: Path) -> None:
    row = render_mappings([_row()], by="K", on=date(2025, 1, 1))
    shape = '[[shapes]]\nflow = "f"\nshape = "part"\n'
    (tmp_path / "decisions.toml").write_text(row + row + shape + shape)
    with pytest.raises(ConfigError) as told:
        read_settings(tmp_path)
    assert "line 8: 'name' to 'Name' is approved in line 1 already" in str(told.value)
    assert "line 18: the shape of this flow is decided in line 15 already" in str(told.value)


@pytest.mark.parametrize("text", ["[[mappings]\n", "mappings = 3\n", 'bindings = "x"\n', "mappings = [1]\n"])
def test_what_is_no_decision_at_all_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "decisions.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"decisions\.toml"):
        read_settings(tmp_path)


def test_decisions_stand_beside_the_settings_that_were_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "own.toml").write_text("")
    (tmp_path / "sub" / "decisions.toml").write_text('[[shapes]]\nflow = "f"\nshape = "part"\n')
    assert read_settings(tmp_path).decisions.shapes == ()
    assert len(read_settings(tmp_path, tmp_path / "sub" / "own.toml").decisions.shapes) == 1


def test_an_entry_of_an_inline_list_has_the_file_for_a_place(tmp_path: Path) -> None:
    (tmp_path / "decisions.toml").write_text('\nshapes = [{ flow = "f", shape = "part" }]\n')
    assert str(read_settings(tmp_path).decisions.shapes[0].location) == "decisions.toml:1"


def test_what_was_written_by_hand_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text(WHOLE + "# the end")
    append_mappings(path, render_mappings([_row(source="zip")], by="N", on=date(2025, 4, 1)))
    assert path.read_text().startswith(WHOLE + "# the end\n\n[[mappings]]\n")
    assert [row.source for row in read_settings(tmp_path).decisions.mappings] == ["name", "town", "zip"]


def test_a_file_that_cannot_take_an_entry_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text("mappings = []\n")
    with pytest.raises(ConfigError, match="nothing was added"):
        append_mappings(path, render_mappings([_row()], by="N", on=date(2025, 4, 1)))
    assert path.read_text() == "mappings = []\n"
    assert list(tmp_path.iterdir()) == [path]


TEXTS = st.text(min_size=1).filter(str.strip)


@given(flow=TEXTS, source=TEXTS, target=TEXTS, data_type=TEXTS, by=TEXTS, note=st.text(), ways=st.sampled_from(Ways))
def test_whatever_is_approved_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    flow: str,
    source: str,
    target: str,
    data_type: str,
    by: str,
    note: str,
    ways: Ways,
) -> None:
    """Names out of an API are not trusted: none of them can become a key, a section or a line of its own."""
    folder = tmp_path_factory.mktemp("approved")
    row = _row(flow_id=flow, source=source, target=target, data_type=data_type, ways=ways)
    append_mappings(folder / "decisions.toml", render_mappings([row], by=by, on=date(2025, 1, 2), note=note))
    (read,) = read_settings(folder).decisions.mappings
    assert (read.flow_id, read.source, read.target, read.data_type) == (flow, source, target, data_type)
    assert (read.ways, read.approved_by, read.note.strip()) == (ways, by, note.strip())


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert quote("a\ud800b") == '"a\N{REPLACEMENT CHARACTER}b"'


@given(
    st.lists(st.sampled_from(['x = "[[a]]"', "x = '''\n[[a]]\n'''", "# [[a]]", "[[a]]", " [[ a ]] # x", "", "y = 1"]))
)
def test_the_heads_of_entries_are_found_and_nothing_else(parts: list[str]) -> None:
    text, expected, line = "", [], 1
    for part in parts:
        if part.strip().startswith("[["):
            expected.append(line)
        text += part + "\n"
        line += part.count("\n") + 1
    assert find_lines(text) == ({"a": tuple(expected)} if expected else {})
