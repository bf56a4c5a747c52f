"""What stands in the way of a run in Exact Online: the company, rights, modules, parents.

Used by the client alone. A list without the right to read it is empty and says so with 200: the rights are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ApiRefused
from talkqa.model.preflight import Finding
from talkqa.model.schema import EntitySchema, SystemSchema


class Rights(Protocol):
    """What is asked of the client."""

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like."""
        ...

    async def has_right(self, entity: EntitySchema, action: str) -> bool | None:
        """Whether the account may do something with an entity; None where not told."""
        ...

    async def divisions(self) -> tuple[str, Mapping[str, str]]:
        """The configured company, and the companies that the user may open."""
        ...


async def find_obstacles(client: Rights, entities: Sequence[str]) -> tuple[Finding, ...]:
    """Everything that is in the way, the company first; nothing else is asked for where the company is wrong."""
    wrong = await _look_at_division(client)
    if wrong:
        return wrong
    findings: list[Finding] = []
    for entity, needed_by in _with_parents(client.schema, entities).items():
        for action in _actions(entity, written=True) if needed_by is None else ("GET", "POST"):
            allowed = await client.has_right(entity, action)
            if allowed is not True:
                findings.append(_lacking(client.schema.name, entity, action, needed_by, told=allowed is not None))
    return tuple(findings)


async def _look_at_division(client: Rights) -> tuple[Finding, ...]:
    name = client.schema.name
    try:
        configured, known = await client.divisions()
    except ApiRefused as error:
        return (
            Finding(
                code="wrong-organisation",
                severity=Severity.ERROR,
                system=name,
                message=f"the division does not let this account in: {error}",
                advice="set `division` of the account to a company that its user has given the app consent for",
            ),
        )
    if known and configured not in known:
        listed = ", ".join(f"{code} ({told})" if told else code for code, told in sorted(known.items())[:10])
        return (
            Finding(
                code="wrong-organisation",
                severity=Severity.ERROR,
                system=name,
                message=f"division {configured or '(none)'} is not among those of the user: {listed}",
                advice="set `division` of the account to the number of the test company",
            ),
        )
    return ()


def _with_parents(schema: SystemSchema, names: Sequence[str]) -> dict[EntitySchema, str | None]:
    """The entities, and behind them those that their records need: entity to who needs it."""
    wanted: dict[str, str | None] = {}
    for name in names:
        known = schema.entity(name)
        if known is not None:
            wanted[known.name] = None
    waiting = list(wanted)
    while waiting:
        entity = schema.entity(waiting.pop(0))
        for parent in _parents(entity) if entity else ():
            if parent not in wanted and schema.entity(parent) is not None:
                wanted[parent] = entity.name if entity else None
                waiting.append(parent)
    return {entity: by for name, by in wanted.items() if (entity := schema.entity(name)) is not None}


def _parents(entity: EntitySchema) -> Iterator[str]:
    for field in entity.fields:
        if field.required and field.references:
            yield field.references[0]


def _actions(entity: EntitySchema, *, written: bool) -> Iterator[str]:
    yield "GET"
    if written:
        yield from (["POST"] if entity.createable else [])
        yield from (["PUT"] if entity.updateable else [])
        yield from (["DELETE"] if entity.deletable else [])


def _lacking(system: str, entity: EntitySchema, action: str, needed_by: str | None, *, told: bool) -> Finding:
    why = f", which {needed_by} needs" if needed_by else ""
    if not told:
        return Finding(
            code="missing-right",
            severity=Severity.WARNING,
            system=system,
            entity=entity.name,
            message=f"the system does not say whether the account may {action} {entity.name}{why}",
            advice="look at the rights of the user by hand: a list that may not be read is empty without a word",
        )
    return Finding(
        code="licence" if entity.requires else "missing-right",
        severity=Severity.ERROR,
        system=system,
        entity=entity.name,
        message=f"the account may not {action} {entity.name}{why}",
        advice=f"add {entity.requires} to the company's licence, or give the user the right"
        if entity.requires
        else "give the user of the account this right in the company",
    )
