"""What a live run may not create without being allowed to, of all that a rehearsal in the sandbox created."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

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

    What an account allows is allowed once, to all worlds of a run together.

    Args:
        call: Its documents tell which record makes the engine create another one.
        run: The rehearsal.
    """
    settings = call.settings()
    flows = {world.slug: world.flows for world in call.worlds((), settings)}
    needed = {world.slug: count_needed(world.used, flows.get(world.slug, ())) for world in run.worlds}
    total = sum((Counter(each) for each in needed.values()), Counter[Key]())
    short = tuple(_short(total, settings, call))
    return {
        slug: tuple(
            replace(one, needed=counts[one.system, one.entity.casefold()])
            for one in short
            if counts[one.system, one.entity.casefold()]
        )
        for slug, counts in needed.items()
    }


def _short(needed: Mapping[Key, int], settings: Settings, call: Call) -> Iterable[Closed]:
    for system in sorted({system for system, _ in needed}):
        schema = find_schema(system, settings, root=call.root)  # one read off documents forbids nothing
        for entity in sorted(schema.entities if schema else (), key=lambda one: one.name):
            count = needed.get((system, entity.name.casefold()), 0)
            allowed = _allowed(system, entity.name, settings.accounts)
            if caution_of(entity) and count > allowed:
                yield Closed(system=system, entity=entity.name, why=caution_of(entity), needed=count, allowed=allowed)


def count_needed(used: Iterable[SystemUsed], flows: Iterable[Flow]) -> Counter[Key]:
    """How many records count against what is allowed: the run's own, and those that the engine may make of them.

    That is how `verify.safety` counts.
    """
    created = {(one.system, entity.casefold()): count for one in used for entity, count in one.created.items()}
    partners: defaultdict[Key, set[Key]] = defaultdict(set)
    for flow in flows:
        source, target = ((flow.entity(side).system, flow.entity(side).entity.casefold()) for side in Side)
        partners[source].add(target)
        partners[target].add(source)
    needed: Counter[Key] = Counter()
    for key, count in created.items():
        for reached in _reach(key, partners):
            needed[reached] += count
    return needed


def _reach(start: Key, partners: Mapping[Key, set[Key]]) -> set[Key]:
    """An entity, and all that the engine may make records of for one of its records, flow after flow."""
    reached, waiting = {start}, [start]
    while waiting:
        fresh = partners.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    return reached


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
