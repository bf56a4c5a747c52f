"""Words for worlds and flows, which events know by their ids.

The generated scenarios' first step names both entities; ids are turned back into words only where no such step ran.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from talkqa.model.result import CheckFinished

_IN_STEP = re.compile(r"\w+ the sync engine keeps (.+) in step")


def title_of_flow(flow_id: str, checks: Iterable[CheckFinished]) -> str:
    """The words a person knows a flow by: `Custom CRM Customer to Salesforce Division`."""
    if not flow_id:
        return "Scenarios written by hand"
    source_slug, _, target_slug = flow_id.partition("--")
    for check in checks:
        names = _names_in_steps(check, source_slug)
        if names:
            return f"{names[0]} to {names[1]}"
    return f"{_words(source_slug)} to {_words(target_slug)}"


def title_of_world(slug: str, systems: Iterable[str]) -> str:
    """The words for a pair of systems: `Custom CRM to Salesforce`.

    Args:
        slug: `custom-crm/salesforce`.
        systems: Lines that begin with the name of a system, as a run tells them.
    """
    known = {_slug(name): name for line in systems for name in (re.split(r"[:,;(]", line)[0].strip(),)}
    return " to ".join(known.get(part, _words(part)) for part in slug.split("/"))


def _names_in_steps(check: CheckFinished, source_slug: str) -> tuple[str, str] | None:
    """Both entities of the background step; an ` and ` may be part of an entity's name, the id tells which."""
    found = next((m for step in check.steps if (m := _IN_STEP.fullmatch(step.text))), None)
    if found is None:
        return None
    parts = found[1].split(" and ")
    splits = [(" and ".join(parts[:at]), " and ".join(parts[at:])) for at in range(1, len(parts))]
    wanted = re.sub(r"[^a-z0-9]", "", unquote(source_slug))
    return next((s for s in splits if re.sub(r"[^a-z0-9]", "", s[0].lower()) == wanted), splits[0] if splits else None)


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _words(slug: str) -> str:
    """Words for a slug: the letter case is lost, so each word gets a capital."""
    words = unquote(slug).replace(".", " ").replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or slug
