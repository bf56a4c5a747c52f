"""Paragraphs are read into sentences about the section's two entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.blocks import Paragraph
from talkqa.documents.grammar import Sentence, SentenceReader, Unread
from talkqa.model.flow import RuleKind, Side

S, T = "Acme Contact", "Globex Person"
TWO_WAY = (
    "Once a link between a {s} and a {t} is established, it will keep in sync between the two systems, "
    "regardless of where it is edited."
)
FORMS = {
    RuleKind.EVERY: "Every {s} will be synchronized with a {t}.",
    RuleKind.CONDITION: "{w}, it  will be synchronized with a {t}.",
    RuleKind.LINK_REQUIRED: (
        "Before any synchronization can take place, a link between a {s} and a {t} must be established."
    ),
    RuleKind.CREATE_IF_CONNECTED: (
        "A new {t} will be created from a {s} if it is connected to a {e} that is synchronized into {y}."
    ),
    RuleKind.MERGE_ON: "A {s} will merge with a {t} if one of the following property combinations match:",
    RuleKind.MERGE_EXISTING: "If a matching {t} already exists, the {s} will be merged with the existing one.",
    RuleKind.CREATE_UNMATCHED: "If no matching {t} is found, a new {t} will be created.",
    RuleKind.TWO_WAY: TWO_WAY,
    RuleKind.PROPERTIES: "The following properties are synchronized between a {s} and a {t}:",
}


def render(kind: RuleKind, s: str = S, t: str = T, w: str = "When it is won", e: str = "Acme Order") -> str:
    return FORMS[kind].format(s=s, t=t, w=w, e=e, y="Globex")


def read(text: str, s: str = S, t: str = T, line: int = 10) -> tuple[Sentence | Unread, ...]:
    reader = SentenceReader(s, t, same=lambda side, words: (side, words) == (Side.SOURCE, "ACME Contact"))
    return reader.read(Paragraph(line=line, text=text))


def test_every_rule_has_a_form_here() -> None:
    """The list above leaves no rule untried."""
    assert set(FORMS) == set(RuleKind)


@pytest.mark.parametrize("kind", RuleKind)
def test_each_form_is_read_with_its_usual_article(kind: RuleKind) -> None:
    """The published wording of each rule is read, and its text kept with white space folded."""
    (sentence,) = read(render(kind))
    assert isinstance(sentence, Sentence)
    assert (sentence.kind, sentence.line) == (kind, 10)
    assert sentence.text == " ".join(render(kind).split())


@pytest.mark.parametrize("kind", RuleKind)
def test_an_article_before_a_vowel_may_be_an(kind: RuleKind) -> None:
    """`an Asana Task` and `a Asana Task` are the same."""
    text = render(kind, s="Asana Task", t="Exact Online Item")
    for spelled in (text, text.replace(" a Asana", " an Asana").replace(" a Exact", " an Exact")):
        (sentence,) = read(spelled.replace("A Asana", "An Asana"), s="Asana Task", t="Exact Online Item")
        assert isinstance(sentence, Sentence)
        assert sentence.kind is kind


def test_two_rules_may_share_a_paragraph() -> None:
    """Each gets the line on which it begins."""
    first, second = render(RuleKind.MERGE_EXISTING), render(RuleKind.CREATE_UNMATCHED)
    pieces = read(f"{first.replace(' already', chr(10) + 'already')}\n{second}")
    assert [(p.kind, p.line) for p in pieces if isinstance(p, Sentence)] == [
        (RuleKind.MERGE_EXISTING, 10),
        (RuleKind.CREATE_UNMATCHED, 12),
    ]


def test_a_condition_does_not_swallow_the_sentence_before_it() -> None:
    """The words of a condition are free, yet a rule in front of them stays a rule."""
    pieces = read(f"{render(RuleKind.EVERY)} {render(RuleKind.CONDITION)}")
    assert [p.kind for p in pieces if isinstance(p, Sentence)] == [RuleKind.EVERY, RuleKind.CONDITION]


@pytest.mark.parametrize(
    "words",
    [
        "When a deal goes to a customer",
        "preliminary mapping until we know. This removes all suppliers for now",
        'When it gets the status "Sold"',
        "removed persons for now, it will be synchronized with a Globex Person later",
    ],
)
def test_the_words_of_a_condition_are_kept_as_written(words: str) -> None:
    """Full stops, ` to `, quotes and even the form's own words do not part a condition."""
    (sentence,) = read(render(RuleKind.CONDITION, w=words))
    assert isinstance(sentence, Sentence)
    assert sentence.words == words


@pytest.mark.parametrize(
    ("words", "entities"),
    [
        ("Acme Order", ("Acme Order",)),
        ("Acme Order, or Quote", ("Acme Order", "Quote")),
        ("Acme Order or Quote", ("Acme Order", "Quote")),
        ("Acme Order, Quote, or Line item (human data)", ("Acme Order", "Quote", "Line item (human data)")),
        ("Acme Order, Quote or an Item", ("Acme Order", "Quote", "Item")),
    ],
)
def test_connected_entities_are_listed(words: str, entities: tuple[str, ...]) -> None:
    """One, two or many entities, with or without the last comma."""
    (sentence,) = read(render(RuleKind.CREATE_IF_CONNECTED, e=words))
    assert isinstance(sentence, Sentence)
    assert sentence.entities == entities
    assert sentence.system is not None
    assert sentence.system.strip() == "Globex"


def test_a_blank_system_reads_as_blank() -> None:
    """`a  Countries` and `into .` are how a system without a name is printed."""
    (every,) = read("Every Acme Contact will be synchronized with a  Countries.", t=" Countries")
    text = render(RuleKind.CREATE_IF_CONNECTED, t="Countries").replace("into Globex.", "into .")
    (connected,) = read(text, t=" Countries")
    assert isinstance(every, Sentence)
    assert isinstance(connected, Sentence)
    assert (connected.system or "").strip() == ""


def test_another_spelling_of_the_entity_is_accepted() -> None:
    """Where words differ from the title's, whoever knows the names decides."""
    (sentence,) = read("Every ACME Contact will be synchronized with a Globex Person.")
    assert isinstance(sentence, Sentence)


@pytest.mark.parametrize(
    "text",
    [
        "Every Acme Order will be synchronized with a Globex Person.",
        "Every Acme Contact will be synchronized with Globex Person.",
        "every Acme Contact will be synchronized with a Globex Person.",
        "Some Acme Contact will be synchronized with a Globex Person.",
        "Once a link between a Globex Person and a Acme Contact is established.",
        "A note.",
        "x " * 30_000 + "x",
    ],
)
def test_what_fits_no_form_is_handed_back_whole(text: str) -> None:
    """Other entities, other words, endless text: nothing is read by resemblance."""
    (piece,) = read(text)
    assert piece == Unread(line=10, text=text)


def test_unread_text_between_sentences_is_told_apart() -> None:
    """The sentences around it are read, and it is one piece."""
    pieces = read(f"{render(RuleKind.EVERY)} A note. Another note. {render(RuleKind.TWO_WAY)}")
    assert [type(piece) for piece in pieces] == [Sentence, Unread, Sentence]
    assert pieces[1].text == "A note. Another note."


_NAME = st.from_regex(r"[A-Z][a-z]{1,6}( [a-z]{1,5}| to [A-Z][a-z]{1,4}| and [A-Z]a| \(human data\))?", fullmatch=True)


@given(st.sampled_from(RuleKind), _NAME, _NAME, st.text(alphabet="ab .,to:", min_size=1, max_size=20))
def test_forms_read_back_for_any_names(kind: RuleKind, s: str, t: str, words: str) -> None:
    """Names with `to`, `and` or a facet in them do not confuse the forms."""
    text = render(kind, s=f"Acme {s}", t=f"Globex {t}", w=f"When {words}x")
    pieces = read(text, s=f"Acme {s}", t=f"Globex {t}")
    assert [piece.kind for piece in pieces if isinstance(piece, Sentence)] == [kind]
    assert len(pieces) == 1


@given(st.text(alphabet="aEv .,:\n", max_size=200))
def test_any_text_is_read_or_handed_back(text: str) -> None:
    """No paragraph raises, and no word of it is lost."""
    pieces = read(text)
    assert " ".join(piece.text for piece in pieces).split() == text.split()
