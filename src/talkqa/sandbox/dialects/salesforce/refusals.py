"""How the system refuses: an array of messages with codes, and the field names that each is about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.emulator import Answer, encode
from talkqa.sandbox.validation import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One reason for a refusal."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside code and message."""


class ApiFault(Exception):
    """Raised to answer a request with errors."""

    def __init__(self, status: int, *faults: Fault) -> None:
        super().__init__(", ".join(fault.code for fault in faults))
        self.status = status
        self.faults = faults


def refuse(status: int, code: str, message: str, *fields: str) -> ApiFault:
    """A refusal for one reason."""
    return ApiFault(status, Fault(code=code, message=message, fields=fields))


def answer_of(fault: ApiFault) -> Answer:
    """The answer to a request that is refused as a whole."""
    errors = [
        {"message": one.message, "errorCode": one.code, **({"fields": list(one.fields)} if one.fields else {})}
        | dict(one.more)
        for one in fault.faults
    ]
    return Answer(status=fault.status, body=encode(errors), content_type="application/json;charset=UTF-8")


def item_of(fault: ApiFault, record_id: str | None = None) -> dict[str, Any]:
    """The result of one item that is refused among others."""
    errors = [{"statusCode": one.code, "message": one.message, "fields": list(one.fields)} for one in fault.faults]
    return {**({"id": record_id} if record_id else {}), "success": False, "errors": errors}


def gather(entity: str, problems: Iterable[Problem], field_of: Mapping[str, FieldSchema]) -> ApiFault:
    """What the store found wrong with a write, in the system's own words.

    A body that cannot be understood is refused before its values are looked at, and missing fields are one error.
    """
    found = tuple(problems)
    unknown = [one for one in found if one.code == "unknown_field"]
    if unknown:
        return ApiFault(400, *(_unknown(entity, one.field or "") for one in unknown[:1]))
    mistyped = [one for one in found if _is_mistyped(one, field_of)]
    if mistyped:
        return ApiFault(400, Fault(code="JSON_PARSER_ERROR", message=f"Cannot deserialize: {mistyped[0].message}"))
    read_only = tuple(one.field for one in found if one.code == "read_only" and one.field)
    if read_only:
        message = f"Unable to create/update fields: {', '.join(read_only)}. Please check that they can be written."
        return ApiFault(400, Fault(code="INVALID_FIELD_FOR_INSERT_UPDATE", message=message, fields=read_only))
    missing = tuple(one.field for one in found if one.code == "required" and one.field)
    faults = [_fault(entity, one) for one in found if one.code != "required"]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        faults.append(Fault(code="REQUIRED_FIELD_MISSING", message=message, fields=missing))
    return ApiFault(400, *faults)


def _is_mistyped(problem: Problem, field_of: Mapping[str, FieldSchema]) -> bool:
    known = field_of.get((problem.field or "").casefold())
    return problem.code == "wrong_type" and (known is None or known.type is not FieldType.EMAIL)


def _unknown(entity: str, name: str) -> Fault:
    return Fault(code="INVALID_FIELD", message=f"No such column '{name}' on sobject of type {entity}", fields=(name,))


_CODES: Mapping[str, str] = {
    "wrong_type": "INVALID_EMAIL_ADDRESS",
    "too_long": "STRING_TOO_LONG",
    "not_in_picklist": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "unknown_reference": "INVALID_CROSS_REFERENCE_KEY",
    "duplicate": "DUPLICATE_VALUE",
}


def _fault(entity: str, problem: Problem) -> Fault:
    code = _CODES.get(problem.code, "FIELD_INTEGRITY_EXCEPTION")
    return Fault(code=code, message=f"{entity}: {problem.message}", fields=(problem.field,) if problem.field else ())
