"""What looks right at first sight and is not, and what looks wrong and is right: the harness looks twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talkqa.documents.transforms import read_transform
from talkqa.model.flow import PropertyRow, RuleKind, Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.result import Event, MappingSeen, Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.verify.clock import TrioClock
from talkqa.verify.conduct import Conduct
from talkqa.verify.world import VerifyWorld
from tests.fakes.client import FakeSystem
from tests.fakes.clock import EPOCH
from tests.fakes.engine import TinyEngine
from tests.fakes.flows import make_flow, make_row, make_world
from tests.fakes.virtual import run_virtual
from tests.unit.verify.test_engines import CONDITION, ROWS, SOLD
from tests.unit.verify.test_scenarios import MAPPING, Outcomes, empty_flow, filled_flow, run

WITHOUT_BLANKS = '["replace", " ", "", "_."]'
TRUTHFUL = {Outcome.PASSED, Outcome.OBSERVED}


def _text(path: str) -> FieldSchema:
    return FieldSchema(path=path, type=FieldType.STRING, max_length=60)


def _systems(ours: tuple[FieldSchema, ...], theirs: tuple[FieldSchema, ...]) -> tuple[SystemSchema, SystemSchema]:
    return (
        SystemSchema(name="Bakery", entities=(EntitySchema(name="Customer", fields=ours, name_field="name"),)),
        SystemSchema(name="Web Shop", entities=(EntitySchema(name="Account", fields=theirs, name_field="name"),)),
    )


def _told(outcomes: Outcomes) -> dict[str, str]:
    return {name: f"{r.outcome} {r.reason}" for name, r in outcomes.results.items()}


def _mapping(outcomes: Outcomes) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in outcomes.events if isinstance(e, MappingSeen)}


def _together(value: FieldValue) -> FieldValue:
    return value.replace(" ", "") if isinstance(value, str) else value


class Joining(TinyEngine):
    """Leaves out the blanks of texts on their way to the target, as the document says."""

    def _copied(self, record: Record) -> dict[str, FieldValue]:
        return {path: _together(value) for path, value in super()._copied(record).items()}


def _transformed() -> tuple[PropertyRow, ...]:
    name = replace(make_row("name", "title", WITHOUT_BLANKS), transform=read_transform(WITHOUT_BLANKS))
    return name, make_row("credit", "limit", '"decimal"')


def _joined(tmp_path: Path, way: str, restricted: bool = False) -> Outcomes:
    decimal = FieldType.DECIMAL
    kinds = (RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES) if restricted else ()
    more = {"condition": ("remark", "sold"), "conditions": (SOLD,)} if restricted else {}
    return run(
        make_flow(*kinds, rows=_transformed(), **({"condition": CONDITION} if restricted else {})),
        tmp_path,
        way,
        engine_type=Joining,
        schemas=_systems(
            (_text("name"), _text("remark"), FieldSchema(path="credit", type=decimal)),
            (_text("name"), _text("title"), FieldSchema(path="limit", type=decimal)),
        ),
        mapping={"name": "title", "credit": "limit"},
        only=lambda check: check.name in {"created", "condition-fails"},
        **more,
    )


@pytest.mark.parametrize(
    ("way", "told"),
    [("", "passed no-copies"), ("duplicates", "failed duplicate"), ("imports-copies", "failed imported-copy")],
)
def test_a_copy_is_counted_by_what_a_transform_made_of_its_values(way: str, told: str, tmp_path: Path) -> None:
    assert _told(_joined(tmp_path, way)) == {"created": told}


def test_a_record_that_must_stay_out_is_known_by_what_a_transform_makes_of_its_values(tmp_path: Path) -> None:
    assert _told(_joined(tmp_path, "", restricted=True))["condition-fails"] == "passed no-copies"
    told = _told(_joined(tmp_path, "condition-ignored", restricted=True))
    assert told["condition-fails"] == "failed travelled-though-forbidden"


class Belated(TinyEngine):
    """Makes a second copy of each record long after the first."""

    async def _create(self, record: Record) -> None:
        await super()._create(record)
        self.copies = [*getattr(self, "copies", []), (self.cycles + 8, self._copied(record))]

    async def cycle(self) -> None:
        await super().cycle()
        waiting = getattr(self, "copies", [])
        self.copies = [copy for copy in waiting if copy[0] > self.cycles]
        for due, values in waiting:
            if due <= self.cycles:
                await self.target.create(self.flow.target.entity, values)


def test_a_second_copy_that_comes_late_is_seen_by_each_check_that_promises_one(tmp_path: Path) -> None:
    flow = make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES, rows=ROWS, condition=CONDITION)
    outcomes = run(
        flow, tmp_path, engine_type=Belated, condition=("remark", "sold"), conditions=(SOLD,),
        only=lambda check: check.name in {"created", "condition-holds", "condition-fails"},
    )  # fmt: skip
    assert _told(outcomes) == dict.fromkeys(("created", "condition-holds", "condition-fails"), "failed duplicate")


class Restless(TinyEngine):
    """Writes the target once more after an edit of the source was carried, and then the source."""

    async def _carry(self, side: Side, record: Record, other_id: str) -> None:
        known = self.seen.get((side, record.id), {})
        edited = side is Side.SOURCE and any(record.values.get(path) != known.get(path) for path in self.mapping)
        await super()._carry(side, record, other_id)
        if not edited or self.updates.get(record.id) != 2:  # the first one confirmed the link
            return
        for after, of, record_id in ((3, Side.TARGET, other_id), (4, Side.SOURCE, record.id)):
            client = self.target if of is Side.TARGET else self.source
            held = await client.get(self.flow.entity(of).entity, record_id)
            paths = self.mapping.values() if of is Side.TARGET else self.mapping
            if held is not None:
                self.later.append((self.cycles + after, of, record_id, {path: held.values.get(path) for path in paths}))


def test_two_writes_after_an_edit_are_no_rest_though_each_side_was_written_once(tmp_path: Path) -> None:
    outcomes = run(filled_flow(), tmp_path, engine_type=Restless, only=lambda check: check.name == "quiet")
    assert _told(outcomes) == {"quiet": "failed not-at-rest"}


@pytest.mark.parametrize("flow", [filled_flow(), empty_flow()], ids=["filled", "empty"])
def test_a_value_that_was_kept_shows_nothing_where_no_edit_arrives(flow: object, tmp_path: Path) -> None:
    outcomes = run(flow, tmp_path, "source-edits-dropped", only=lambda check: check.name == "empty-keeps")
    assert _told(outcomes) == {"empty-keeps": "undecided vacuous"}
    kept = run(flow, tmp_path, "keeps-filled", only=lambda check: check.name == "empty-keeps")
    assert _told(kept) == {"empty-keeps": "observed empty-seen"}
    assert kept.of("empty-keeps").observed == "kept"


class Constant(TinyEngine):
    """Gives every target the same grade, which is the only one that the source knows too."""

    def _copied(self, record: Record) -> dict[str, FieldValue]:
        return {**super()._copied(record), "grade": "Customary"}


def test_what_is_equal_without_having_been_written_anew_did_not_travel(tmp_path: Path) -> None:
    grade = FieldSchema(path="grade", type=FieldType.PICKLIST, picklist=("Customary",), restricted=True, required=True)
    schemas = _systems((_text("name"), grade), (_text("title"), replace(grade, required=False)))

    def discovered(*ways: str) -> Outcomes:
        return run(
            empty_flow(), tmp_path, *ways, engine_type=Constant, schemas=schemas, mapping={"name": "title"},
            only=lambda check: check.name == "discovered",
        )  # fmt: skip

    assert _mapping(discovered()) == {("name", "title")}
    assert discovered("source-edits-dropped").of("discovered").outcome not in TRUTHFUL


class Labelling(TinyEngine):
    """Makes a label of two properties, one of which also travels alone."""

    def _labelled(self, record: Record, values: dict[str, FieldValue]) -> dict[str, FieldValue]:
        words = [str(record.values.get(path)).split()[:2] for path in ("name", "phone")]
        return {**values, "title": " / ".join(" ".join(some) for some in words)}

    def _copied(self, record: Record) -> dict[str, FieldValue]:
        return self._labelled(record, super()._copied(record))

    async def _carry(self, side: Side, record: Record, other_id: str) -> None:
        await super()._carry(side, record, other_id)
        source = record if side is Side.SOURCE else await self.source.get(self.flow.source.entity, other_id)
        target_id = other_id if side is Side.SOURCE else record.id
        target = await self.target.get(self.flow.target.entity, target_id)
        if source is not None and target is not None:
            label = self._labelled(source, {})
            if any(target.values.get(path) != value for path, value in label.items()):
                await self._write(Side.TARGET, target_id, label)


def test_a_label_that_follows_two_properties_of_no_document_moved_for_a_reason(tmp_path: Path) -> None:
    mapping = {"phone": MAPPING["phone"]}
    outcomes = run(
        empty_flow(), tmp_path, engine_type=Labelling, mapping=mapping,
        only=lambda check: check.name in {"edited-in-source", "edited-in-target"},
    )  # fmt: skip
    assert _told(outcomes) == dict.fromkeys(("edited-in-source", "edited-in-target"), "passed others-stayed")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ((None, None), [None]),
        ((None, True), [None, True]),
        ((True, None), [True]),
        ((None, False, True), [None, False, True]),
    ],
)
def test_the_way_back_of_a_property_is_told_once_it_is_known(
    told: tuple[bool | None, ...], kept: list[bool | None], tmp_path: Path
) -> None:
    """Whoever tells of it first may not have tried it."""
    events: list[Event] = []

    async def main() -> None:
        async with VerifyWorld(
            world=make_world(empty_flow()), clients={}, clock=TrioClock(EPOCH), settings=Settings(),
            ledger_path=tmp_path / "ledger.jsonl", emit=events.append, conduct=Conduct(),
        ) as world:  # fmt: skip
            for back in told:
                world.access.note_mapping(
                    MappingSeen(
                        flow_id="f", source="city", target="town", data_type="N/A", relation="equal",
                        documented=False, confirmations=2, both_ways=back,
                    )
                )  # fmt: skip

    run_virtual(main)
    assert [event.both_ways for event in events if isinstance(event, MappingSeen)] == kept


def _branches(way: str, tmp_path: Path) -> Outcomes:
    """Customers show the city of their branch, which all of them share; of themselves nothing travels but a day."""
    day, branch = FieldSchema(path="since", type=FieldType.DATE), ("Branch",)
    city = replace(_text("city"), createable=False, updateable=False)
    reference = FieldSchema(path="branch", type=FieldType.REFERENCE, references=branch, required=True)
    bakery, shop = _systems((_text("name"), day, city, reference), (_text("title"), _text("town"), day))
    town = EntitySchema(name="Branch", fields=(_text("name"), replace(_text("city"), required=True)), name_field="name")

    def show_cities(ours: FakeSystem, _theirs: FakeSystem) -> None:
        plain = ours.told

        def told(entity: str, stored: Any) -> Record:
            record = plain(entity, stored)
            branch_id = record.values.get("branch")
            if entity != "Customer" or branch_id is None:
                return record
            city = ours.table("Branch").records[branch_id].values["city"]
            return replace(record, values={**record.values, "city": city})

        ours.told = told  # type: ignore[method-assign]

    return run(
        make_flow(rows=(make_row("city", "town"), make_row("since", "since"))), tmp_path, way, before=show_cities,
        schemas=(replace(bakery, entities=(*bakery.entities, town)), shop),
        mapping={"city": "town", "since": "since"}, only=lambda check: check.name in {"created", "edited-in-source"},
    )  # fmt: skip


def test_what_all_records_of_one_parent_show_is_no_mark_of_any_of_them(tmp_path: Path) -> None:
    told = _told(_branches("", tmp_path))
    assert told["created"] == "passed no-copies"
    assert told["edited-in-source/since~since"] == "passed others-stayed"
