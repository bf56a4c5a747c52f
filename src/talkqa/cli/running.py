"""`talkqa run`: pytest over generated scenarios, then the reports, the summary and an exit code from the results."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from talkqa.cli.generation import plan_generation, tell_changes, write_plan
from talkqa.cli.process import run_pytest
from talkqa.cli.project import Call, tell_idle_decisions
from talkqa.cli.results import show_run
from talkqa.cli.terminal import print_notice, print_result, progress
from talkqa.model.errors import ConfigError, PlanError
from talkqa.model.settings import Settings
from talkqa.report.exitcode import INTERRUPTED, NOTHING_DECIDED, WELL, read_requirement

_PYTEST_OPTIONS = "talkqa.pytest_options"
_QUIET = (
    *("--no-header", "-rN"),  # the summary says it better
    *("-p", "no:hypothesispytest"),  # its summary costs an import of hypothesis, which no scenario uses
    # This process has imported talkqa before pytest could rewrite its asserts, of which there are none.
    *("-W", "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"),
)


class RunCommand(TyperCommand):
    """Hands what follows `--` to pytest: it would otherwise be taken for the folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Cut the arguments at the first `--`."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_PYTEST_OPTIONS] = args[at + 1 :]
            args = args[:at]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def run(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder of scenarios; default: output of talkqa.toml.")] = None,
    *,
    generate: Annotated[bool, typer.Option("--generate", help="Generate stale scenarios instead of refusing.")] = False,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal runs in the sandbox.")] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Fault of the sandbox's engine.")] = None,
    licence_off: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM.NAME", help="Licence that the sandbox lacks.")
    ] = None,
    require: Annotated[
        str | None, typer.Option(metavar="proven=90%", help="Exit with 4 where fewer checks were decided.")
    ] = None,
    serial: Annotated[bool, typer.Option("--serial", help="Perform each step in place, for a debugger.")] = False,
    clock: Annotated[str | None, typer.Option(metavar="virtual|real", help="How time passes.")] = None,
    quirk: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM.NAME=on|off", help="How an emulated system behaves.")
    ] = None,
    weather: Annotated[
        str | None, typer.Option(metavar="NAME", help="What goes on around the sandbox: calm, rough, storm.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Against the systems of [accounts].")] = False,
    record: Annotated[bool, typer.Option("--record", help="Live, and record every call into cassettes.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="From cassettes; opens no connection.")] = False,
    max_age: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Refuse to replay what was recorded before.")
    ] = None,
    engine_version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Version of the sync engine, for the report's sign-off.")
    ] = None,
    chains: Annotated[
        bool, typer.Option("--chains", help="Open every system that a record may travel on to over other documents.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what a live run would write and ask; writes nothing.")
    ] = False,
) -> None:
    """Run the scenarios and report.

    This is pytest over the generated scenarios; its own options follow `--`.

    Exit codes: 0 well, 1 failed checks, 2 wrong input or stale, 3 errors or nothing decided, 4 unproven beyond
    --require, 130 interrupted.
    """
    call: Call = context.obj
    settings = call.settings()
    required = read_requirement(require) if require else settings.require_proven
    target = folder or call.root / settings.output
    mode = read_mode(settings, live=live, record=record, replay=replay, plan=plan)
    options = [f"--talkqa-mode={mode}"]
    options += [f"--talkqa-clock={clock}"] if clock else []
    options += [f"--talkqa-quirk={text}" for text in read_quirks(quirk or (), settings, call.root)]
    options += [f"--talkqa-weather={text}" for text in check_weather(weather)]
    options += [f"--talkqa-max-age={max_age}"] if max_age is not None else []
    options += [f"--talkqa-seed={seed}"] if seed is not None else []
    options += [f"--talkqa-fault={name}" for name in read_faults(fault or (), call, settings)]
    options += [f"--talkqa-licence-off={name}" for name in read_licences(licence_off or (), settings, call.root)]
    options += ["--talkqa-chains"] if chains else []
    options += ["--serial"] if serial else []
    options += [f"--talkqa-engine-version={engine_version}"] if engine_version else []
    options += [f"--talkqa-config={call.config.absolute()}"] if call.config else []
    _refresh(call, settings, target, generate=generate)
    extra = context.meta.get(_PYTEST_OPTIONS, [])
    if plan:
        # Whatever the settings say of the clock: nobody waits for a plan.
        raise typer.Exit(_rehearse(call, target, [*options, "--talkqa-clock=virtual", "--talkqa-limited", *extra]))
    raise typer.Exit(_perform(call.root / settings.work, target, [*options, *extra], required))


def read_mode(settings: Settings, *, live: bool, record: bool, replay: bool, plan: bool) -> str:
    """Where the systems are, by the options, else by the settings.

    Raises:
        ConfigError: for options that exclude each other.
    """
    given = {"live": live and not record, "record": record, "replay": replay, "sandbox": plan}
    chosen = [mode for mode, on in given.items() if on]
    if len(chosen) > 1:
        raise ConfigError("--live or --record, --replay and --plan exclude each other: give one")
    return chosen[0] if chosen else settings.mode


def read_faults(names: Sequence[str], call: Call, settings: Settings) -> tuple[str, ...]:
    """The faults as given, each a known one, and limited to a known flow: else it would break nothing, unnoticed.

    Raises:
        ConfigError: for an unknown one.
    """
    if names:
        from talkqa.sandbox.faults import KINDS, read_fault  # noqa: PLC0415 - see app.py

        for name in names:
            if name.partition(":")[0] not in KINDS:
                raise ConfigError(f"--fault {name}: no such fault; choose from {', '.join(KINDS)}")
            _, aim = read_fault(name)
            if aim.flow_id is not None:
                _require_flow(name, aim.flow_id, call, settings)
    return tuple(names)


def _require_flow(name: str, flow: str, call: Call, settings: Settings) -> None:
    from talkqa.documents.worlds import group_worlds  # noqa: PLC0415 - see app.py

    known = [found.id for world in group_worlds(call.read((), settings).documents) for found in world.flows]
    if known and flow not in known:
        close = get_close_matches(flow, known, n=3) or sorted(known)
        raise ConfigError(f"--fault {name}: no such flow; the closest of {len(known)}: {', '.join(close[:3])}")


def read_licences(names: Sequence[str], settings: Settings, root: Path) -> tuple[str, ...]:
    """The licences as their systems spell them: one that nothing needs would be off without effect.

    Raises:
        ConfigError: for an unknown one.
    """
    found = []
    for name in names:
        from talkqa.systems.registry import find_schema  # noqa: PLC0415 - see app.py

        system, _, licence = name.rpartition(".")
        schema = find_schema(system, settings, root=root)
        known = {known.casefold(): known for known in schema.licences} if schema else {}
        if schema is None or licence.casefold() not in known:
            if not known:
                raise ConfigError(f"--licence-off {name}: no system with licences is named; give SYSTEM.LICENCE")
            choices = ", ".join(f"{system}.{licence}" for licence in sorted(known.values()))
            raise ConfigError(f"--licence-off {name}: no such licence; choose from {choices}")
        found.append(f"{schema.name}.{known[licence.casefold()]}")
    return tuple(found)


def read_quirks(given: Sequence[str], settings: Settings, root: Path) -> tuple[str, ...]:
    """The quirks under their own names, each as `SYSTEM.NAME=on` or `off`; those of the settings are looked at as well.

    Raises:
        ConfigError: for another form, and for a quirk that no emulated system has.
    """
    if not given and not settings.sandbox.quirks:
        return ()
    from talkqa.runner.options import read_quirk, settle_quirks  # noqa: PLC0415 - see app.py

    wanted = dict(map(read_quirk, given))
    settle_quirks(settings.sandbox.quirks, settings, root)
    return tuple(f"{name}={'on' if on else 'off'}" for name, on in settle_quirks(wanted, settings, root).items())


def check_weather(text: str | None) -> tuple[str, ...]:
    """The weather as given, where one is.

    Raises:
        ConfigError: for what is no weather.
    """
    if text is None:
        return ()
    from talkqa.runner.options import find_weather  # noqa: PLC0415 - see app.py

    find_weather(text)
    return (text,)


def _refresh(call: Call, settings: Settings, target: Path, *, generate: bool) -> None:
    """Generate what is stale, or refuse to run it.

    Raises:
        PlanError: where scenarios are stale and may not be generated.
    """
    output = (call.root / settings.output).resolve()
    if not target.resolve().is_relative_to(output):
        print_notice(f"{target}: not the output folder of this project; whether it is stale is not checked")
        return
    worlds = call.worlds((), settings)
    tell_idle_decisions(worlds, settings)
    planned = plan_generation(call, worlds, settings)
    if not planned.stale:
        return
    if generate:
        write_plan(planned)
        return
    tell_changes(planned, would=True)
    fault = "do not say what the documents say now" if output.is_dir() else "are not generated yet"
    raise PlanError(f"{settings.output}: the scenarios {fault}\n  run `talkqa generate`, or `talkqa run --generate`")


def _rehearse(call: Call, target: Path, options: Sequence[str]) -> int:
    """Run in the sandbox, limited as the accounts are, and tell what was asked of the systems."""
    from talkqa.cli.allowances import find_closed  # noqa: PLC0415 - see app.py
    from talkqa.report.plan import render_plan, why_broken  # noqa: PLC0415 - see app.py
    from talkqa.report.reading import read_run  # noqa: PLC0415 - see app.py

    if not target.exists():
        raise PlanError(f"{target}: no such folder; run `talkqa generate` first")
    with TemporaryDirectory(prefix="talkqa-plan-") as folder:
        said = StringIO()
        with progress("rehearsing in the sandbox"), redirect_stdout(said):
            ended = run_pytest([str(target), f"--talkqa-run-dir={folder}/plan", *_QUIET, *options])
        if not any(Path(folder, "plan").glob("*.jsonl")):
            print_notice(said.getvalue().strip() or "nothing was selected, so there is nothing to plan")
            return ended.without_results
        planned = read_run(Path(folder, "plan"))
        print_result(render_plan(planned, find_closed(call, planned)))
    if ended.interrupted:
        return INTERRUPTED
    return NOTHING_DECIDED if any(map(why_broken, planned.worlds)) else WELL


def _perform(work: Path, target: Path, options: Sequence[str], required: float) -> int:
    """Run pytest, then report; the results decide on the exit code."""
    from talkqa.report.exitcode import exit_code  # noqa: PLC0415 - see app.py
    from talkqa.report.summary import render_summary  # noqa: PLC0415 - see app.py
    from talkqa.runner.events import make_run_id  # noqa: PLC0415 - see app.py

    if not target.exists():
        raise PlanError(f"{target}: no such folder; run `talkqa generate` first")
    run_dir = work / "runs" / make_run_id(datetime.now(UTC))
    ended = run_pytest([str(target), f"--talkqa-run-dir={run_dir}", *_QUIET, *options])
    if not any(run_dir.glob("*.jsonl")):
        print_notice("nothing was run, so there is nothing to report")
        return ended.without_results
    shown = run_dir.relative_to(Path.cwd()) if run_dir.is_relative_to(Path.cwd()) else run_dir
    results, report = show_run(shown)
    print_result("\n" + render_summary(report).rstrip("\n"))
    code = exit_code(results, required)
    if code == 4:
        print_notice(f"{report.proven:.1%} proven, {required:.1%} required")
    return ended.mend(code)
