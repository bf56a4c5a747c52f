"""Packed bodies come back letter by letter, and are shorter where records repeat."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.transport.packing import LIKE, WITHOUT, Packing

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, 2.5]) | st.text("ab", max_size=3)
RECORDS = st.fixed_dictionaries(
    {"Id": st.sampled_from(["1", "2", "3"]), **dict.fromkeys("abcde", SCALARS)},
    optional={name: SCALARS | st.lists(SCALARS, max_size=2) for name in "vwxyz"},
)
BODIES = st.lists(RECORDS, max_size=3).map(lambda rows: {"d": {"results": rows}}) | RECORDS | SCALARS
TEXTS = BODIES.map(lambda body: json.dumps(body, separators=(",", ":"))) | st.just('{"a": 1}') | st.just("no json")


def through(bodies: list[str]) -> list[str]:
    """Packed and unpacked as a cassette does."""
    packing, unpacking = Packing(), Packing()
    out = []
    for body in bodies:
        packed = packing.pack(body)
        if packed is None:
            unpacking.skip(body)
        out.append(body if packed is None else unpacking.unpack(packed))
    return out


@given(st.lists(TEXTS, max_size=8))
def test_what_was_packed_comes_back_exactly(bodies: list[str]) -> None:
    assert through(bodies) == bodies


def record(name: str, **more: Any) -> str:
    empty = dict.fromkeys("abcdefghij")
    return json.dumps({"Id": name, **empty, **more}, separators=(",", ":"))


def test_a_record_is_told_by_what_changed() -> None:
    """Against its last version, or the last record that has the same members."""
    packing = Packing()
    assert packing.pack(record("1", a="x")) is None
    assert packing.pack(record("1", a="y", b=1)) == '{"Id":"1","talkqa_like":"1","a":"y","b":1}'
    assert packing.pack(record("2", a="y", b=True)) == '{"Id":"2","talkqa_like":"1","b":true}'
    without = json.loads(record("1", a="y", b=1))
    del without["j"]
    packed = json.loads(str(packing.pack(json.dumps(without, separators=(",", ":")))))
    assert (packed[LIKE], packed[WITHOUT]) == ("1", ["j"])


def test_what_is_not_ours_to_read_stays_as_it_is() -> None:
    """A body in another spelling, one that speaks as a packed one does, and one in which everything changed."""
    packing = Packing()
    packing.skip(record("1"))
    assert packing.pack(json.dumps(json.loads(record("1")))) is None
    assert packing.pack(record("1", **{LIKE: "9"})) is None
    assert packing.pack(record("1", **dict.fromkeys("abcdefghi", 1))) is None
    assert packing.pack("[" * 100_000) is None


def test_a_reference_to_nothing_is_an_error() -> None:
    """A cassette that was cut or reordered by hand."""
    with pytest.raises(KeyError):
        Packing().unpack('{"Id":"1","talkqa_like":"1"}')
