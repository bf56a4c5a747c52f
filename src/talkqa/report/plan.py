"""What a live run would ask of each system, read off a rehearsal in the sandbox."""

from collections.abc import Iterator, Mapping

from talkqa.model.result import SystemUsed
from talkqa.report.naming import title_of_world
from talkqa.report.reading import Run, WorldRun


def render_plan(run: Run) -> str:
    """Records, calls, minutes and share of the quota for each world and system.

    Args:
        run: Of a rehearsal: the sandbox, limited as the accounts are.
    """
    lines: list[str] = []
    for world in run.worlds:
        lines += [*_lines_of(world), ""]
    lines.append(
        "Rehearsed in the sandbox: nothing was written to any system. A slower engine means more minutes and polls."
    )
    return "\n".join(lines)


def _lines_of(world: WorldRun) -> Iterator[str]:
    minutes = (world.finished.end_s if world.finished else 0.0) / 60
    systems = world.started.systems if world.started else ()
    yield f"{title_of_world(world.slug, systems)}: {len(world.checks)} checks, {minutes:.0f} minutes"
    for used in world.used:
        yield f"  {used.system}: {used.calls} calls ({_purposes(used)}){_share(used)}"
        yield f"    at most {used.busiest_minute} in a minute{_of(used.calls_per_minute, 'the account allows')}"
        if used.created:
            yield f"    creates {_counted(used.created)}"
        if used.copies:
            yield f"    the sync engine makes of them {_counted(used.copies)}"


def _purposes(used: SystemUsed) -> str:
    words = {"sign_in": "sign-ins", "write": "writes", "confirm": "reads", "poll": "polls"}
    return ", ".join(f"{count} {words.get(name, name)}" for name, count in used.by_purpose.items())


def _share(used: SystemUsed) -> str:
    if used.calls_per_day is None:
        return ", no daily limit known"
    return f", {used.calls / used.calls_per_day:.0%} of the {used.calls_per_day} a day"


def _of(limit: float | None, words: str) -> str:
    return "" if limit is None else f"; {words} {limit:g}"


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {entity}" for entity, count in numbers.items())
