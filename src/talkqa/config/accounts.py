"""The sections `[accounts."System name"]`: how systems are reached, with secrets taken from the environment.

A text `env:NAME` stands for an environment variable. A variable that is missing is no error of the file: the account
says what it lacks, and only who uses it is told.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from talkqa.config import values
from talkqa.config.sections import Sections, Table, place_of
from talkqa.config.values import Read
from talkqa.model.account import AUTH_KINDS, Account, Auth

_ENV = "env:"

_ACCOUNT: Mapping[str, Read] = {
    "url": values.url,
    "auth": values.anything,
    "options": values.options,
    "calls_per_minute": values.rate,
    "calls_per_day": values.count,
    "concurrent": values.count,
    "poll_s": values.seconds,
    "production": values.flag,
    "allow": values.allowances,
    "engine_user": values.text,
}
_AUTH: Mapping[str, Read] = {field.name: values.text for field in fields(Auth)} | {"kind": values.one_of(*AUTH_KINDS)}


def read_accounts(
    section: Any, sections: Sections, environ: Mapping[str, str], aliases: Mapping[str, tuple[str, ...]]
) -> tuple[Account, ...]:
    """The accounts of a file, in its order.

    Args:
        section: What stands under `accounts`.
        sections: Reads, and notes what is wrong.
        environ: The environment.
        aliases: Canonical system name to its other names; an account may stand under any of them.
    """
    canonical = {_folded(spelling): name for name, also in aliases.items() for spelling in (name, *also)}
    found: dict[str, Account] = {}
    for name, table in sections.table(section, "accounts").items():
        system = canonical.get(_folded(name), " ".join(name.split()))
        place = f'accounts."{name}"'
        if not isinstance(table, dict):
            sections.wrong("", f"{place} must be a section [{place}]")
            continue
        if system.casefold() in found:
            sections.wrong(place, f"there is another account of {system}; keep one")
            continue
        account = _account(system, place, table, sections, environ)
        if account is not None:
            found[system.casefold()] = account
    return tuple(found.values())


def _account(system: str, place: str, table: Table, sections: Sections, environ: Mapping[str, str]) -> Account | None:
    missing: list[str] = []
    before = len(sections.problems)
    at_file = f"{sections.path}:{place_of(place)}"
    plain = _fill(table, at_file, "", environ, missing)
    content = sections.read(plain, place, _ACCOUNT, hidden=("url",))
    auth_table = content.pop("auth", {})
    if not isinstance(auth_table, dict):
        sections.wrong(place, 'auth must be a table such as { kind = "none" }')
        return None
    auth = Auth(**sections.read(auth_table, f"{place}.auth", _AUTH, hidden=_AUTH))
    if "url" not in table:
        sections.wrong(place, "url is missing: where the system is, such as https://example.my.salesforce.com")
    _check_auth(auth, table.get("auth", {}), place, sections)
    if len(sections.problems) > before:
        return None
    return Account(system=system, auth=auth, **{"url": "", **content}, missing=tuple(missing))


def _check_auth(auth: Auth, written: Table, place: str, sections: Sections) -> None:
    """See that what the kind needs is written there, be its variable set or not."""
    lacking = [name for name in AUTH_KINDS[auth.kind] if name not in written]
    if auth.kind == "api-key" and not {"header", "query"} & set(written):
        lacking.append("header (or query)")
    if lacking:
        sections.wrong(f"{place}.auth", f"kind '{auth.kind}' needs {' and '.join(lacking)}")
    if "kind" not in written and written:
        sections.wrong(f"{place}.auth", f"kind is missing; kinds are {', '.join(AUTH_KINDS)}")


def _fill(table: Table, place: str, path: str, environ: Mapping[str, str], missing: list[str]) -> dict[str, Any]:
    """The table with variables in place of `env:NAME`; keys whose variable is missing are left out and noted."""
    filled: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            filled[key] = _fill(value, place, f"{path}{key}.", environ, missing)
        elif isinstance(value, str) and value.startswith(_ENV):
            name = value.removeprefix(_ENV).strip()
            if environ.get(name, "").strip():
                filled[key] = environ[name]
            else:
                missing.append(f"{place} the environment has no {name or 'variable'}, which {path}{key} names; set it")
        else:
            filled[key] = value
    return filled


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()
