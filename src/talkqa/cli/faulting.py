"""`talkqa faults`: the checklist tested by faults of the reference engine, and by simulations of the correct one."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.running import read_licences
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.check import Depth
from talkqa.model.errors import ConfigError

if TYPE_CHECKING:
    from talkqa.model.result import CheckFinished
    from talkqa.model.settings import Weather
    from talkqa.runner.campaign import Accusation
    from talkqa.runner.experiment import Experiment, Laboratory
    from talkqa.runner.matrix import Scope, Trial, Verdict

_TOLD_AT_MOST = 5
"""Wrong results told of one simulation: what breaks one check often breaks them all."""
_SHORT = 1
"""Exit code where what is measured falls short."""


def faults(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Faults of this kind; repeatable.")] = None,
    flow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Faults of this flow; repeatable.")] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="ID", help="This fault; repeatable.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the faults and run nothing.")] = False,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="A fixed sample of about N faults, of every kind.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Perform all checks, not those of the fault's flow.")] = False,
    depth: Annotated[Depth | None, typer.Option(help="How much of the checklist.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes that share the work.")] = 1,
    table: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the kill rates as Markdown.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write every fault's end.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed, or the first of several.")] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Instead: so many simulations of the correct engine.")
    ] = None,
    weather: Annotated[
        str | None, typer.Option(metavar="NAME", help="What goes on around them; default: drawn from each seed.")
    ] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="Of the correct engine, with each quirk and licence flipped in turn.")
    ] = False,
    check: Annotated[list[str] | None, typer.Option(metavar="ID", help="Perform this check alone; repeatable.")] = None,
    quirk: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM.NAME=on|off", help="How an emulated system behaves.")
    ] = None,
    licence_off: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM.NAME", help="Licence that the sandbox lacks.")
    ] = None,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Reduce the first wrong result to the fewest checks and weather.")
    ] = False,
) -> None:
    """Test the checklist itself.

    Runs faults of the reference engine one by one and tells which checks noticed; with --seeds or --flips simulates the
    correct engine, which no check may accuse.

    Exit codes: 0 the measure holds (98% of the faults on documented flows noticed, 90% of each kind, 90% of these by a
    check that names the broken sentence; or nobody accused), 1 it does not, 2 wrong input.
    """
    from talkqa.runner.experiment import Laboratory, hush  # noqa: PLC0415 - see app.py

    hush()
    call: Call = context.obj
    settings = call.settings()
    settings = replace(settings, depth=depth or settings.depth)
    laboratory = Laboratory(call.worlds_run(paths or (), settings), settings, call.root)
    first_seed = settings.seed if seed is None else seed
    work = _Work(laboratory=laboratory, paths=tuple(paths or ()), jobs=jobs, seed=first_seed, shrinks=shrink)
    if seeds is not None or flips:
        if kind or flow or fault or listing or sample or table or json_file:
            raise ConfigError("--seeds and --flips simulate the correct engine: give no faults beside them")
        changed = _Changed(
            weather=_read_weather(weather),
            quirks=_read_quirks(quirk or (), laboratory),
            licences_off=read_licences(licence_off or (), settings, call.root),
            checks=tuple(sorted(check)) if check else None,
        )
        raise typer.Exit(_simulate(work, seeds, changed, flips=flips))
    if weather or quirk or licence_off:
        raise ConfigError("--weather, --quirk and --licence-off belong to --seeds: a fault brings its own weather")
    trials = _choose(laboratory, kind or (), flow or (), fault or (), sample)
    if listing:
        _list(trials)
        return
    from talkqa.runner.matrix import Scope  # noqa: PLC0415 - see app.py

    scope = Scope(whole=whole, checks=tuple(sorted(check)) if check else None)
    raise typer.Exit(_try(work, trials, scope, table=table, json_file=json_file))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What both ways of testing are given."""

    laboratory: "Laboratory"
    paths: tuple[Path, ...]
    jobs: int
    seed: int
    shrinks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    """What is asked of every simulation."""

    weather: "Weather | None"
    quirks: tuple[tuple[str, bool], ...]
    licences_off: tuple[str, ...]
    checks: tuple[str, ...] | None


def _choose(
    laboratory: "Laboratory", kinds: Sequence[str], flows: Sequence[str], ids: Sequence[str], size: int | None
) -> "tuple[Trial, ...]":
    """The faults that are asked for.

    Raises:
        ConfigError: for a kind, a flow or a fault that is not in the catalogue.
    """
    from talkqa.runner import matrix  # noqa: PLC0415 - see app.py

    trials = matrix.list_trials(laboratory)
    for option, given, known in (
        ("--kind", kinds, {trial.fault.kind for trial in trials}),
        ("--flow", flows, {trial.fault.flow_id for trial in trials}),
        ("--fault", ids, {trial.fault.id for trial in trials}),
    ):
        for name in given:
            if name not in known:
                alike = {one.partition(":")[0] for one in known}
                (kind,) = get_close_matches(name.partition(":")[0], alike, n=1) or [""]
                same = sorted(one for one in known if one.partition(":")[0] == kind) or sorted(known)
                close = get_close_matches(name, same, n=3) or same[:3]
                raise ConfigError(
                    f"{option} {name}: not in the catalogue; the closest of {len(known)}: {', '.join(close)}"
                )
    chosen = matrix.choose(trials, kinds=kinds, flows=flows, faults=ids)
    return matrix.sample(chosen, size) if size is not None else chosen


def _list(trials: "Sequence[Trial]") -> None:
    from talkqa.config.weather import write_weather  # noqa: PLC0415 - see app.py

    for trial in trials:
        fault = trial.fault
        sky = "" if fault.weather.calm else f"; in weather {write_weather(fault.weather)}"
        breaks = fault.sentence or "policy"
        print_result(f"{fault.id}\n  {fault.summary} Breaks {breaks}; seen by {', '.join(fault.checks)}{sky}")
    kinds = len({trial.fault.kind for trial in trials})
    print_notice(f"{len(trials)} faults of {kinds} kinds")


def _try(work: _Work, trials: "Sequence[Trial]", scope: "Scope", *, table: Path | None, json_file: Path | None) -> int:
    """Run the matrix, tell and write what came of it; the exit code."""
    from talkqa.runner import matrix  # noqa: PLC0415 - see app.py
    from talkqa.runner.killrates import KillRates, rates_json, render_markdown, render_rates  # noqa: PLC0415

    with _counting("simulations", matrix.count_simulations(trials, scope)) as on_done:
        verdicts = matrix.try_faults(work.laboratory, trials, scope, seed=work.seed, jobs=work.jobs, on_done=on_done)
    rates = KillRates(verdicts=verdicts)
    print_result(render_rates(rates))
    if table is not None:
        depth = work.laboratory.settings.depth
        looked = "all checks" if scope.whole else "the checks of its flow"
        facts = (
            f"Seed {work.seed}, depth {depth}; {len(verdicts)} faults, {looked} for each;",
            "made by `talkqa faults --table FILE`.",
        )
        today = datetime.now(UTC).date().isoformat()
        table.write_text(render_markdown(rates, date=today, facts=facts), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(json.dumps(rates_json(rates), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    killed = next((verdict for verdict in verdicts if verdict.killed), None)
    if work.shrinks and killed is not None:
        _shrink_kill(work, killed, scope)
    short = rates.shortfalls()
    for line in short:
        print_notice(f"short of the measure: {line}")
    return _SHORT if short else 0


def _simulate(work: _Work, count: int | None, changed: _Changed, *, flips: bool) -> int:
    """Simulate the correct engine and tell what came of it; the exit code."""
    from talkqa.runner import campaign  # noqa: PLC0415 - see app.py

    laboratory = work.laboratory
    flipped = campaign.list_flips(laboratory) if flips else ()
    if flips and not flipped:
        raise ConfigError("--flips: no emulated system of these documents has a switch; give --seeds instead")
    planned = campaign.plan_campaign(
        tuple(laboratory.worlds.values()),
        count=len(flipped) if count is None else count,
        first_seed=work.seed,
        weather=changed.weather,
        flips=flipped,
    )
    planned = tuple(
        replace(
            one,
            quirks=(*one.quirks, *changed.quirks),
            licences_off=(*one.licences_off, *changed.licences_off),
            checks=changed.checks,
        )
        for one in planned
    )
    with _counting("simulations", len(planned)) as on_done:
        tally = campaign.run_campaign(
            laboratory, planned, jobs=work.jobs, on_done=on_done, on_wrong=partial(_accuse, work)
        )
    for (outcome, reason), number in sorted(tally.counts.items(), key=lambda entry: (entry[0][0], -entry[1])):
        print_result(f"{number:>7}  {outcome:<13} {reason or '(no reason)'}")
    number_left = sum(len(records) for _, records in tally.left)
    print_result(f"{tally.counts.total():>7}  checks in {tally.simulations} simulations; {number_left} records left")
    for experiment, records in tally.left:
        print_result(f"left: {', '.join(records)}\n  {replay_command(work.laboratory, experiment)}")
    if work.shrinks and tally.accusations:
        _shrink_accusation(work, tally.accusations[0])
    return _SHORT if tally.accusations else 0


def _accuse(work: _Work, experiment: "Experiment", wrong: "Sequence[CheckFinished]") -> None:
    """Tell what one simulation says wrongly, and how it is repeated."""
    for told in wrong[:_TOLD_AT_MOST]:
        print_result(f"{told.check}: {told.outcome} {told.reason or '(no reason)'}: {told.message}")
    if len(wrong) > _TOLD_AT_MOST:
        print_result(f"and {len(wrong) - _TOLD_AT_MOST} more checks of this simulation")
    print_result(f"  {replay_command(work.laboratory, experiment)}")


def replay_command(laboratory: "Laboratory", experiment: "Experiment") -> str:
    """What performs this simulation again, from the project's folder; a fault brings the weather that it needs."""
    from talkqa.config.weather import write_weather  # noqa: PLC0415 - see app.py

    documents = [document.path for document in laboratory.worlds[experiment.world].documents]
    if experiment.faults:
        told = [part for fault in experiment.faults for part in ("--fault", fault)]
        told += ["--whole"] if experiment.flow_id is None else []
    else:
        told = ["--seeds", "1", "--weather", write_weather(experiment.weather)]
        told += [part for name, on in experiment.quirks for part in ("--quirk", f"{name}={'on' if on else 'off'}")]
        told += [part for name in experiment.licences_off for part in ("--licence-off", name)]
    told += [part for check in experiment.checks or () for part in ("--check", check)]
    depth = str(laboratory.settings.depth)
    return shlex.join(["talkqa", "faults", *documents, "--seed", str(experiment.seed), "--depth", depth, *told])


def _shrink_accusation(work: _Work, accusation: "Accusation") -> None:
    from talkqa.runner.campaign import shrink_experiment  # noqa: PLC0415 - see app.py

    print_notice(f"shrinking {accusation.result.check}")
    with _counting("simulations", None) as on_done:
        shrunk = shrink_experiment(work.laboratory, accusation.experiment, accusation.result, on_done)
    checks, found = shrunk.experiment.checks or (), shrunk.findings
    print_result(f"{len(checks)} checks, {found.records} records and {found.writes} writes remain: {', '.join(checks)}")
    print_result(f"  {replay_command(work.laboratory, shrunk.experiment)}")


def _shrink_kill(work: _Work, verdict: "Verdict", scope: "Scope") -> None:
    from talkqa.runner.campaign import shrink_experiment  # noqa: PLC0415 - see app.py
    from talkqa.runner.matrix import experiment_of  # noqa: PLC0415 - see app.py

    killer = (verdict.declared or verdict.killers)[0]
    print_notice(f"shrinking {verdict.trial.fault.id}, seen by {killer.check}")
    experiment = experiment_of(verdict.trial, scope, seed=work.seed)
    with _counting("simulations", None) as on_done:
        shrunk = shrink_experiment(work.laboratory, experiment, killer, on_done)
    from talkqa.config.weather import write_weather  # noqa: PLC0415 - see app.py

    checks, found = shrunk.experiment.checks or (), shrunk.findings
    print_result(
        f"{verdict.trial.fault.id}: {len(checks)} checks, {found.records} records and {found.writes} writes show it, "
        f"in weather {write_weather(shrunk.experiment.weather)}: {', '.join(checks)}"
    )
    print_result(f"  {replay_command(work.laboratory, shrunk.experiment)}")


def _read_weather(text: str | None) -> "Weather | None":
    from talkqa.runner.options import find_weather  # noqa: PLC0415 - see app.py

    return None if text is None else find_weather(text)


def _read_quirks(given: Sequence[str], laboratory: "Laboratory") -> tuple[tuple[str, bool], ...]:
    from talkqa.runner.options import read_quirk, settle_quirks  # noqa: PLC0415 - see app.py

    wanted = dict(map(read_quirk, given))
    return tuple(settle_quirks(wanted, laboratory.settings, laboratory.root).items())


@contextmanager
def _counting(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Tell how far the work is, on stderr, about twenty times."""
    done = 0
    step = max(1, (total or 200) // 20)

    def on_done() -> None:
        nonlocal done
        done += 1
        if done % step == 0 or done == total:
            # Some take a second look, so that there may be more than was known beforehand.
            print_notice(f"{done} {what}" if total is None or done > total else f"{done} of {total} {what}")

    yield on_done
