"""What the fault matrix says: kill rates by kind of fault, documented and undocumented flows apart, and the survivors.

Used by `talkqa faults`, which prints it, writes it as Markdown or JSON, and takes its exit code from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from talkqa.runner.matrix import Verdict

LEAST_KILLED = 0.98
"""Share of all faults on documented flows that are to be noticed."""
LEAST_OF_A_KIND = 0.90
LEAST_DECLARED = 0.90
"""Share of kills that a declared check is to make, naming the broken sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Counts of some verdicts."""

    tried: int
    killed: int
    declared: int
    """Kills by a declared check."""
    named: int
    """Those of them whose result names the broken sentence."""

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> "Rate":
        """The counts of these."""
        found = tuple(verdicts)
        return cls(
            tried=len(found),
            killed=sum(one.killed for one in found),
            declared=sum(bool(one.declared) for one in found),
            named=sum(one.named for one in found),
        )

    @property
    def share(self) -> float:
        """Killed among tried; 1 where nothing was tried."""
        return self.killed / self.tried if self.tried else 1.0

    @property
    def share_named(self) -> float:
        """Kills by a declared check that names the sentence, among all kills; 1 where there are none."""
        return self.named / self.killed if self.killed else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRates:
    """The whole matrix."""

    verdicts: tuple[Verdict, ...]

    @property
    def documented(self) -> tuple[Verdict, ...]:
        """Those on flows whose properties are documented or approved."""
        return tuple(one for one in self.verdicts if one.trial.fault.documented)

    @property
    def undocumented(self) -> tuple[Verdict, ...]:
        """The others."""
        return tuple(one for one in self.verdicts if not one.trial.fault.documented)

    @property
    def survivors(self) -> tuple[Verdict, ...]:
        """Faults that nothing noticed, documented flows first."""
        return tuple(one for one in (*self.documented, *self.undocumented) if not one.killed)

    @property
    def unclean(self) -> tuple[str, ...]:
        """Checks that accused the correct engine."""
        return tuple(sorted({check for one in self.verdicts for check in one.unclean}))

    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds tried, sorted."""
        return tuple(sorted({one.trial.fault.kind for one in self.verdicts}))

    def shortfalls(self) -> tuple[str, ...]:
        """Where the matrix falls short of its measure, one line each; empty where it holds."""
        documented = Rate.of(self.documented)
        found = []
        if documented.share < LEAST_KILLED:
            found.append(f"{_percent(documented.share)} killed on documented flows, {_percent(LEAST_KILLED)} wanted")
        if documented.share_named < LEAST_DECLARED:
            named = _percent(documented.share_named)
            found.append(f"{named} of the kills by the check of the broken sentence, {_percent(LEAST_DECLARED)} wanted")
        for kind in self.kinds():
            rate = Rate.of(one for one in self.documented if one.trial.fault.kind == kind)
            if rate.share < LEAST_OF_A_KIND:
                found.append(f"{kind}: {rate.killed} of {rate.tried} killed, {_percent(LEAST_OF_A_KIND)} wanted")
        if self.unclean:
            found.append(f"the correct engine is accused by {', '.join(self.unclean)}")
        return tuple(found)


def render_rates(rates: KillRates) -> str:
    """The table for a terminal, and the survivors below it."""
    heads = ("kind", *_HEADS, *(f"undoc. {head}" for head in _HEADS[:2]))
    rows = [heads, *((kind or "all", *_cells(rates, kind)) for kind in (*rates.kinds(), None))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    for one in rates.survivors:
        where = "" if one.trial.fault.documented else " (undocumented)"
        lines.append(f"survived{where}: {one.trial.fault.id}\n  {one.seen}")
    return "\n".join(lines)


def render_markdown(rates: KillRates, *, date: str, facts: Sequence[str]) -> str:
    """The table as it is committed.

    Args:
        rates: The matrix.
        date: When it was made, ISO 8601.
        facts: Lines on how it was made.
    """
    heads = ("kind", "breaks", *_HEADS, *(f"{head}, undocumented" for head in _HEADS[:2]))
    lines = ["# Kill rates of the fault matrix", "", f"Made on {date}.", *facts, ""]
    lines += [_row(heads), _row("---" for _ in heads)]
    for kind in (*rates.kinds(), None):
        broken = sorted({_broken(one) for one in rates.verdicts if kind in (None, one.trial.fault.kind)})
        lines.append(
            _row((f"`{kind}`" if kind else "**all**", ", ".join(broken) if kind else "", *_cells(rates, kind)))
        )
    lines += ["", "## Survivors", ""]
    lines += [
        f"- `{one.trial.fault.id}`{'' if one.trial.fault.documented else ' (undocumented flow)'}: {one.seen}"
        for one in rates.survivors
    ] or ["None."]
    short = rates.shortfalls()
    lines += ["", "## Measure", "", *(f"- {line}" for line in short or ("It holds.",))]
    return "\n".join(lines) + "\n"


def rates_json(rates: KillRates) -> list[dict[str, Any]]:
    """One object a fault."""
    return [
        {
            "fault": one.trial.fault.id,
            "kind": one.trial.fault.kind,
            "flow": one.trial.fault.flow_id,
            "documents": list(one.trial.documents),
            "documented": one.trial.fault.documented,
            "breaks": one.trial.fault.sentence,
            "declared": list(one.trial.fault.checks),
            "killed": one.killed,
            "by": [
                {"check": check.check, "outcome": check.outcome, "reason": check.reason, "sentence": check.sentence}
                for check in one.killers
            ],
            "by_declared": bool(one.declared),
            "sentence_named": one.named,
            "seen": one.seen,
        }
        for one in rates.verdicts
    ]


_HEADS = ("faults", "killed", "rate", "by declared check", "naming the sentence")


def _cells(rates: KillRates, kind: str | None) -> tuple[str, ...]:
    documented = Rate.of(one for one in rates.documented if kind in (None, one.trial.fault.kind))
    other = Rate.of(one for one in rates.undocumented if kind in (None, one.trial.fault.kind))
    return (
        str(documented.tried),
        str(documented.killed),
        _percent(documented.share) if documented.tried else "",
        str(documented.declared),
        str(documented.named),
        str(other.tried),
        str(other.killed),
    )


def _broken(verdict: Verdict) -> str:
    fault = verdict.trial.fault
    return str(fault.sentence) if fault.sentence is not None else "(policy)"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
