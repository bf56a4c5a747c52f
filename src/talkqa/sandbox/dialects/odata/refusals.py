"""What an emulated OData service says when it refuses: the error object of version 4, one detail a problem."""

from talkqa.sandbox.dialects.emulator import Answer, encode
from talkqa.sandbox.validation import Problem

_STATUS = {
    "unknown_user": 401,
    "licence_required": 403,
    "not_found": 404,
    "not_deletable": 405,
    "not_allowed": 405,
    "outdated": 412,
}


class Refusal(Exception):
    """Raised to end a request with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refuse(code: str, message: str, *, field: str | None = None) -> Refusal:
    """A refusal for one reason."""
    return Refusal(answer_of(Problem(code=code, message=message, field=field)))


def answer_of(*problems: Problem) -> Answer:
    """The error answer for one or several problems."""
    told = [
        {"code": one.code, "message": one.message} | ({"target": one.field.replace(".", "/")} if one.field else {})
        for one in problems
    ]
    error = {**told[0], "details": told[1:]} if len(told) > 1 else told[0]
    return Answer(status=_STATUS.get(problems[0].code, 400), body=encode({"error": error}))
