"""Tests of `talkqa.verify.ledger`."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.verify.ledger import Ledger, LedgerEntry, read_ledger, read_places


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "r1" / "world.ledger.jsonl"


def _ids(entries: tuple[LedgerEntry, ...]) -> list[str | None]:
    return [entry.record_id for entry in entries]


def test_an_intent_is_on_disk_before_it_is_confirmed(path: Path) -> None:
    """A process killed between the write and its answer leaves an entry without id."""
    with Ledger(path, durable=False) as ledger:
        token = ledger.intend("Shop", "Customer", "created", "created#0")
        assert read_ledger(path) == (
            LedgerEntry(
                token=token, system="Shop", entity="Customer", record_id=None, check="created", key="created#0"
            ),
        )


def test_a_confirmed_record_is_open_under_its_id(path: Path) -> None:
    """The id is what the sweep needs."""
    with Ledger(path, durable=True) as ledger:
        ledger.confirm(ledger.intend("Shop", "Customer", "created", "k"), "c1")
        assert _ids(ledger.open_entries()) == ["c1"]
        assert ledger.holds("Shop", "Customer", "c1")
    assert _ids(read_ledger(path)) == ["c1"]


def test_open_entries_are_newest_first(path: Path) -> None:
    """Children come before the parents that were written before them."""
    with Ledger(path, durable=False) as ledger:
        parent = ledger.intend("Shop", "Customer", "c", "k1")
        child = ledger.intend("Shop", "Order", "c", "k2")
        ledger.confirm(child, "o1")
        ledger.confirm(parent, "c1")
        ledger.adopt("Till", "Order", "t1", "c", "carries the sentinel of o1")
        assert _ids(ledger.open_entries()) == ["t1", "o1", "c1"]


def test_removed_records_are_closed(path: Path) -> None:
    """What is gone needs no sweep."""
    with Ledger(path, durable=False) as ledger:
        ledger.confirm(ledger.intend("Shop", "Customer", "c", "k"), "c1")
        ledger.removed("Shop", "Customer", "c1")
        assert ledger.open_entries() == ()
        assert not ledger.holds("Shop", "Customer", "c1")
    assert read_ledger(path) == ()


def test_records_of_others_are_no_affair_of_the_ledger(path: Path) -> None:
    """Removing what was never written leaves no line."""
    with Ledger(path, durable=False) as ledger:
        ledger.removed("Shop", "Customer", "foreign")
    assert path.read_text() == ""


def test_a_refused_write_is_closed_by_its_token(path: Path) -> None:
    """Nothing came of it, so nothing is looked for."""
    with Ledger(path, durable=False) as ledger:
        ledger.void(ledger.intend("Shop", "Customer", "c", "k"))
        assert ledger.open_entries() == ()


def test_an_adopted_record_keeps_what_proves_it_ours(path: Path) -> None:
    """The engine's copy is ours by a sentinel, and the ledger says which."""
    with Ledger(path, durable=False) as ledger:
        ledger.adopt("Till", "Order", "t1", "created", "carries the sentinel of o1")
        ledger.adopt("Till", "Order", "t1", "created", "seen again")
    (entry,) = read_ledger(path)
    assert (entry.check, entry.why) == ("created", "carries the sentinel of o1")


def test_a_torn_last_line_loses_nothing_else(path: Path) -> None:
    """A process may be killed in the middle of a write."""
    with Ledger(path, durable=False) as ledger:
        ledger.confirm(ledger.intend("Shop", "Customer", "c", "k"), "c1")
        ledger.intend("Shop", "Customer", "c", "k2")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert _ids(read_ledger(path)) == ["c1"]


def test_a_reopened_ledger_goes_on_behind_a_torn_line(path: Path) -> None:
    """What is written next is not glued to the torn line, and tokens go on."""
    with Ledger(path, durable=False) as ledger:
        first = ledger.intend("Shop", "Customer", "c", "k")
        ledger.confirm(first, "c1")
    path.write_bytes(path.read_bytes() + b'{"op":"intend","tok')
    with Ledger(path, durable=False) as ledger:
        second = ledger.intend("Shop", "Customer", "c", "k2")
        assert second > first
        ledger.confirm(second, "c2")
    assert _ids(read_ledger(path)) == ["c2", "c1"]


def test_a_missing_ledger_has_no_entries(path: Path) -> None:
    """A world that never wrote needs no sweep."""
    assert read_ledger(path) == ()


def test_lines_of_a_newer_version_are_left_alone(path: Path) -> None:
    """An operation that is not known changes nothing."""
    with Ledger(path, durable=False) as ledger:
        ledger.confirm(ledger.intend("Shop", "Customer", "c", "k"), "c1")
    path.write_bytes(path.read_bytes() + b'{"op":"moved","token":1}\n["a list"]\n')
    assert _ids(read_ledger(path)) == ["c1"]


def test_only_a_durable_ledger_waits_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox need not survive the machine; a live system's records must not be forgotten."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for durable, expected in ((False, 0), (True, 3)):
        synced.clear()
        with Ledger(path.with_name(f"{durable}.jsonl"), durable=durable) as ledger:
            ledger.confirm(ledger.intend("Shop", "Customer", "c", "k"), "c1")
            ledger.adopt("Till", "Order", "t1", "c", "why")
            ledger.removed("Shop", "Customer", "c1")
        assert len(synced) == expected


_OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["intend", "confirm", "adopt", "removed", "void"]), st.integers(1, 6)), max_size=30
)


@settings(max_examples=60)
@given(operations=_OPERATIONS)
def test_a_reader_sees_what_the_writer_sees(
    operations: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However operations follow each other, the file holds the whole truth."""
    path = tmp_path_factory.mktemp("ledger") / "w.jsonl"
    with Ledger(path, durable=False) as ledger:
        for operation, number in operations:
            match operation:
                case "intend":
                    ledger.intend("Shop", "Customer", "c", f"k{number}")
                case "confirm":
                    ledger.confirm(number, f"r{number}")
                case "adopt":
                    ledger.adopt("Shop", "Customer", f"r{number}", "c", "why")
                case "removed":
                    ledger.removed("Shop", "Customer", f"r{number}")
                case "void":
                    ledger.void(number)
        assert read_ledger(path) == ledger.open_entries()
    with Ledger(path, durable=False) as again:
        assert again.open_entries() == read_ledger(path)


def test_a_record_that_was_seen_before_its_own_answer_came_is_one_entry(tmp_path: Path) -> None:
    """A poll may be quicker than the answer to a create: the record is ours, and no copy."""
    with Ledger(tmp_path / "world.ledger.jsonl", durable=False) as ledger:
        token = ledger.intend("Shop", "Customer", "c", "k")
        ledger.adopt("Shop", "Customer", "c1", "", "carries a value of ours")
        ledger.confirm(token, "c1")
        ledger.removed("Shop", "Customer", "c1")
        assert ledger.open_entries() == ()


def test_a_ledger_tells_where_its_ids_mean_something(tmp_path: Path) -> None:
    path = tmp_path / "world.ledger.jsonl"
    assert read_places(path) == {}
    with Ledger(path, durable=True) as ledger:
        ledger.note_place("Shop", "https://shop.test", "Bakery")
    assert read_places(path) == {"Shop": ("https://shop.test", "Bakery")}
