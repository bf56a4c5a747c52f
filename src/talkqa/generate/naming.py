"""What generated files and scenarios are called: stable, unique, and harmless whatever a document says.

A name depends on the flow it belongs to. Only where two would clash does the later flow id get a suffix, so that a
new flow renames no other.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from talkqa.model.world import World

MANIFEST = "manifest.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._%~-]")
_SIMPLE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 150
"""Characters of a file name before it is cut: file systems end at 255 bytes, and a temporary name is longer."""


def name_folder(world: World) -> tuple[str, ...]:
    """The folders of a world below the output folder: `("custom-crm", "salesforce")`."""
    return tuple(_name_file(part) for part in world.slug.split("/"))


def name_module(world: World) -> str:
    """The world's test module: `test_custom_crm__salesforce.py`.

    pytest wants module names unique over all folders: two underscores part the systems, because one may stand for a
    blank, and a system whose name has other characters than letters and digits gets a digest.
    """
    return f"test_{'__'.join(_name_identifier(part) for part in world.slug.split('/'))}.py"


def name_features(world: World) -> Mapping[str, str]:
    """The feature file of each flow with a sentence, by flow id: `customer--division.feature`.

    The systems of the title are left out, those of a section with other systems are not.
    """
    source, _, target = world.slug.partition("/")
    named: dict[str, str] = {}
    taken: set[str] = set()
    for flow_id in sorted(flow.id for flow in world.flows if flow.rules):
        short = flow_id
        head, parted, tail = flow_id.partition(f"--{target}.")
        if parted and head.startswith(f"{source}."):
            short = f"{head.removeprefix(f'{source}.')}--{tail}"
        name = _name_file(short)
        if name.casefold() in taken:
            name = f"{name}.{_digest(flow_id)}"
        taken.add(name.casefold())
        named[flow_id] = f"{name}.feature"
    return named


def name_function(title: str) -> str:
    """The Python name that pytest-bdd 9 makes of a scenario's name; equal ones are renumbered in order of files."""
    return re.sub(r"^\d+_*", "", re.sub(r"\W", "", title.replace(" ", "_"))).lower()


def part_titles(titles: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Scenario names of a world by (owner, title): unique as Python names, hence as written too.

    Owners come in order; the first of two that clash keeps the title, the other one gets a suffix made of its owner.
    """
    named: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for owner, title in titles:
        name = title
        if name_function(name) in taken:
            name = f"{title} ({_digest(f'{owner} {title}')})"
        taken.add(name_function(name))
        named[owner, title] = name
    return named


def _name_file(text: str) -> str:
    """A file name without its ending: no dot in front, no separator, not too long."""
    name = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in _bytes(found[0])), text)
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}.{_digest(text)}"
    return name or "_"


def _name_identifier(slug: str) -> str:
    if _SIMPLE.fullmatch(slug) and len(slug) <= _LONGEST // 3:
        return slug.replace("-", "_")
    plain = re.sub(r"[^a-z0-9]+", "_", unquote(slug).lower()).strip("_")[: _LONGEST // 3]
    return f"{plain or 'blank'}_{_digest(slug)}"


def _digest(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()[:8]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
