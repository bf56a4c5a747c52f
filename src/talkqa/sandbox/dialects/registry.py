"""Which emulator speaks which dialect."""

from collections.abc import Mapping

from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Clock
from talkqa.sandbox.dialects.emulator import Emulator, Quirk
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.dialects.graphql.emulator import GraphqlEmulator
from talkqa.sandbox.dialects.odata.emulator import ODataEmulator
from talkqa.sandbox.dialects.rest import RestEmulator
from talkqa.sandbox.dialects.salesforce import SalesforceEmulator
from talkqa.sandbox.dialects.wave.emulator import WaveEmulator
from talkqa.sandbox.store import SystemStore

_EMULATORS: Mapping[str, type[Emulator]] = {
    "rest": RestEmulator,
    "odata": ODataEmulator,
    "graphql": GraphqlEmulator,
    "exactonline": ExactOnlineEmulator,
    "salesforce": SalesforceEmulator,
    "wave": WaveEmulator,
}


def make_emulator(store: SystemStore, clock: Clock, quirks: Mapping[str, bool]) -> Emulator:
    """The emulated system over a store.

    Raises:
        ConfigError: for a dialect that the sandbox does not speak, and a quirk that the dialect does not know.
    """
    emulator = _EMULATORS.get(store.schema.dialect)
    if emulator is None:
        spoken = ", ".join(sorted(_EMULATORS))
        raise ConfigError(
            f"the sandbox has no dialect {store.schema.dialect!r}, which {store.schema.name} speaks; it has: {spoken}"
        )
    return emulator(store, clock, quirks=quirks)


def known_quirks(dialect: str) -> Mapping[str, Quirk]:
    """What can be switched of the emulated systems that speak a dialect, by name."""
    emulator = _EMULATORS.get(dialect)
    return {} if emulator is None else emulator.QUIRKS
