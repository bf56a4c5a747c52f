"""What a live run would ask of each system, read off a rehearsal in the sandbox."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from talkqa.report.content import WHOLE_WORLD
from talkqa.report.naming import title_of_world
from talkqa.report.reading import Run, WorldRun
from talkqa.report.usage import count_of, describe_purposes, describe_records, describe_share, unite_usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An entity of which a live run may not create as many records as its checks need."""

    system: str
    entity: str
    why: str
    """What speaks against it."""
    needed: int
    """By the checks of a world, or of all."""
    allowed: int
    """By its account; 0 where it says nothing."""


def render_plan(run: Run, closed: Mapping[str, tuple[Closed, ...]]) -> str:
    """Records, calls, minutes and share of the quota for each world and system.

    Args:
        run: Of a rehearsal: the sandbox, limited as the accounts are.
        closed: By slug of a world; the sandbox allows everything, a live run does not.
    """
    lines: list[str] = []
    for world in run.worlds:
        lines += [*_lines_of(world, closed.get(world.slug, ()), alone=len(run.worlds) == 1), ""]
    if len(run.worlds) > 1:
        lines += [*_totals(run.worlds, _sum(closed.values())), ""]
    lines.append(
        "Rehearsed in the sandbox: nothing was written to any system. A slower engine means more minutes and polls."
    )
    return "\n".join(lines)


def why_broken(world: WorldRun) -> str:
    """Why a world could not be rehearsed; empty where it was."""
    return next((check.message for check in world.checks if check.reason in WHOLE_WORLD), "")


def _lines_of(world: WorldRun, closed: tuple[Closed, ...], *, alone: bool) -> Iterator[str]:
    seconds = world.finished.end_s if world.finished else 0.0
    systems = world.started.systems if world.started else ()
    title = title_of_world(world.slug, systems)
    broken = why_broken(world)
    if broken:
        yield f"{title}: cannot be rehearsed: {broken}"
        return
    yield f"{title}: {count_of(len(world.checks), 'check')}, {_duration(seconds)}"
    for used in world.used:
        calls, share = count_of(used.calls, "call"), describe_share(used.calls, used.calls_per_day)
        yield f"  {used.system}: {calls} ({describe_purposes(used.by_purpose)}), {share}"
        yield f"    at most {used.busiest_minute} in a minute{_of(used.calls_per_minute, 'the account allows')}"
        if used.created:
            yield f"    creates {describe_records(used.created)}"
        if used.copies:
            yield f"    the sync engine makes of them {describe_records(used.copies)}"
        here = [one for one in closed if one.system == used.system]
        yield from _closed_lines(here)
        if alone:
            yield from _allow_line(here)


def _closed_lines(closed: Iterable[Closed]) -> Iterator[str]:
    """What a live run would not create, and why."""
    for one in closed:
        state = f"the account allows {one.allowed}" if one.allowed else "off until the account allows it"
        yield f"    {one.entity}: {state} ({one.why}); its checks need {one.needed}, or are not runnable"


def _allow_line(closed: Iterable[Closed]) -> Iterator[str]:
    """What to write in the account of a system, so that a live run creates it."""
    found = tuple(closed)
    if found:
        allow = ", ".join(f"{_key(one.entity)} = {one.needed}" for one in found)
        yield f'      [accounts."{found[0].system}"] allow = {{ {allow} }}'


def _sum(closed: Iterable[tuple[Closed, ...]]) -> tuple[Closed, ...]:
    """One an entity, with what all worlds need: they share what an account allows."""
    united: dict[tuple[str, str], Closed] = {}
    for one in (one for each in closed for one in each):
        before = united.get((one.system, one.entity))
        united[one.system, one.entity] = replace(one, needed=one.needed + (before.needed if before else 0))
    return tuple(united[key] for key in sorted(united))


def _key(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else f'"{name}"'


def _totals(worlds: tuple[WorldRun, ...], closed: tuple[Closed, ...]) -> Iterator[str]:
    """What all worlds together ask of each system, whose limits they share."""
    yield f"All {len(worlds)} worlds together:"
    for used in unite_usage(used for world in worlds for used in world.used):
        least, limit = "", used.calls_per_minute
        if limit and used.calls > limit:
            least = f"; {_duration(60 * used.calls / limit)} at {limit:g} a minute"
        calls, share = count_of(used.calls, "call"), describe_share(used.calls, used.calls_per_day)
        yield f"  {used.system}: {calls}, {share}{least}"
        yield from _allow_line(one for one in closed if one.system == used.system)


def _duration(seconds: float) -> str:
    """Whole minutes, and seconds where there is none to round to."""
    if round(seconds) < 60:
        return count_of(max(1, round(seconds)), "second")
    return count_of(round(seconds / 60), "minute")


def _of(limit: float | None, words: str) -> str:
    return "" if limit is None else f"; {words} {limit:g}"
