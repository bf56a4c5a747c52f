"""What the sign-off of a report binds beside the results: documents, decisions, and the accounts used."""

from hashlib import sha256
from pathlib import Path

from talkqa.config import DECISIONS_NAME
from talkqa.model.settings import Settings
from talkqa.model.world import World


def digest_inputs(documents: tuple[str, ...], root: Path) -> dict[str, str]:
    """Path of each document, and of decisions.toml where there is one, to its SHA-256; without those that are gone."""
    found = {}
    for path in (*documents, DECISIONS_NAME):
        file = root / path
        if file.is_file():
            found[path] = sha256(file.read_bytes()).hexdigest()
    return found


def describe_accounts(world: World | None, settings: Settings) -> tuple[str, ...]:
    """One line a system of a live run: where, as which user, and which user the engine is; no secret among it."""
    if settings.mode != "live" or world is None:
        return ()
    used = {system.casefold() for system in world.systems()}
    return tuple(
        f"{account.system}: {account.url} as {account.auth.username or f'the holder of a {account.auth.kind}'}"
        + (f"; engine: {account.engine_user}" if account.engine_user else "")
        for account in sorted(settings.accounts, key=lambda account: account.system)
        if account.system.casefold() in used
    )
