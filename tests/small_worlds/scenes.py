"""The small worlds: which rows join the two properties, how the pairs begin, and what people may do to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from talkqa.model.flow import EntityRef, PropertyRow, Qualifier, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.sandbox.pairing import Pairing, build_pairings
from tests.fakes.flows import HERE, make_flow
from tests.small_worlds.pair import SOURCE, TARGET, Pair, Stamp, Track, Value, Version

SIDES = (Side.SOURCE, Side.TARGET)
_LEFT = EntityRef(system="Left", entity="Thing")
_RIGHT = EntityRef(system="Right", entity="Thing")
_LOCKED = {"createable": False, "updateable": False}

NEW, AGAIN, TWIN, EMPTY, DELETE = "new", "again", "twin", "empty", "delete"
"""Kinds of edits: a new value, the same once more, the one that the other side holds, none, the record's end."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One kind of small world."""

    name: str
    rows: tuple[tuple[str, str], ...] = (("p", "p"), ("q", "q"))
    backwards: tuple[tuple[str, str], ...] = ()
    """Rows of a flow the other way: property of the right, property of the left."""
    fields: Mapping[tuple[int, str], Mapping[str, object]] = field(default_factory=dict)
    """What is special about a property on a side."""
    qualifiers: tuple[Qualifier, ...] = ()
    """Of the first row."""
    starts: tuple[tuple[tuple[Value, Value], tuple[Value, Value]], ...] = ((("p1", "q1"), ("p1", "q1")),) * 2
    """By record, both sides' values."""
    met: tuple[bool, bool] = (True, True)
    """By record, whether the engine has brought the pair together before."""
    edited: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
    """Side and property of what people edit."""
    kinds: tuple[str, ...] = (NEW, AGAIN, TWIN, EMPTY)
    choices: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """The values that an edit chooses from; otherwise each is a new one."""
    judged: tuple[str, ...] = ("latest", "latest")
    """By property, what is promised; see `oracle`."""
    edits: int = 3
    """How many edits people make at most."""
    fewer_because: str = ""
    """Why there are fewer edits than in the other scenes."""
    alike: bool = False
    """Whether the two properties differ in their names alone."""
    timeless: tuple[int, ...] = ()
    """The sides that tell no stamps."""
    ahead_s: int = 0
    """How far the target's clock is ahead of the source's; the stamps of a pair are true ones, a second apart."""

    def letter(self, prop: int, side: int) -> str:
        """The first letter of the values of a property."""
        joined = {ends[1]: ends[0] for ends in self.rows} if side == TARGET else {}
        return joined.get("pq"[prop], "pq"[prop])

    def pairing(self) -> Pairing:
        """The reference engine's view of it."""
        entities = {side: self._entity(side) for side in (SOURCE, TARGET)}
        schemas = {
            name: SystemSchema(name=name, entities=(entities[side], EntitySchema(name="Other", fields=_OTHER)))
            for side, name in enumerate(("Left", "Right"))
        }
        flows = [make_flow(source=_LEFT, target=_RIGHT, rows=self._rows(self.rows, self.qualifiers))]
        if self.backwards:
            flows.append(make_flow(source=_RIGHT, target=_LEFT, rows=self._rows(self.backwards, ())))
        (pairing,) = build_pairings(flows, schemas, (), ())
        return pairing

    def pairs(self) -> tuple[Pair, Pair]:
        """The two pairs before anybody does anything."""
        first, second = (self._pair(*start) for start in self.starts)
        return first, second

    def _pair(self, left: tuple[Value, Value], right: tuple[Value, Value]) -> Pair:
        stamps = [None if side in self.timeless else Stamp(0) for side in (SOURCE, TARGET)]
        versions = (Version(values=left, stamp=stamps[SOURCE]), Version(values=right, stamp=stamps[TARGET]))
        groups = len(self.pairing().groups)
        tracks = tuple((Track(last=left[prop]), Track(last=right[prop])) for prop in range(2))
        return Pair(
            actual=versions,
            known=versions,
            bases=(None,) * groups,
            seen=(None,) * (2 * groups),
            tracks=tracks,
            starts=left,
            dirty=True,
        )

    def _entity(self, side: int) -> EntitySchema:
        plain: dict[str, object] = {"type": FieldType.STRING}
        fields = (FieldSchema(path=path, **{**plain, **self.fields.get((side, path), {})}) for path in "pq")  # type: ignore[arg-type]
        return EntitySchema(name="Thing", fields=tuple(fields))

    def _rows(self, rows: Sequence[tuple[str, str]], qualifiers: tuple[Qualifier, ...]) -> tuple[PropertyRow, ...]:
        return tuple(
            PropertyRow(
                source=source,
                target=target,
                data_type='"string"' if "Other" not in str(self.fields) else "N/A",
                location=HERE,
                qualifiers=qualifiers if number == 0 else (),
            )
            for number, (source, target) in enumerate(rows)
        )


_OTHER = (FieldSchema(path="name", type=FieldType.STRING),)
_REFERENCE = {"type": FieldType.REFERENCE, "references": ("Other",)}
_ON = Qualifier(side=Side.SOURCE, value="on", path="q")

PLAIN = Scene(name="two plain rows", alike=True)
DELETED = Scene(name="records that are deleted", alike=True, kinds=(NEW, EMPTY, DELETE))
_IN_STEP = (("p1", "q1"), ("p1", "q1"))
_WHILE_MEETING = "the steps of the first meeting fall between the edits too, and a third makes millions of states"
MEETING = Scene(
    name="linked just now, and different",
    met=(False, True),
    starts=((("p1", None), ("p2", "q1")), _IN_STEP),
    edits=2,
    fewer_because=_WHILE_MEETING,
)
LIKENESS = Scene(
    name="linked just now, and hardly different",
    met=(False, True),
    starts=((("p1", "q1"), (None, "q1")), _IN_STEP),
    edits=2,
    fewer_because=_WHILE_MEETING,
)
CLOCKS = Scene(
    name="a row in each direction, clocks apart",
    rows=(("p", "p"),),
    backwards=(("q", "q"),),
    starts=((("p1", None), ("p1", None)),) * 2,
    ahead_s=1000,
)
WAITING = Scene(
    name="a reference that waits when just linked",
    rows=(("p", "p"),),
    fields={(SOURCE, "p"): _REFERENCE, (TARGET, "p"): _REFERENCE},
    met=(False, True),
    starts=((("l9", None), ("r1", None)), (("l1", None), ("r1", None))),
    edited=((0, 0), (1, 0)),
    kinds=(NEW, EMPTY),
    choices={(0, 0): ("l1", "l2", "l9"), (1, 0): ("r1", "r2", "r9")},
    judged=("refers", "free"),
)
SCENES = (
    PLAIN,
    DELETED,
    MEETING,
    LIKENESS,
    Scene(name="a target without stamps", timeless=(TARGET,), alike=True),
    Scene(name="a source without stamps", timeless=(SOURCE,), alike=True),
    Scene(
        name="a target that cannot be written",
        fields={(TARGET, "q"): _LOCKED},
        edited=((0, 0), (0, 1), (1, 0)),
        judged=("latest", "apart"),
    ),
    Scene(
        name="a source that cannot be written",
        fields={(SOURCE, "q"): _LOCKED},
        edited=((0, 0), (1, 0), (1, 1)),
        judged=("latest", "apart"),
    ),
    Scene(
        name="two sources of one target",
        rows=(("p", "p"), ("q", "p")),
        starts=((("p1", "q1"), ("p1", None)), ((None, "q1"), ("q1", None))),
        edited=((0, 0), (0, 1), (1, 0)),
        judged=("led", "free"),
        kinds=(NEW, AGAIN, EMPTY),
    ),
    Scene(
        name="two sources, the first with a qualifier",
        rows=(("p", "p"), ("q", "p")),
        qualifiers=(Qualifier(side=Side.TARGET, value="on", path="q"),),
        starts=((("p1", "q1"), ("p1", "on")), (("p1", "q1"), ("q1", "off"))),
        edited=((0, 0), (0, 1), (1, 1)),
        kinds=(NEW, EMPTY),
        choices={(1, 1): ("on", "off")},
        judged=("led", "free"),
    ),
    Scene(
        name="two targets of one source",
        rows=(("p", "p"), ("p", "q")),
        starts=((("p1", None), ("p1", "p1")),) * 2,
        edited=((0, 0), (1, 0), (1, 1)),
        judged=("fanned", "free"),
    ),
    Scene(
        name="a row with a qualifier",
        rows=(("p", "p"),),
        qualifiers=(_ON,),
        starts=((("p1", "on"), ("p1", None)), (("p1", "off"), ("p1", None))),
        edited=((0, 0), (0, 1), (1, 0)),
        kinds=(NEW, EMPTY),
        choices={(0, 1): ("on", "off")},
        judged=("qualified", "free"),
    ),
    CLOCKS,
    Scene(
        name="references, and an id kept as text",
        fields={(SOURCE, "p"): _REFERENCE, (TARGET, "p"): _REFERENCE, (SOURCE, "q"): _REFERENCE},
        starts=((("l1", "l1"), ("r1", "l1")),) * 2,
        kinds=(NEW, EMPTY),
        choices={(0, 0): ("l1", "l2", "l9"), (1, 0): ("r1", "r2", "r9"), (0, 1): ("l2",), (1, 1): ("q1", "q2")},
        judged=("refers", "dictated"),
    ),
    WAITING,
    Scene(
        name="a list on one side",
        rows=(("p", "p"),),
        fields={(TARGET, "p"): {"list_at": "p"}},
        met=(False, True),
        starts=((("p1", None), (("p1", "k1"), None)),) * 2,
        edited=((0, 0), (1, 0)),
        kinds=(NEW, EMPTY),
        judged=("listed", "free"),
    ),
    Scene(
        name="a list on both sides",
        rows=(("p", "p"),),
        fields={(SOURCE, "p"): {"list_at": "p"}, (TARGET, "p"): {"list_at": "p"}},
        met=(False, True),
        starts=(((("p1", "k1"), None), (None, None)), ((("p1", "k1"), None), (("p1", "k1"), None))),
        edited=((0, 0), (1, 0)),
        kinds=(NEW, EMPTY),
        judged=("listed", "free"),
    ),
)
"""Together they need every branch of the engine's decisions."""
