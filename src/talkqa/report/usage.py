"""What was asked of each system, over all worlds, and the words for it."""

from collections import Counter
from collections.abc import Iterable, Mapping

from talkqa.model.result import SystemUsed

_PURPOSES = {
    "sign_in": ("sign-in", "sign-ins"),
    "write": ("write", "writes"),
    "confirm": ("read", "reads"),
    "poll": ("poll", "polls"),
}


def unite_usage(used: Iterable[SystemUsed]) -> tuple[SystemUsed, ...]:
    """One a system, sorted: worlds share an account's limits."""
    groups: dict[str, list[SystemUsed]] = {}
    for one in used:
        groups.setdefault(one.system, []).append(one)
    return tuple(_united(groups[system]) for system in sorted(groups))


def _united(seen: list[SystemUsed]) -> SystemUsed:
    last = seen[-1]
    return SystemUsed(
        system=last.system,
        calls=sum(one.calls for one in seen),
        by_purpose=_sum(one.by_purpose for one in seen),
        repeated=sum(one.repeated for one in seen),
        busiest_minute=max(one.busiest_minute for one in seen),
        calls_per_minute=last.calls_per_minute,
        calls_per_day=last.calls_per_day,
        created=_sum(one.created for one in seen),
        copies=_sum(one.copies for one in seen),
    )


def _sum(numbers: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in numbers:
        total.update(each)
    return dict(total)


def describe_purposes(by_purpose: Mapping[str, int]) -> str:
    """What calls were for: `2 sign-ins, 166 writes, 1 read`."""
    words = ((count, _PURPOSES.get(name, (name, name))) for name, count in by_purpose.items() if count)
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in words)


def describe_records(numbers: Mapping[str, int]) -> str:
    """How many records of each entity: `16 Contact, 3 Order`."""
    return ", ".join(f"{count} {entity}" for entity, count in numbers.items() if count)


def describe_share(calls: int, calls_per_day: int | None) -> str:
    """How much of a day's calls that is."""
    if calls_per_day is None:
        return "no daily limit known"
    share = calls / calls_per_day
    return f"{f'{share:.0%}' if share >= 0.01 or not calls else 'under 1%'} of the {calls_per_day} a day"


def count_of(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
