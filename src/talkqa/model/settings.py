"""Settings as values: `config` reads them from talkqa.toml, everything else takes them as arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from talkqa.model.account import Account
from talkqa.model.check import Depth
from talkqa.model.decision import Decisions
from talkqa.model.record import Scalar

KNOWN_ALIASES: Mapping[str, tuple[str, ...]] = {
    "Business Central": ("BusinessCentral", "Businesscentral"),
    "Business Nxt": ("BusinessNxt", "Businessnxt", "Business NXT"),
    "Custom CRM": ("Customcrm", "CustomCRM"),
    "Custom ERP": ("Customerp", "CustomERP"),
    "Custom HRM": ("Customhrm", "CustomHRM"),
    "Custom PMS": ("Custompms", "CustomPMS"),
    "Custom Webshop": ("Customwebshop", "CustomWebshop"),
    "Exact Online": ("ExactOnline", "Exactonline", "Exact"),
    "PowerOffice GO": ("Powerofficego", "PowerofficeGO", "PowerOfficeGO", "PowerOffice Go"),
    "HubSpot": ("Hubspot",),
    "MemberCare": ("Membercare",),
    "SuperOffice": ("Superoffice",),
    "Wave": ("Wave Financial",),
    "Wix": ("Wix.com",),
    "YouTrack": ("Youtrack",),
    "ZohoCRM": ("Zohocrm", "Zoho CRM"),
}
"""Canonical system name to the other names that published documents use for it."""


class Presence(StrEnum):
    """What is asked of a property whatever its value."""

    EMPTY = "empty"
    FILLED = "filled"


Wanted = Presence | Scalar | tuple[Scalar, ...]
"""What a predicate asks of one property: a value, one of several, or that there is one or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionBinding:
    """What the words of a condition, or a facet, mean in fields of the source entity."""

    text: str = ""
    """The condition's words as the document has them; compared with white space and case folded."""
    pattern: str = ""
    """In place of `text`: a regular expression that matches the words as a whole, whatever their case."""
    facet: bool = False
    """True where it explains the facet of `entity`, and no condition."""
    entity: str | None = None
    """Canonical entity name it is limited to; None for any."""
    remark: bool = False
    """True for an editor's remark that restricts nothing."""
    holds: Mapping[str, Wanted] = field(default_factory=dict)
    """Property values that make it true, all of them together."""
    fails: Mapping[str, Wanted] = field(default_factory=dict)
    """Property values that make it false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBinding:
    """Which field connects a source entity with another entity of its system."""

    source: str
    """Canonical name of the entity of the flow: `Salesforce Contact`."""
    connected: str
    """Canonical name of the connected entity: `Salesforce Order`."""
    path: str
    """Dotted path of the reference."""
    held_by: str = "connected"
    """Which record holds the reference: `connected` (it points at the source record) or `source`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What goes on around the tests and the reference engine in the sandbox, all of it drawn from the run's seed."""

    api_delay_s: float = 0.0
    """How long an answer of an emulated system takes at most."""
    refused: float = 0.0
    """Share of calls, 0 to 1, that are answered 429; they come in bursts."""
    failed: float = 0.0
    """Share of calls that are answered 5xx; they come in bursts."""
    lost: float = 0.0
    """Share of writes that are done and whose answer is lost."""
    skew_s: float = 0.0
    """How far the clocks of two systems are apart at most."""
    engine_delay_s: float = 0.0
    """How long the reference engine lets a change wait at most."""
    reordered: bool = False
    """Whether the reference engine works on what changed in another order."""
    engine_only: bool = False
    """Whether delays, refusals, failures and losses befall the engine's calls alone, and never those of the tests."""

    @property
    def calm(self) -> bool:
        """Whether nothing of it goes on."""
        return self == Weather()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How the embedded systems and the reference engine behave."""

    licences_off: frozenset[str] = frozenset()
    """Licences switched off, as `Salesforce.Billing`."""
    faults: tuple[str, ...] = ()
    """Faults of the reference engine, by name; empty for the correct engine."""
    engine_cycle_s: float = 5.0
    """How often the reference engine polls, in seconds of the run's clock."""
    limited: bool = False
    """Whether calls are limited as the real systems limit them, so that a live run can be rehearsed."""
    wire_faults: float = 0.0
    """Share of the tests' own calls that go wrong on the wire, 0 to 1: refused, lost, late, or with a dead token."""
    quirks: Mapping[str, bool] = field(default_factory=dict)
    """What the emulated systems do otherwise than by default: `Salesforce.idle-writes-stamp` to true or false."""
    weather: Weather = field(default_factory=Weather)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a project."""

    specs: tuple[str, ...] = ("specs",)
    output: str = "generated_tests"
    work: str = ".talkqa"
    """Where runs leave results, ledger, cache and reports."""
    depth: Depth = Depth.STANDARD
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(KNOWN_ALIASES))
    systems: tuple[str, ...] = ()
    """Descriptor files of the project's own systems (TOML)."""
    conditions: tuple[ConditionBinding, ...] = ()
    connections: tuple[ConnectionBinding, ...] = ()
    mode: str = "sandbox"
    """Where the systems are: sandbox, live or replay."""
    record: bool = False
    """Whether the run's calls are recorded."""
    clock: str = "virtual"
    seed: int = 0
    patience_s: float = 120.0
    """How long a check waits for a change before it asks the heartbeats."""
    poll_s: float = 4.0
    """How often an observer asks a system what changed."""
    window: int = 200
    """How many scenarios may be under way at once on the real clock."""
    require_proven: float = 0.0
    """Share of checks that must be decided, 0 to 1."""
    max_document_bytes: int = 4_000_000
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    engine_documents: tuple[str, ...] = ()
    """Further documents and folders that the engine runs: not tested, but what they promise may rightly happen."""
    engine_deployed: date | None = None
    """When the sync engine that is tested was deployed; None where nobody says."""
    chains: bool = False
    """Whether documents that share a system are tested in one world, so that what one makes may travel on."""
    accounts: tuple[Account, ...] = ()
    """How the systems are reached where they are not emulated."""
    cassettes: str = "cassettes"
    """Folder of recordings, one folder a world below it."""
    max_age_days: float | None = None
    """Recordings older than this fail a replay; None for any age."""
    decisions: Decisions = field(default_factory=Decisions)
    """What people decided: decisions.toml beside talkqa.toml."""
    engine_version: str = ""
    """Which version of the sync engine is tested, as its users call it; empty where nobody says."""
