"""What is kept of records that are not ours."""

import json
from typing import Any

from talkqa.model.record import Exchange, Record
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.verify.foreign import FOREIGN, Reduction, leaves_of

CUSTOMER = EntitySchema(
    name="Customer",
    fields=tuple(FieldSchema(path=path, type=FieldType.STRING) for path in ("Id", "name", "town")),
    id_field="Id",
    modified_field="changed",
    created_field="made",
)
REDUCTION = Reduction(
    {"CRM": SystemSchema(name="CRM", entities=(CUSTOMER,))},
    b"key",
    lambda body: "ours" in set(leaves_of(body)),
    lambda text: "z9y8x7" if "z9y8x7" in text else "",
)
THEIRS: dict[str, Any] = {"Id": "7", "name": "Telling", "changed": "2030-01-01", "made": "2029-01-01"}


def reduced(body: object, status: int = 200) -> Any:
    said = body if isinstance(body, str) else json.dumps(body)
    exchange = Exchange(method="GET", url="/x", status=status, at_s=0, response_body=said)
    return REDUCTION.exchange(exchange).response_body


def test_of_a_foreign_record_id_stamp_and_hash_are_kept_wherever_it_stands() -> None:
    ours = {"Id": "1", "name": "ours", "owner": THEIRS}
    kept = json.loads(reduced({"total": 2, "rows": [ours, THEIRS, {"node": THEIRS}]}))
    theirs = kept["rows"][1]
    assert theirs == {"Id": "7", "changed": "2030-01-01", FOREIGN: theirs[FOREIGN]}
    assert kept["rows"][0] == {"Id": "1", "name": "ours", "owner": theirs}
    assert kept["rows"][2] == {"node": theirs}
    assert "Telling" not in json.dumps(kept)


def test_equal_records_have_equal_hashes_and_others_have_others() -> None:
    one, other = json.loads(reduced([THEIRS, {**THEIRS, "name": "Else"}]))
    assert one == json.loads(reduced([THEIRS]))[0]
    assert one[FOREIGN] != other[FOREIGN]


def test_of_what_the_run_wrote_into_it_nothing_but_that_is_kept() -> None:
    mixed = {**THEIRS, "name": "Telling z9y8x7", "address": {"town": "z9y8x7", "street": "Telling"}}
    assert REDUCTION.excerpt(mixed) == {"made": "2029-01-01", "name": "z9y8x7", "address": {"town": "z9y8x7"}}
    assert REDUCTION.excerpt(THEIRS) == {}
    (kept,) = json.loads(reduced([mixed]))
    assert kept["name"] == "z9y8x7"


def test_errors_and_what_is_no_record_stay_readable() -> None:
    told = {"errors": [{"message": "too long", "field": "name"}]}
    assert json.loads(reduced(told)) == told
    assert json.loads(reduced(THEIRS, status=409)) == THEIRS
    assert reduced("") == ""


def test_a_body_that_was_cut_off_is_not_kept() -> None:
    cut = json.dumps([THEIRS] * 9)[:100]
    assert "Telling" not in reduced(cut)
    assert "100 characters" in reduced(cut)


def test_a_record_that_was_sighted_is_shown_where_it_is_ours() -> None:
    def record(**values: str) -> Record:
        return Record(system="CRM", entity="Customer", id="7", values=values, modified=None)

    assert REDUCTION.shown(record(name="ours")) == {"name": "ours"}
    assert set(REDUCTION.shown(record(name="Telling"))) == {FOREIGN}
    assert REDUCTION.shown(record(name="Telling", town="z9y8x7"))["town"] == "z9y8x7"
    assert REDUCTION.record(record(name="Telling")) != REDUCTION.record(record(name="Else"))


def test_an_id_is_found_as_text_or_number_and_below_an_only_member() -> None:
    assert REDUCTION.id_of({"Id": 7}) == "7"
    assert REDUCTION.id_of({"node": {"Id": "7"}}) == "7"
    assert REDUCTION.id_of({"Id": True, "name": "x"}) is None
    assert REDUCTION.id_of({"node": 7}) is None
