"""Check ids: built from meaning alone, read back by the runner and the report.

`<flow id>/<name>`, followed by the parts that tell checks of one name apart. Parts are percent-encoded, so that ids
are injective and safe as Gherkin tags, file names and JUnit names.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, unquote

from talkqa.model.check import Check, RowKey
from talkqa.model.flow import EntityRef, PropertyRow

ID_TAG = "talkqa-id:"
"""Prefix of the tag that carries a scenario's check id; a row of an outline carries it in the column `check`."""
FLOW_TAG = "talkqa-flow:"
"""Prefix of the tag that carries the flow's id on its Feature."""
POLICY = "policy"
"""Rests on what every engine is expected to do; no document promises it."""
NEGATIVE = "negative"
"""Shows that something does not happen."""
APPROVED = "approved"
"""Rests on a row that a person approved and no document has."""
SMOKE = "smoke"
"""Belongs to the smallest depth."""
CHECK_COLUMN = "check"
"""First column of every generated Examples table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckId:
    """A check id taken apart."""

    flow_id: str
    name: str
    """As in the check table: `created`, `edited-in-source`."""
    parts: tuple[str, ...]
    """What follows the name, still encoded."""

    @property
    def row(self) -> RowKey | None:
        """The row named by the first part; None where it names none."""
        if not self.parts or self.parts[0].count("~") != 1:
            return None
        source, _, target = self.parts[0].partition("~")
        return RowKey(source=unquote(source), target=unquote(target))


def encode(text: str) -> str:
    """One text as a part of an id: everything but `A-Za-z0-9._-` percent-encoded, `~` too because it joins texts."""
    return quote(text, safe="", errors="backslashreplace").replace("~", "%7E")


def slug(text: str) -> str:
    """A readable part of an id, written as the slugs of flow ids are: lower case, `-` for blanks, the rest encoded.

    Equal slugs mean equal words but for letter case and white space; `_` stands for no word at all.
    """
    words = (encode(word) for word in text.lower().split())
    return "-".join(word.replace("-", "%2D").replace(".", "%2E").replace("_", "%5F") for word in words) or "_"


def entity_slug(entity: EntityRef) -> str:
    """An entity as a part of an id, without its system: `order`, `customer.human-data`."""
    return f"{slug(entity.entity)}.{slug(entity.facet)}" if entity.facet else slug(entity.entity)


def join(*texts: str) -> str:
    """Several texts as one part: `name~Account_Name`."""
    return "~".join(encode(text) for text in texts)


def build_id(flow_id: str, name: str, *parts: str) -> str:
    """The id of a check; parts are those that `encode`, `slug` and `join` return."""
    return "/".join((flow_id, name, *parts))


def parse_id(check_id: str) -> CheckId:
    """Take a check id apart; raises ValueError where it is none."""
    flow_id, *rest = check_id.split("/")
    if not flow_id or not rest or not all(rest):
        message = f"'{check_id}' is no check id: <flow id>/<name>[/<part>...] was expected"
        raise ValueError(message)
    return CheckId(flow_id=flow_id, name=rest[0], parts=tuple(rest[1:]))


def digest_check(check: Check, row: PropertyRow | None = None) -> str:
    """What a check demands, as 16 hexadecimal digits; `row` is the property row it is about, where there is one."""
    words = [check.id, check.sentence, check.title, *check.tags, check.row_class or ""]
    words += [f"{step.keyword} {step.text}" for step in check.steps]
    if row is not None:
        words += [row.data_type, *(f"{q.side}~{q.value}~{q.path}" for q in row.qualifiers)]
    return hashlib.sha256("\n".join(words).encode("utf-8", "backslashreplace")).hexdigest()[:16]
