"""The options of a run, and the facts that they and talkqa.toml make together."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.settings import Settings, Weather
from talkqa.runner.manifest import WorldFolder

if TYPE_CHECKING:
    from talkqa.runner.live import RunFacts

CONFIG_NAME = "talkqa.toml"
MODES = ("sandbox", "live", "record", "replay")
VIRTUAL_EPOCH = datetime(2025, 1, 1, 8, tzinfo=UTC)
"""Second 0 of every run on a virtual clock: equal seeds must give equal stamps."""
RUN_INPUT = "talkqa_run"
"""Key under which an xdist controller hands the run's id to its workers."""


def add_options(parser: pytest.Parser) -> None:
    """Add the options of a run to pytest's."""
    group = parser.getgroup("talkqa", "dataflow scenarios (talkqa)")
    group.addoption("--talkqa-seed", type=int, metavar="N", help="seed of the run; equal seeds give equal sandbox runs")
    group.addoption("--talkqa-mode", choices=MODES, help="where the systems are; default: talkqa.toml, else sandbox")
    group.addoption("--talkqa-clock", choices=("virtual", "real"), help="how time passes; default: talkqa.toml")
    group.addoption("--talkqa-window", type=int, metavar="N", help="scenarios begun and not yet reported (real clock)")
    group.addoption("--serial", action="store_true", help="perform each talkqa step in place, for a debugger")
    group.addoption(
        "--talkqa-fault", action="append", default=[], metavar="NAME", help="fault of the sandbox's engine; repeatable"
    )
    group.addoption(
        "--talkqa-licence-off", action="append", default=[], metavar="SYSTEM.NAME", help="sandbox licence; repeatable"
    )
    group.addoption(
        "--talkqa-quirk",
        action="append",
        default=[],
        metavar="SYSTEM.NAME=on|off",
        help="how an emulated system behaves; repeatable",
    )
    group.addoption(
        "--talkqa-wire-faults", type=float, metavar="SHARE", help="share of sandbox calls that go wrong on the wire"
    )
    group.addoption("--talkqa-chains", action="store_true", help="open every system that a record may travel on to")
    group.addoption("--talkqa-weather", metavar="NAME", help="what goes on around a sandbox: calm, rough, storm")
    group.addoption("--talkqa-limited", action="store_true", help="limit sandbox calls as the real systems limit them")
    group.addoption("--talkqa-record", action="store_true", help="record the run's calls, for --talkqa-mode=replay")
    group.addoption("--talkqa-max-age", type=float, metavar="DAYS", help="replay nothing that was recorded before")
    group.addoption("--talkqa-engine-version", metavar="TEXT", help="version of the sync engine, for the sign-off")
    group.addoption("--talkqa-config", metavar="FILE", help="a talkqa.toml elsewhere; its folder is the project")
    group.addoption("--talkqa-run-dir", metavar="FOLDER", help="where results go; default: .talkqa/runs/<run id>")
    group.addoption(
        "--talkqa-documents",
        action="append",
        default=[],
        metavar="PATH",
        help="where documents from outside the project lie; repeatable",
    )


def find_root(config: pytest.Config, folders: Iterable[WorldFolder]) -> Path:
    """The project: the folder of talkqa.toml, else the nearest one above a world that holds its documents."""
    given: str | None = config.getoption("--talkqa-config")
    if given:
        return (config.invocation_params.dir / given).absolute().parent
    worlds = tuple(folders)
    above = [parent for world in worlds[:1] for parent in world.path.parents]
    places = [*above, config.invocation_params.dir, config.rootpath]
    for place in places:
        if (place / CONFIG_NAME).is_file():
            return place
    for place in places:
        if any((place / document).is_file() for world in worlds[:1] for document in world.documents):
            return place
    return config.rootpath


def read_facts(config: pytest.Config, root: Path) -> "RunFacts":
    """What the options and talkqa.toml say about this run.

    Raises:
        ConfigError: for a wrong setting.
    """
    from talkqa.config import read_settings  # noqa: PLC0415 - the plugin is loaded by runs that need none of this
    from talkqa.redaction.secrets import Secrets  # noqa: PLC0415
    from talkqa.runner.events import make_run_id  # noqa: PLC0415
    from talkqa.runner.live import RunFacts  # noqa: PLC0415

    given = config.getoption("--talkqa-config")
    settings = override(read_settings(root, root / Path(given).name if given else None), config)
    settings = settle_mode(settings)
    quirks = settle_quirks(settings.sandbox.quirks, settings, root)
    settings = replace(settings, sandbox=replace(settings.sandbox, quirks=quirks))
    now = datetime.now(UTC)
    folder = config.getoption("--talkqa-run-dir")
    handed = getattr(config, "workerinput", {}).get(RUN_INPUT)
    run_id = Path(folder).name if folder else handed or make_run_id(now)
    return RunFacts(
        run_id=run_id,
        run_dir=(config.invocation_params.dir / folder).absolute()
        if folder
        else root / settings.work / "runs" / run_id,
        root=root,
        settings=settings,
        epoch=VIRTUAL_EPOCH if settings.clock == "virtual" else now,
        serial=config.getoption("--serial"),
        max_failures=config.getoption("maxfail") or 0,
        secrets=Secrets(accounts=settings.accounts),
    )


def settle_mode(settings: Settings) -> Settings:
    """The settings with what follows from where the systems are.

    Real systems keep real time, and what a run writes there must not look like what an earlier one left; a recording
    is replayed in no time.
    """
    if settings.mode == "record":
        settings = replace(settings, mode="live", record=True)
    if settings.mode == "live":
        return replace(settings, clock="real", seed=settings.seed or int.from_bytes(os.urandom(4)))
    return replace(settings, clock="virtual", record=False) if settings.mode == "replay" else settings


def override(settings: Settings, config: pytest.Config) -> Settings:
    """The settings with this call's options over them."""
    given = {
        "seed": config.getoption("--talkqa-seed"),
        "mode": config.getoption("--talkqa-mode"),
        "clock": config.getoption("--talkqa-clock"),
        "window": config.getoption("--talkqa-window"),
        "max_age_days": config.getoption("--talkqa-max-age"),
        "engine_version": config.getoption("--talkqa-engine-version"),
    }
    sky = config.getoption("--talkqa-weather")
    sandbox = replace(
        settings.sandbox,
        weather=find_weather(sky) if sky else settings.sandbox.weather,
        wire_faults=config.getoption("--talkqa-wire-faults") or settings.sandbox.wire_faults,
        limited=settings.sandbox.limited or config.getoption("--talkqa-limited"),
        quirks={**settings.sandbox.quirks, **dict(map(read_quirk, config.getoption("--talkqa-quirk")))},
        faults=(*settings.sandbox.faults, *config.getoption("--talkqa-fault")),
        licences_off=settings.sandbox.licences_off | set(config.getoption("--talkqa-licence-off")),
    )
    record = settings.record or config.getoption("--talkqa-record")
    chains = settings.chains or config.getoption("--talkqa-chains")
    changes = {key: value for key, value in given.items() if value is not None}
    return replace(settings, sandbox=sandbox, record=record, chains=chains, **changes)


def find_weather(text: str) -> Weather:
    """A weather as given on the command line: `rough`, or `refused=0.05 skew_s=4`.

    Raises:
        ConfigError: for anything else.
    """
    from talkqa.config.values import Wrong  # noqa: PLC0415 - the plugin is loaded by runs that need none of this
    from talkqa.config.weather import read_weather  # noqa: PLC0415

    try:
        return read_weather(text)
    except Wrong as error:
        raise ConfigError(f"weather {text!r} {error}") from error


def read_quirk(text: str) -> tuple[str, bool]:
    """A quirk of an emulated system and whether it is to be on: `Salesforce.idle-writes-stamp=off`.

    Raises:
        ConfigError: for anything else.
    """
    name, _, value = (part.strip() for part in text.partition("="))
    if "." not in name or value not in {"on", "off"}:
        raise ConfigError(f"quirk {text!r}: write SYSTEM.NAME=on or SYSTEM.NAME=off")
    return name, value == "on"


def settle_quirks(given: Mapping[str, bool], settings: Settings, root: Path) -> Mapping[str, bool]:
    """Quirks under the canonical names of their systems: one that nothing has would be switched without effect.

    Args:
        given: As written, under any name of a system.
        settings: Know systems and their names.
        root: Folder of the project.

    Raises:
        ConfigError: for a quirk that no emulated system has, with the closest ones that there are.
    """
    if not given:
        return given
    from talkqa.sandbox.dialects.registry import known_quirks  # noqa: PLC0415 - few runs need the emulators here
    from talkqa.systems.registry import known_schemas  # noqa: PLC0415

    spellings = {_fold(spelling): name for name, also in settings.aliases.items() for spelling in (name, *also)}
    known = {
        f"{_fold(schema.name)}.{quirk}": f"{schema.name}.{quirk}"
        for schema in known_schemas(settings, root=root)
        for quirk in known_quirks(schema.dialect)
    }
    found = {}
    for text, on in given.items():
        system, _, quirk = text.rpartition(".")
        key = f"{_fold(spellings.get(_fold(system), system))}.{quirk.strip().casefold()}"
        if key not in known:
            close = get_close_matches(key, known, n=3, cutoff=0.5)
            told = ", ".join(known[one] for one in close)
            having = sorted({name.rpartition(".")[0] for name in known.values()})
            raise ConfigError(
                f"quirk {text}: no emulated system has it; "
                + (f"the closest: {told}" if told else f"systems with quirks are {', '.join(having)}")
            )
        found[known[key]] = on
    return found


def _fold(name: str) -> str:
    return "".join(name.split()).casefold()
