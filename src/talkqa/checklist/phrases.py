"""The words of the steps: one place renders them into scenarios and matches them when a scenario runs.

`checklist.derive` renders, `verify.vocabulary` matches. A step's text alone decides what is done.
Names in braces are parameters; a quoted parameter is a property path or a value and may hold any character
but a quotation mark.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_PARAMETER = re.compile(r"\{(\w+)\}")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
"""White space of any kind, control characters, and with them everything that ends a line."""


@dataclass(frozen=True)
class Phrase:
    """One step text with parameters."""

    template: str

    def render(self, **values: str) -> str:
        """The step text; raises KeyError for a missing parameter."""
        return _PARAMETER.sub(lambda m: values[m[1]], self.template)

    def match(self, text: str) -> Mapping[str, str] | None:
        """The parameters of a step text; None where it is another phrase."""
        found = self._pattern.fullmatch(text)
        return found.groupdict() if found else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts, end = [], 0
        for m in _PARAMETER.finditer(self.template):
            parts.append(re.escape(self.template[end : m.start()]))
            quoted = self.template[m.start() - 1 : m.start()] == '"'
            allowed = "source|target" if m[1] == "side" else '[^"]*' if quoted else '[^"]+'
            parts.append(f"(?P<{m[1]}>{allowed})")
            end = m.end()
        return re.compile("".join(parts) + re.escape(self.template[end:]))


# What is given
IN_STEP = Phrase("the sync engine keeps {source} and {target} in step")
LINKED_PAIR = Phrase("a {source} that is linked to a {target}")
PAIR_QUALIFIED = Phrase('a {source} linked to a {target}, with "{value}" in "{path}" of the {side} {entity}')
PAIR_UNQUALIFIED = Phrase('a {source} linked to a {target}, without "{value}" in "{path}" of the {side} {entity}')
EXISTING_TARGET = Phrase("a {target} that no {source} is linked to")
EXISTING_EMPTY = Phrase("a {target} that no {source} is linked to, with nothing in any merge criterion")
ENGINE_HAS_READ = Phrase("the sync engine has read that {target}")
CONNECTED_ENTITY = Phrase("a {entity} that is synchronized into {system}")

# What is done
CREATED = Phrase("a {source} is created")
CREATED_MATCHING = Phrase('a {source} is created whose "{source_path}" matches "{target_path}" of that {target}')
CREATED_NEARLY = Phrase(
    'a {source} is created whose "{source_path}" differs from "{target_path}" of that {target} only in {difference}'
)
"""`difference` is one of `checklist.policies.DIFFERENCES`."""
CREATED_APART = Phrase(
    'a {source} is created whose "{source_path}" shares only its {share} with "{target_path}" of that {target}'
)
"""`share` is `beginning` or `end`."""
CREATED_TWIN = Phrase('another {source} is created whose "{source_path}" matches "{target_path}" of that {target}')
CREATED_EMPTY = Phrase("a {source} is created with nothing in any merge criterion")
CREATED_UNLINKED = Phrase("a {source} is created that nothing links to a {target}")
CREATED_CONNECTED = Phrase("a {source} connected to that {entity} is created")
CREATED_UNCONNECTED = Phrase("a {source} connected to nothing is created")
CREATED_HOLDS = Phrase('a {source} is created for which "{condition}" holds')
CREATED_FAILS = Phrase('a {source} is created for which "{condition}" does not hold')
BECOMES_TRUE = Phrase('"{condition}" comes to hold for it')
BECOMES_LINKED = Phrase("a link between it and a {target} is established")
BECOMES_CONNECTED = Phrase("it is connected to something that is synchronized into {system}")
BECOMES_QUALIFIED = Phrase('"{value}" comes to stand in "{path}" of the {side} {entity}')
EDITED = Phrase('"{path}" of the {side} {entity} is edited')
SET_TO = Phrase('"{path}" of the {side} {entity} is set to {partition}')
"""`partition` is one of `checklist.partitions.PARTITIONS`."""
ALL_SET_TO = Phrase("every documented property of the {side} {entity} is set to {suite}")
"""`suite` is one of `checklist.partitions.SUITES`."""
EMPTIED = Phrase("a documented property of the {side} {entity} is emptied")
SEEN_EDITED = Phrase("a property that travels is edited in the {side} {entity}")
SEEN_EMPTIED = Phrase("a property that travels is emptied in the {side} {entity}")
BOTH_EDITED = Phrase(
    '"{source_path}" of the source {source} and then "{target_path}" of the target {target} are edited'
)
BOTH_EDITED_BACK = Phrase(
    '"{target_path}" of the target {target} and then "{source_path}" of the source {source} are edited'
)
SEEN_BOTH_EDITED_BACK = Phrase(
    "a property that travels is edited in the target {target} and then in the source {source}"
)
SEEN_BOTH_EDITED = Phrase("a property that travels is edited in the source {source} and then in the target {target}")
EDITED_APART = Phrase(
    "a property of the source {source} and at the same time another one of the target {target} are edited"
)
REWRITTEN = Phrase("every writable property of the source {source} is rewritten")
DELETED = Phrase("the {side} {entity} is deleted")

# What is seen
EXACTLY_ONE = Phrase("exactly one {target} is linked to it")
NO_COPIES = Phrase("no second copy of it appears in either system")
LINKED_TO_EXISTING = Phrase("it is linked to the {target} that was there before")
KEEPS_APART = Phrase("it and the {target} that was there before take nothing of each other")
TWINS_TOLD_APART = Phrase("at most one further {target} is created for the two of them")
NO_SECOND = Phrase("no second {target} is created for it")
STAYS_OUT = Phrase("no {target} is created for it")
FOLLOWS = Phrase('"{path}" of the {side} {entity} follows')
FOLLOWS_AT_LAST = Phrase('now "{path}" of the {side} {entity} follows')
ALL_FOLLOW = Phrase("what is paired with each of them follows in the {side} {entity}")
SEEN_FOLLOWS = Phrase("that property follows in the {side} {entity}")
STAYS = Phrase('"{path}" of the {side} {entity} stays as it was')
OTHERS_STAY = Phrase("every other property of the pair stays as it was")
AT_REST = Phrase("the pair comes to rest")
SOME_TRAVEL = Phrase("at least one property is seen to travel to the {target} both times")
DOCUMENTED_TRAVEL = Phrase("every documented property is seen to travel to the {target}")
NOTHING_ELSE_TRAVELS = Phrase("no undocumented property is seen to travel to the {target}")
LATER_STANDS = Phrase("the later edit stands on both sides")
BOTH_STAND = Phrase("both edits stand on both sides")
STILL_LINKED = Phrase("the pair is still linked")
RECORDED = Phrase("it is recorded what becomes of the {side} {entity}")
"""Policies that no document promises: the outcome is `observed`, whatever is seen."""

ALL: tuple[Phrase, ...] = tuple(value for value in globals().values() if isinstance(value, Phrase))


def recognize(text: str) -> tuple[Phrase, Mapping[str, str]] | None:
    """The phrase that a step text was rendered from, with its parameters; None where there is none.

    Several may match, as `a {source} is created` does wherever `a {source} connected to nothing is created` does: the
    one with the most words of its own is meant.
    """
    found = [(phrase, values) for phrase in ALL if (values := phrase.match(text)) is not None]
    return max(found, key=lambda pair: len(_PARAMETER.sub("", pair[0].template)), default=None)


def quotable(text: str) -> str:
    """The text as it may stand for a parameter: on one line, with apostrophes for its quotation marks.

    Whoever looks a parameter of a step up in a flow or a binding passes what is written there through it first.
    """
    return _UNPRINTABLE.sub(" ", text).strip().replace('"', "'")
