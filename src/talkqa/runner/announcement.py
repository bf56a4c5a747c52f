"""What is said before a run writes into systems that are not its own, and what it cannot do without."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError, RunError
from talkqa.model.settings import Settings
from talkqa.runner.connections import find_account


def require_accounts(systems: Iterable[str], settings: Settings) -> None:
    """See that each system has an account that can be used.

    Raises:
        ConfigError: naming every system that has none, and everything that an account lacks.
    """
    problems: list[str] = []
    for system in systems:
        try:
            problems += find_account(system, settings).missing
        except RunError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))


def describe_writing(systems: Iterable[str], settings: Settings) -> str:
    """Who will write where, in a few lines."""
    lines = ["LIVE: this run creates, changes and deletes records of its own in"]
    for system in sorted(set(systems)):
        account = find_account(system, settings)
        allowed = ", ".join(f"up to {count} {entity}" for entity, count in account.allow.items())
        user = account.auth.username or account.auth.client_id or "the account's token"
        lines.append(f"  {account.system} at {account.url} as {user}" + (f"; allowed: {allowed}" if allowed else ""))
    lines.append("`talkqa run --plan` says how many; `talkqa sweep` removes what a stopped run left")
    return "\n".join(lines)


def host_of(account: Account) -> str:
    """Where an account leads, without what an address may say beside that."""
    parts = urlsplit(account.url)
    try:
        port = parts.port
    except ValueError:  # told when the address is used
        port = None
    host = parts.hostname or "(no host)"
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
