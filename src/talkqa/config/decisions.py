"""decisions.toml to decisions: every problem of the file is told at once, with its line and what would be right."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from talkqa.config import values
from talkqa.config.sections import Sections, Table, shown
from talkqa.config.values import Read
from talkqa.model.decision import (
    POLICIES,
    AdoptedPolicy,
    ApprovedMapping,
    Decisions,
    FlowShape,
    ShapeDecision,
    Waiver,
)
from talkqa.model.discovery import Ways
from talkqa.model.location import Location

DECISIONS_NAME = "decisions.toml"
BINDINGS = "bindings"
_SECTIONS = ("mappings", "shapes", BINDINGS, "waivers", "adopted")

_HEADER = re.compile(
    r'"""(?:\\.|[^\\])*?"""|'
    r"'''.*?'''|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'|"
    r"#[^\n]*|^[ \t]*\[\[[ \t]*(?P<name>[A-Za-z]+)[ \t]*\]\]",
    re.DOTALL | re.MULTILINE,
)
"""The head of an entry; texts and comments are passed over, whatever they hold."""


def read_decisions(data: Table, text: str, sections: Sections) -> Decisions:
    """The decisions of a file; what is wrong is noted in `sections`.

    Args:
        data: The file, parsed.
        text: The same as written, for the lines of its entries.
        sections: Of the file. `[[bindings]]` are passed over: they read as those of talkqa.toml do.
    """
    for name in sorted(data.keys() - set(_SECTIONS)):
        sections.wrong("", f"there is no section [[{name}]]; the sections are {', '.join(_SECTIONS)}")
    lines = find_lines(text)

    def entries(name: str, keys: Mapping[str, Read], required: tuple[str, ...], make: Callable[..., Any]) -> Any:
        made = []
        for location, entry in _entries(data.get(name, []), name, lines.get(name, ()), sections):
            place = f"[[{name}]] in line {location.line}"
            before = len(sections.problems)
            found = sections.read(entry, place, keys)
            missing = [key for key in required if key not in entry]
            if missing:
                sections.wrong(place, f"{' and '.join(missing)} must be given")
            if len(sections.problems) == before:
                made.append(make(**found, location=location))
        return tuple(made)

    decisions = Decisions(
        mappings=entries("mappings", _MAPPING, ("flow", *_REQUIRED), _mapping),
        shapes=entries("shapes", _SHAPE, ("flow", "shape"), _shape),
        waivers=entries("waivers", _WAIVER, ("checks", "reason", "owner", "expires"), Waiver),
        adopted=entries("adopted", _ADOPTED, ("policy", "expects"), AdoptedPolicy),
    )
    _refuse_contradictions(decisions, sections)
    return decisions


def find_lines(text: str) -> dict[str, tuple[int, ...]]:
    """Section to the lines, from 1, of its `[[...]]` heads."""
    found: dict[str, list[int]] = {}
    at, line = 0, 1
    for head in _HEADER.finditer(text):
        if head["name"]:
            line += text.count("\n", at, head.start("name"))
            at = head.start("name")
            found.setdefault(head["name"], []).append(line)
    return {name: tuple(lines) for name, lines in found.items()}


def _entries(
    value: Any, name: str, lines: tuple[int, ...], sections: Sections
) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        sections.wrong("", f"{name} must be sections [[{name}]], not {shown(value)}")
        return
    if len(lines) != len(value):
        lines = (1,) * len(value)  # written as a list of inline tables: the file has to do for a place
    for line, entry in zip(lines, value, strict=True):
        yield Location(path=DECISIONS_NAME, line=line), entry


def _mapping(*, flow: str, ways: Ways = Ways.BOTH, **found: Any) -> ApprovedMapping:
    return ApprovedMapping(flow_id=flow, ways=ways, **found)


def _shape(*, flow: str, **found: Any) -> ShapeDecision:
    return ShapeDecision(flow_id=flow, **found)


def _refuse_contradictions(decisions: Decisions, sections: Sections) -> None:
    """Note what is decided twice, or as nothing that there is."""
    rows: dict[tuple[str, str, str], ApprovedMapping] = {}
    for row in decisions.mappings:
        first = rows.setdefault((row.flow_id, row.source, row.target), row)
        if first is not row:
            what = f"'{row.source}' to '{row.target}' is approved in line {first.location.line} already; keep one"
            sections.wrong(f"[[mappings]] in line {row.location.line}", what)
    shapes: dict[str, ShapeDecision] = {}
    for shape in decisions.shapes:
        other = shapes.setdefault(shape.flow_id, shape)
        if other is not shape:
            what = f"the shape of this flow is decided in line {other.location.line} already; keep one"
            sections.wrong(f"[[shapes]] in line {shape.location.line}", what)
    for policy in decisions.adopted:
        if policy.expects not in POLICIES[policy.policy]:
            known = ", ".join(POLICIES[policy.policy])
            what = f"expects must be one of {known} for {policy.policy}, not {policy.expects!r}"
            sections.wrong(f"[[adopted]] in line {policy.location.line}", what)


_REQUIRED = ("source", "target", "data_type", "approved_by", "approved_on")
_MAPPING: Mapping[str, Read] = {
    "flow": values.text,
    "source": values.text,
    "target": values.text,
    "data_type": values.text,
    "ways": lambda value: Ways(values.one_of(*Ways)(value)),
    "approved_by": values.text,
    "approved_on": values.day,
    "note": values.text,
}
_SHAPE: Mapping[str, Read] = {
    "flow": values.text,
    "shape": lambda value: FlowShape(values.one_of(*FlowShape)(value)),
}
_WAIVER: Mapping[str, Read] = {
    "checks": values.text,
    "reason": values.text,
    "owner": values.text,
    "expires": values.day,
}
_ADOPTED: Mapping[str, Read] = {
    "policy": values.one_of(*POLICIES),
    "expects": values.text,
    "flows": values.text,
    "adopted_by": values.text,
}
