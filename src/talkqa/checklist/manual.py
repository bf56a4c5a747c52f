"""How a person decides a check by hand: its steps as do, look and expect."""

from collections.abc import Iterable, Mapping
from typing import Final

from talkqa.checklist import phrases as say
from talkqa.checklist.phrases import Phrase, recognize
from talkqa.model.result import ManualStep

_DO: Final[Mapping[Phrase, str]] = {
    say.LINKED_PAIR: "Create a {source} and wait until its {target} has appeared.",
    say.PAIR_QUALIFIED: 'Take a {source} with its {target}, and let "{path}" of the {side} {entity} hold "{value}".',
    say.PAIR_UNQUALIFIED: (
        'Take a {source} with its {target}, and let "{path}" of the {side} {entity} hold anything but "{value}".'
    ),
    say.EXISTING_TARGET: "Create a {target} that no {source} belongs to.",
    say.EXISTING_EMPTY: "Create a {target} that no {source} belongs to, and leave all merge criteria empty.",
    say.ENGINE_HAS_READ: "Wait until an edit of an older {target} has come back: the engine has read it then.",
    say.CONNECTED_ENTITY: "Create a {entity} and wait until it has arrived in {system}.",
    say.CREATED: "Create a {source} whose values nothing else has.",
    say.CREATED_MATCHING: (
        'Create a {source} that holds in "{source_path}" what the {target} holds in "{target_path}".'
    ),
    say.CREATED_TWIN: 'Create another {source} that holds the same in "{source_path}".',
    say.CREATED_APART: (
        'Create a {source} that holds something else in "{source_path}" than the {target} in "{target_path}", with the '
        "same {share}."
    ),
    say.CREATED_EMPTY: "Create a {source} and leave all merge criteria empty.",
    say.CREATED_UNLINKED: "Create a {source} that nothing links to a {target}.",
    say.CREATED_CONNECTED: "Create a {source} and connect it to that {entity}.",
    say.CREATED_UNCONNECTED: "Create a {source} and connect it to nothing.",
    say.CREATED_HOLDS: 'Create a {source} of which this is true: "{condition}".',
    say.CREATED_FAILS: 'Create a {source} of which this is not true: "{condition}".',
    say.BECOMES_TRUE: 'Change it so that this is true: "{condition}".',
    say.BECOMES_LINKED: "Link it to a {target}.",
    say.BECOMES_CONNECTED: "Connect it to something that has arrived in {system}.",
    say.BECOMES_QUALIFIED: 'Set "{path}" of the {side} {entity} to "{value}".',
    say.EDITED: 'Change "{path}" of the {side} {entity}.',
    say.SET_TO: 'Set "{path}" of the {side} {entity} to {partition}.',
    say.ALL_SET_TO: "Set every documented property of the {side} {entity} to {suite}; note the values.",
    say.EMPTIED: "Empty a documented property of the {side} {entity}.",
    say.SEEN_EDITED: "Change a property of the {side} {entity} that you saw arriving.",
    say.SEEN_EMPTIED: "Empty a property of the {side} {entity} that you saw arriving.",
    say.REWRITTEN: "Change every property of the source {source} that can be changed; note the values.",
    say.DELETED: "Delete the {side} {entity}.",
}
_LOOK: Final[Mapping[Phrase, str]] = {
    say.EXACTLY_ONE: "Search {target} for the values that you gave it.",
    say.NO_COPIES: "Search both systems for the values that you gave it.",
    say.LINKED_TO_EXISTING: "Open the {target} that was there before; change it, and look at the new record.",
    say.NO_SECOND: "Search {target} for the values that you gave it.",
    say.STAYS_OUT: "Wait until a later record has arrived, then search {target} for the values that you gave it.",
    say.KEEPS_APART: "Wait until a later record has arrived, then open both records and the {target}.",
    say.TWINS_TOLD_APART: "Search {target} for the values that you gave the two.",
    say.FOLLOWS_AT_LAST: "Open the {side} {entity}.",
    say.ALL_FOLLOW: "Open the {side} {entity} and compare it with the values that you noted.",
    say.FOLLOWS: "Open the {side} {entity}.",
    say.SEEN_FOLLOWS: "Open the {side} {entity}.",
    say.STAYS: "Wait until a later record has arrived, then open the {side} {entity}.",
    say.OTHERS_STAY: "Compare all properties of both records with what they were.",
}
_LOOK_ANYHOW = "Look at the records in both systems."


def describe_by_hand(steps: Iterable[str]) -> tuple[ManualStep, ...]:
    """What a person has to do, look at and expect, in the order of the steps.

    Args:
        steps: Keyword and text of each step; a text that is none of ours is taken over as it is.
    """
    found: list[ManualStep] = []
    do: list[str] = []
    looks: list[str] = []
    expect: list[str] = []
    judging = False
    for keyword, _, text in (step.partition(" ") for step in steps):
        known = recognize(text)
        if known is not None and known[0] is say.IN_STEP:
            continue
        judging = keyword == "Then" or (keyword == "And" and judging)
        if judging:
            expect.append(_sentence(text))
            looks.append(_in_words(known, _LOOK, _LOOK_ANYHOW))
            continue
        if expect:
            found.append(_stage(do, looks, expect))
            do, looks, expect = [], [], []
        do.append(_in_words(known, _DO, f"Let this be so: {text}."))
    if expect:
        found.append(_stage(do, looks, expect))
    return tuple(found)


def _stage(do: list[str], looks: list[str], expect: list[str]) -> ManualStep:
    return ManualStep(do=tuple(do), look=" ".join(dict.fromkeys(looks)), expect=tuple(expect))


def _in_words(known: tuple[Phrase, Mapping[str, str]] | None, words: Mapping[Phrase, str], otherwise: str) -> str:
    template = words.get(known[0]) if known is not None else None
    return template.format(**known[1]) if template is not None and known is not None else otherwise


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
