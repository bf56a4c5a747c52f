"""What stands in the way of a run in Wave: the business, what the token may read, income accounts.

Used by the client of Wave alone. Mail cannot be a finding: nothing here ever sends any.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ApiRefused
from talkqa.model.preflight import Finding
from talkqa.model.schema import SystemSchema


class Account(Protocol):
    """What is asked of the client."""

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like."""
        ...

    async def business_id(self) -> str:
        """The business that is written to."""
        ...

    async def businesses(self) -> Mapping[str, str]:
        """Id to name of the businesses that the user has."""
        ...

    async def income_account(self) -> str | None:
        """An account that products can be sold to."""
        ...

    async def read_one(self, entity: str) -> None:
        """Read one record of an entity."""
        ...


async def find_obstacles(client: Account, entities: Sequence[str]) -> tuple[Finding, ...]:
    """Everything that is in the way; nothing else is asked for where the business is wrong."""
    wrong = await _look_at_business(client)
    if wrong is not None:
        return (wrong,)
    findings = [await _look_at(client, entity) for entity in dict.fromkeys(entities)]
    if {"Product", "Invoice"} & set(entities):
        findings.append(await _look_at_accounts(client))
    return tuple(finding for finding in findings if finding is not None)


async def _look_at_business(client: Account) -> Finding | None:
    advice = "set `business` of the account to the id of the business that may be written to"
    try:
        known = await client.businesses()
        configured = await client.business_id()
    except ApiRefused as error:
        return _finding(client, "wrong-organisation", f"no business can be reached: {error}", advice)
    if configured in known:
        return None
    listed = ", ".join(f"{name} ({one})" for one, name in known.items()) or "none"
    return _finding(
        client, "wrong-organisation", f"the user has no open business {configured}; it has: {listed}", advice
    )


async def _look_at(client: Account, entity: str) -> Finding | None:
    known = client.schema.entity(entity)
    if known is None:
        return None
    try:
        await client.read_one(known.name)
    except ApiRefused as error:
        advice = (
            f"give the token the scope that {known.name} needs (such as {_scope(known.name)}:*), then sign in again"
        )
        return _finding(client, "missing-right", f"{known.name} cannot be read: {error}", advice, known.name)
    return None


async def _look_at_accounts(client: Account) -> Finding | None:
    try:
        account = await client.income_account()
    except ApiRefused as error:
        advice = "give the token the scope account:read, or name an income account in every product"
        return _finding(client, "missing-right", f"accounts cannot be read: {error}", advice, "Product")
    if account is not None:
        return None
    message = "the business has no open account of subtype INCOME, so that no product can be sold"
    return _finding(client, "unfillable-field", message, "add an income account to its chart of accounts", "Product")


def _scope(entity: str) -> str:
    return {"SalesTax": "sales_tax"}.get(entity, entity.lower())


def _finding(client: Account, code: str, message: str, advice: str, entity: str | None = None) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        system=client.schema.name,
        message=message,
        advice=advice,
        entity=entity,
        field="incomeAccount.id" if code == "unfillable-field" else None,
    )
