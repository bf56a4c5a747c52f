"""Which systems `talkqa doctor` looks at, and how it reaches each: behind an account, or emulated in this process."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trio
import trio.testing

from talkqa.cli.connection import fold, open_connection
from talkqa.model.account import Account
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ApiError, ConfigError
from talkqa.model.flow import Flow
from talkqa.model.preflight import Finding
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.sandbox.connectors.contract import USER as ENGINE
from talkqa.sandbox.world import SandboxWorld
from talkqa.systems.connect import known_budget, make_client
from talkqa.systems.derived import derive_schema
from talkqa.systems.registry import find_schema
from talkqa.systems.tokens import TokenStore
from talkqa.verify.clock import TrioClock
from talkqa.verify.preflight import Examined, examine

_EPOCH = datetime(2025, 1, 1, 8, tzinfo=UTC)
"""When the virtual clock of emulated systems begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One system to look at."""

    system: str
    schema: SystemSchema
    account: Account | None = None
    """None where none is configured."""
    emulated: bool = False


def find_patients(
    settings: Settings, flows: Sequence[Flow], root: Path, *, emulated: bool, only_documents: bool
) -> tuple[Patient, ...]:
    """The systems to look at, by name.

    Args:
        settings: Names the accounts.
        flows: Of the documents.
        root: Folder of the project.
        emulated: Look at emulated systems; accounts play no part then.
        only_documents: Pass over accounts of systems that the documents do not name.

    Raises:
        ConfigError: where there is nothing to look at.
    """
    systems = {fold(ref.system): ref.system for flow in flows for ref in (flow.source, flow.target)}
    accounts = {} if emulated else {fold(account.system): account for account in settings.accounts}
    if not only_documents:
        systems = {**{key: account.system for key, account in accounts.items()}, **systems}
    if not systems:
        raise ConfigError(
            'talkqa.toml: there is nothing to look at; add [accounts."SYSTEM"] with url and auth, or documents'
        )
    return tuple(
        Patient(
            system=name,
            schema=find_schema(name, settings, root=root) or derive_schema(name, flows),
            account=accounts.get(key),
            emulated=emulated,
        )
        for key, name in sorted(systems.items(), key=lambda item: item[1])
    )


def examine_all(
    patients: Sequence[Patient], flows: Sequence[Flow], settings: Settings, planned: Mapping[str, int]
) -> tuple[Examined, ...]:
    """Look at each system in turn.

    Args:
        patients: The systems.
        flows: All flows of the run.
        settings: How the sandbox behaves.
        planned: System to calls that the run is going to make there.
    """
    found = []
    for patient in patients:
        look = partial(_examine, patient, flows, settings, planned.get(patient.system, 0))
        clock = trio.testing.MockClock(autojump_threshold=0) if patient.emulated else None
        found.append(trio.run(look, clock=clock))
    return tuple(found)


async def _examine(patient: Patient, flows: Sequence[Flow], settings: Settings, planned_calls: int) -> Examined:
    limits = known_budget(patient.schema)
    account = patient.account
    async with AsyncExitStack() as stack:
        if patient.emulated:
            clock: Clock = TrioClock(_EPOCH)
            client, account = await _emulate(patient, settings, clock, stack)
        elif account is None:
            return _without_account(patient)
        else:
            clock = TrioClock(datetime.now(UTC))
            http = await stack.enter_async_context(open_connection(account, limits, clock))
            try:
                client = make_client(
                    patient.schema,
                    account,
                    http,
                    clock_now=clock.now,
                    timeout_s=None,
                    store=TokenStore.of_user(),
                    stamp=clock.stamp,
                )
            except ConfigError as error:
                return Examined(system=patient.system, findings=_incomplete(account, error))
        return await examine(client, account, flows, stamp=clock.stamp, limits=limits, planned_calls=planned_calls)


async def _emulate(
    patient: Patient, settings: Settings, clock: Clock, stack: AsyncExitStack
) -> tuple[SystemClient, Account]:
    """A client of the emulated system as the tests' user, which knows who the engine's is."""
    system, schema = patient.system, patient.schema
    world = SandboxWorld(flows=(), schemas={system: schema}, clock=clock, settings=settings.sandbox, seed=settings.seed)
    clients = []
    accounts = [world.account(system), world.account(system, ENGINE)]
    for account in accounts:
        http = await stack.enter_async_context(
            open_connection(account, known_budget(schema), clock, world.transport(system))
        )
        clients.append(make_client(schema, account, http, clock_now=clock.now, timeout_s=None, stamp=clock.stamp))
    ours, engine = clients
    try:
        engine_user = (await engine.identify()).user or ""
    except ApiError:
        engine_user = ""  # the look at our own user tells what is wrong
    return ours, replace(accounts[0], engine_user=engine_user)


def _incomplete(account: Account, error: ConfigError) -> tuple[Finding, ...]:
    """What an account lacks, each by itself: nobody was asked yet, so nobody has refused it."""
    advice = "export it where talkqa runs; in a CI, as one of its secrets"
    if not account.missing:
        message, _, told = str(error).partition("\n")
        advice = told.strip() or f'complete [accounts."{account.system}"] in talkqa.toml'
    return tuple(
        Finding(
            code="incomplete-account",
            severity=Severity.ERROR,
            system=account.system,
            message=one,
            advice=advice,
        )
        for one in (account.missing or (message,))
    )


def _without_account(patient: Patient) -> Examined:
    section = f'[accounts."{patient.system}"]'
    finding = Finding(
        code="no-account",
        severity=Severity.ERROR,
        system=patient.system,
        message="no account is configured",
        advice=f"add {section} with url and auth to talkqa.toml, or look at the emulated system with --sandbox",
    )
    return Examined(system=patient.system, findings=(finding,))
