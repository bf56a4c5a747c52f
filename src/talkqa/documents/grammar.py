"""The sentences of a flow section to rules.

A section speaks of one source and one target entity, so a sentence is compared with what it must be for these two;
only a condition's words and the connected entities are free. Nothing is read by resemblance: what does not fit is
handed back as unread.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from talkqa.documents.blocks import Paragraph
from talkqa.documents.identity import fold
from talkqa.model.flow import RuleKind, Side

_SENTENCE_END = re.compile(r"[.:](?=\s|$)")
_ARTICLE = re.compile(r"(?:a|an) (?P<noun>.+)", re.IGNORECASE)
_OR = re.compile(r",? or (?:an? )?| ?, ?(?:or )?(?:an? )?")

_MAX_SENTENCE = 8_000
_MAX_NAME = 200
"""Longest paragraph, and longest entity, in characters that are looked at: real ones have under 1,000 and under 100."""

_MAX_SENTENCES = 12
"""Sentences that may share a paragraph; in real documents at most two do."""

_TAIL_TWO_WAY = " is established, it will keep in sync between the two systems, regardless of where it is edited."

_FORMS: tuple[tuple[RuleKind, tuple[str, ...]], ...] = (
    (RuleKind.EVERY, ("Every ", "S", " will be synchronized with ", "aT", ".")),
    (RuleKind.TWO_WAY, ("Once a link between ", "aS", " and ", "aT", _TAIL_TWO_WAY)),
    (RuleKind.PROPERTIES, ("The following properties are synchronized between ", "aS", " and ", "aT", ":")),
    (
        RuleKind.LINK_REQUIRED,
        ("Before any synchronization can take place, a link between ", "aS", " and ", "aT", " must be established."),
    ),
    (
        RuleKind.MERGE_ON,
        ("aS", " will merge with ", "aT", " if one of the following property combinations match:"),
    ),
    (
        RuleKind.MERGE_EXISTING,
        ("If a matching ", "T", " already exists, the ", "S", " will be merged with the existing one."),
    ),
    (RuleKind.CREATE_UNMATCHED, ("If no matching ", "T", " is found, a new ", "T", " will be created.")),
    (
        RuleKind.CREATE_IF_CONNECTED,
        (
            "A new ",
            "T",
            " will be created from ",
            "aS",
            " if it is connected to ",
            "aE",
            " that is synchronized into",
            "Y",
            ".",
        ),
    ),
    (RuleKind.CONDITION, ("W", ", it will be synchronized with ", "aT", ".")),
)
"""Sentence forms: literal text and slots in turn.

Slots are S source, T target, E entities, Y system and W words; `a` before one stands for its article.
"""

_SLOTS = frozenset({"S", "T", "aS", "aT", "aE", "Y", "W"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence that was read."""

    kind: RuleKind
    line: int
    text: str
    """White space folded."""
    words: str | None = None
    """A condition's words."""
    entities: tuple[str, ...] = ()
    """Connected entities, in order; the system's name stands before the first one alone."""
    system: str | None = None
    """The system that connected entities are synchronised into, as written; blank where the document leaves it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A stretch of text that fits no form."""

    line: int
    text: str


Same = Callable[[Side, str], bool]
"""Tells whether words mean the section's entity of that side under another spelling."""


class SentenceReader:
    """Reads the sentences of one section."""

    def __init__(self, source: str, target: str, same: Same) -> None:
        """Make a reader.

        Args:
            source: Source entity as the section's title has it.
            target: Target entity as the section's title has it.
            same: Asked where the words differ from these.
        """
        self._names = {Side.SOURCE: fold(source), Side.TARGET: fold(target)}
        self._same = same
        s, t = self._names[Side.SOURCE], self._names[Side.TARGET]
        slots = {"S": s, "T": t, "aS": f"a {s}", "aT": f"a {t}"}
        self._usual = {
            text[0].upper() + text[1:]: kind
            for kind, form in _FORMS[:7]
            if (text := "".join(slots.get(part, part) for part in form))
        }

    def read(self, paragraph: Paragraph) -> tuple[Sentence | Unread, ...]:
        """The sentences of a paragraph, in order; neighbouring text that fits no form is one piece."""
        whole = fold(paragraph.text)
        if kind := self._usual.get(whole):
            return (Sentence(kind=kind, line=paragraph.line, text=whole),)
        if len(whole) > _MAX_SENTENCE:
            return (Unread(line=paragraph.line, text=whole),)
        ends = [match.end() for match in _SENTENCE_END.finditer(paragraph.text)][:_MAX_SENTENCES]
        bounds = [0, *(end for end in ends if end < len(paragraph.text.rstrip())), len(paragraph.text)]
        return self._split(paragraph, bounds)

    def _split(self, paragraph: Paragraph, bounds: list[int]) -> tuple[Sentence | Unread, ...]:
        """The reading that leaves least unread and has most sentences, by dynamic programming from the end.

        Most sentences, since a condition's words may be any text and would else swallow the sentence before.
        """
        last = len(bounds) - 1
        best: list[tuple[int, int, tuple[Sentence | Unread, ...]]] = [(0, 0, ())] * (last + 1)
        for start in range(last - 1, -1, -1):
            options = []
            for end in range(start + 1, last + 1):
                piece = self._piece(paragraph, bounds[start], bounds[end])
                unread, sentences, rest = best[end]
                if isinstance(piece, Sentence):
                    options.append((unread, sentences - 1, (piece, *rest)))
                elif end == start + 1:
                    options.append((unread + 1, sentences, (piece, *rest)))
            best[start] = min(options, key=lambda option: option[:2])
        return _joined(best[0][2])

    def _piece(self, paragraph: Paragraph, start: int, end: int) -> Sentence | Unread:
        raw = paragraph.text[start:end]
        skipped = start + len(raw) - len(raw.lstrip())
        line = paragraph.line + paragraph.text.count("\n", 0, skipped)
        text = fold(raw)
        return self._sentence(text, line) or Unread(line=line, text=text)

    def _sentence(self, text: str, line: int) -> Sentence | None:
        if kind := self._usual.get(text):
            return Sentence(kind=kind, line=line, text=text)
        for kind, form in _FORMS:
            for slots in _matches(form, text, 0):
                if self._fits(slots):
                    free = dict(slots)
                    entities = _entities(free["aE"]) if "aE" in free else ()
                    return Sentence(
                        kind=kind, line=line, text=text, words=free.get("W"), entities=entities, system=free.get("Y")
                    )
        return None

    def _fits(self, slots: tuple[tuple[str, str], ...]) -> bool:
        return all(self._is_meant(slot[-1], _noun(slot, words)) for slot, words in slots)

    def _is_meant(self, what: str, words: str | None) -> bool:
        if words is None or what not in "ST":
            return words is not None
        side = Side.SOURCE if what == "S" else Side.TARGET
        return words == self._names[side] or (len(words) <= _MAX_NAME and self._same(side, words))


def _noun(slot: str, words: str) -> str | None:
    """Words without their article; None where the slot needs one and there is none."""
    if len(slot) == 1:
        return words
    match = _ARTICLE.fullmatch(words)
    return match["noun"] if match else None


def _entities(words: str) -> tuple[str, ...]:
    """`a Salesforce Order, Quote, or User` to its entities."""
    return tuple(part for part in _OR.split(_noun("aE", words) or "") if part)


def _matches(form: tuple[str, ...], text: str, index: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """All ways in which a text fits a form from a part on, each as (slot, words) pairs."""
    part = form[index]
    if part not in _SLOTS:
        if text.startswith(part):
            yield from _matches(form, text[len(part) :], index + 1)
        return
    literal = form[index + 1]  # every form ends with a slot and a literal, and no two slots touch
    if index + 2 == len(form):
        if text.endswith(literal) and len(text) > len(literal):
            yield ((part, text[: -len(literal)]),)
        return
    at = text.find(literal, 1)
    while at != -1:
        for rest in _matches(form, text[at + len(literal) :], index + 2):
            yield ((part, text[:at]), *rest)
        at = text.find(literal, at + 1)


def _joined(pieces: tuple[Sentence | Unread, ...]) -> tuple[Sentence | Unread, ...]:
    """Pieces with neighbouring unread ones made one."""
    joined: list[Sentence | Unread] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        if isinstance(piece, Unread) and isinstance(before, Unread):
            joined[-1] = Unread(line=before.line, text=f"{before.text} {piece.text}")
        else:
            joined.append(piece)
    return tuple(joined)
