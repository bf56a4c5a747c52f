"""What the emulated API says when it refuses: a status and a text in the user's language, hardly ever a code."""

from collections.abc import Mapping, Sequence

from talkqa.sandbox.dialects.emulator import Answer, encode
from talkqa.sandbox.validation import Problem

_TEXTS: Mapping[str, tuple[str, str]] = {
    "required": ("Mandatory: {}", "Verplicht: {}"),
    "duplicate": ("Data already exists.: {}", "Gegeven bestaat reeds.: {}"),
    "too_long": ("Value is too long: {}", "Waarde is te lang: {}"),
    "not_in_picklist": ("Invalid value: {}", "Ongeldige waarde: {}"),
    "unknown_reference": ("Does not exist: {}", "Bestaat niet: {}"),
    "wrong_type": ("Invalid value: {}", "Ongeldige waarde: {}"),
    "read_only": ("Not allowed to change: {}", "Wijzigen niet toegestaan: {}"),
    "not_a_number": ("Not a number: {}", "Geen getal: {}"),
    "not_a_customer": ("Account is not a customer: {}", "Relatie is geen klant: {}"),
    "not_for_sale": ("Item cannot be sold: {}", "Artikel kan niet worden verkocht: {}"),
    "foreign_contact": ("Contact belongs to another account: {}", "Contact hoort bij een andere relatie: {}"),
    "in_use": ("Cannot delete, in use: {}", "Verwijderen niet mogelijk, in gebruik: {}"),
}


class Refusal(Exception):
    """Raised to end a request with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refuse(status: int, message: str, **headers: str) -> Refusal:
    """A refusal with the verbose error body."""
    body = {"error": {"code": "", "message": {"lang": "", "value": message}}}
    return Refusal(Answer(status=status, body=encode(body), headers=headers))


def refuse_rule(problems: Sequence[Problem], *, dutch: bool) -> Refusal:
    """A refusal for broken rules: these are server errors by status, told by text alone."""
    texts = [say(problem.code, problem.field or problem.message, dutch=dutch) for problem in problems]
    return refuse(500, "\r\n".join(dict.fromkeys(texts)))


def say(code: str, what: str, *, dutch: bool) -> str:
    """The text for a broken rule."""
    texts = _TEXTS.get(code)
    return what if texts is None else texts[dutch].format(what.rpartition(".")[2] if what.count(".") == 1 else what)


def refuse_value(name: str, kind: str) -> Refusal:
    """A refusal for a value that cannot be read as its type."""
    return refuse(
        400,
        "Error processing request stream. Error encountered in converting the value from request payload for property "
        f"'{name}' to type '{kind.removeprefix('Edm.')}', which is the property's expected type.",
    )
