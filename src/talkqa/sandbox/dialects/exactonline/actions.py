"""What can be done with a quotation beside changing it: accept, reject, reopen, review, print.

They answer 201 whether they worked or not, and say which in the body.
"""

from typing import Any

from talkqa.sandbox.dialects.exactonline.errors import refuse
from talkqa.sandbox.dialects.exactonline.tables import Company
from talkqa.sandbox.store import EntityStore, Stored

DRAFT, OPEN, REVIEWED, REJECTED, PRINTED, ACCEPTED = "20", "25", "6", "5", "40", "50"
_ENDED = frozenset({REVIEWED, REJECTED, ACCEPTED})
_BECOMES = {
    "AcceptQuotation": ACCEPTED,
    "RejectQuotation": REJECTED,
    "ReopenQuotation": OPEN,
    "PrintQuotation": PRINTED,
}
ACTIONS = frozenset({*_BECOMES, "ReviewQuotation"})


def act(company: Company, name: str, body: dict[str, Any], user: str) -> dict[str, Any]:
    """Do something with a quotation; gives the body of the answer.

    Raises:
        Refusal: where the body names no quotation.
    """
    store = company.tables["Quotations"].store
    stored = company.record("Quotations", body.get("QuotationID"))
    if store is None or stored is None:
        raise refuse(404, "Not found")
    wants_ended = name == "ReopenQuotation"
    ended = stored.values.get("Status") in _ENDED
    if ended != wants_ended:
        said = "is not closed" if wants_ended else "is closed"
        return _told(stored, error=f"Quotation {stored.values.get('QuotationNumber')} {said}")
    if name == "ReviewQuotation":
        made = _review(company, store, stored, user)
        return {**_told(stored, success="A new version was made"), "NewQuotationID": made.id}
    _set_status(company, store, stored, _BECOMES[name], user)
    return _told(stored, success="Done")


def _review(company: Company, store: EntityStore, stored: Stored, user: str) -> Stored:
    """A new version with a key of its own; the old one is closed."""
    _set_status(company, store, stored, REVIEWED, user)
    version = stored.values.get("VersionNumber")
    values = {**stored.values, "Status": DRAFT, "VersionNumber": (version if isinstance(version, int) else 1) + 1}
    made = store.install(values, user)
    lines = company.tables["QuotationLines"].store
    for row in company.lines(company.tables["Quotations"], stored.id) if lines is not None else ():
        copy = lines.install({**row.stored.values, "QuotationID": made.id}, user) if lines is not None else row.stored
        company.line_ids.setdefault(made.id, []).append(copy.id)
    return made


def _told(stored: Stored, *, success: str = "", error: str = "") -> dict[str, Any]:
    return {"QuotationID": stored.id, "SuccessMessage": success, "ErrorMessage": error}


def _set_status(company: Company, store: EntityStore, stored: Stored, status: str, user: str) -> None:
    company.overrides[stored.id] = {"Status": status}
    store.touch(stored, user)
