"""What a live run may not create without being allowed to, of all that a rehearsal in the sandbox created."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from talkqa.cli.project import Call
from talkqa.model.account import Account
from talkqa.model.flow import Flow, Side
from talkqa.model.result import SystemUsed
from talkqa.model.settings import Settings
from talkqa.report.plan import Closed
from talkqa.report.reading import Run
from talkqa.systems.registry import find_schema
from talkqa.verify.safety import caution_of

Key = tuple[str, str]
"""System, and entity in lower case."""


def find_closed(call: Call, run: Run) -> dict[str, tuple[Closed, ...]]:
    """Entities of which the accounts do not allow as many records as a rehearsal made, by slug of the world.

    Args:
        call: Its documents tell which record makes the engine create another one.
        run: The rehearsal.
    """
    settings = call.settings()
    flows = {world.slug: world.flows for world in call.worlds((), settings)}
    return {world.slug: tuple(_closed(world.used, flows.get(world.slug, ()), settings, call)) for world in run.worlds}


def _closed(used: Iterable[SystemUsed], flows: Iterable[Flow], settings: Settings, call: Call) -> Iterable[Closed]:
    needed = count_needed(used, flows)
    for system in sorted({system for system, _ in needed}):
        schema = find_schema(system, settings, root=call.root)  # one read off documents forbids nothing
        for entity in sorted(schema.entities if schema else (), key=lambda one: one.name):
            count = needed[system, entity.name.casefold()]
            allowed = _allowed(system, entity.name, settings.accounts)
            if caution_of(entity) and count > allowed:
                yield Closed(system=system, entity=entity.name, why=caution_of(entity), needed=count, allowed=allowed)


def count_needed(used: Iterable[SystemUsed], flows: Iterable[Flow]) -> Mapping[Key, int]:
    """How many records count against what is allowed: the run's own, and one for each that the engine may make of them.

    That is how `verify.safety` counts.
    """
    created = Counter({(one.system, entity.casefold()): count for one in used for entity, count in one.created.items()})
    partners: defaultdict[Key, set[Key]] = defaultdict(set)
    for flow in flows:
        source, target = ((flow.entity(side).system, flow.entity(side).entity.casefold()) for side in Side)
        partners[source].add(target)
        partners[target].add(source)
    needed = Counter(created)
    for key, count in created.items():
        for partner in partners[key]:
            needed[partner] += count
    return needed


def _allowed(system: str, entity: str, accounts: Iterable[Account]) -> int:
    return next(
        (
            count
            for account in accounts
            if account.system.casefold() == system.casefold()
            for name, count in account.allow.items()
            if name.casefold() == entity.casefold()
        ),
        0,
    )
