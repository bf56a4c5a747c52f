"""Which emulator speaks which dialect."""

from collections.abc import Mapping

from talkqa.model.protocols import Clock
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.dialects.rest import RestEmulator
from talkqa.sandbox.dialects.salesforce import SalesforceEmulator
from talkqa.sandbox.dialects.wave.emulator import WaveEmulator
from talkqa.sandbox.store import SystemStore

_EMULATORS: Mapping[str, type[Emulator]] = {
    "rest": RestEmulator,
    "exactonline": ExactOnlineEmulator,
    "salesforce": SalesforceEmulator,
    "wave": WaveEmulator,
}


def make_emulator(store: SystemStore, clock: Clock, quirks: Mapping[str, bool]) -> Emulator:
    """The emulated system over a store.

    Raises:
        ConfigError: for a quirk that the dialect does not know.
    """
    return _EMULATORS.get(store.schema.dialect, RestEmulator)(store, clock, quirks=quirks)
