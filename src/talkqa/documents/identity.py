"""Who is meant: system names under all their spellings, entities with facets, and the ids built from them.

Ids come from canonical names alone, so that a renamed system, a moved section or a new date stamp leaves them as they
were. They are injective: two flows share an id only where their names differ in letter case or white space alone.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

from talkqa.model.flow import EntityRef

_FACET = re.compile(r"(?P<plain>.*?)\s*\((?P<facet>[^()]+)\)")
_BLANK = "_"
"""Slug of a name that the document leaves blank."""

_MAX_NAME_WORDS = 5
_MAX_KEY = 120
"""Bounds of what can be a system's name: the longest one seen has three words, the longest run of names 52 letters."""


def fold(text: str) -> str:
    """Text with white space folded to single blanks and none around."""
    return " ".join(text.split())


@lru_cache(maxsize=16_384)
def slug(text: str) -> str:
    """A name as a part of ids and file names: lower case, blanks to `-`, all but letters and digits percent-encoded.

    A blank name is `_`. Equal slugs mean equal names but for letter case, white space and Unicode composition.
    """
    words = unicodedata.normalize("NFC", fold(text).lower()).split(" ")
    return "-".join(_encode(word) for word in words) or _BLANK


def _encode(word: str) -> str:
    # quote() leaves `-`, `.`, `_` and `~` alone, but in ids they separate parts or stand for a blank name
    encoded = quote(word, safe="")
    return encoded.replace("-", "%2D").replace(".", "%2E").replace("_", "%5F").replace("~", "%7E")


@lru_cache(maxsize=16_384)
def entity_id(ref: EntityRef) -> str:
    """`<system>.<entity>[.<facet>]`, each as a slug."""
    parts = (ref.system, ref.entity) if ref.facet is None else (ref.system, ref.entity, ref.facet)
    return ".".join(slug(part) for part in parts)


def flow_id(source: EntityRef, target: EntityRef) -> str:
    """The id of the flow between two entities: `custom-crm.customer--salesforce.division`."""
    return f"{entity_id(source)}--{entity_id(target)}"


def world_slug(source: str, target: str) -> str:
    """The id of all documents of a pair of systems: `custom-crm/salesforce`."""
    return f"{slug(source)}/{slug(target)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemName:
    """A system's name as found, and the system that is meant."""

    written: str
    """White space folded; empty where the document leaves it blank."""
    canonical: str
    known: bool
    """Whether an alias, the document's title or a spelling of either says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEntity:
    """An entity as found, and the one that is meant."""

    written: str
    """White space folded."""
    system: SystemName
    ref: EntityRef


def split_facet(text: str) -> tuple[str, str | None]:
    """Entity words and facet: `Customer (human data)` is `Customer` and `human data`."""
    match = _FACET.fullmatch(fold(text))
    if match and match["plain"] and match["facet"].strip():
        return match["plain"], match["facet"].strip()
    return fold(text), None


class SystemNames:
    """Finds the canonical system behind a name, by the aliases of a project."""

    def __init__(self, aliases: Mapping[str, tuple[str, ...]]) -> None:
        self._resolved: dict[tuple[str, str], SystemName] = {}
        self._canonical = {_squeeze(name): name for name in aliases}
        self._canonical |= {_squeeze(alias): name for name, also in aliases.items() for alias in also}

    def resolve(self, written: str, title: str = "") -> SystemName:
        """The system that a name means.

        Args:
            written: The name as found.
            title: Name of the system of that side in the document's title, which breaks ties: `Business` in a
                document about Business Central means it.
        """
        found = self._resolved.get((written, title))
        if found is None:
            found = self._resolved[written, title] = self._resolve(fold(written), fold(title))
        return found

    def _resolve(self, name: str, title: str) -> SystemName:
        if not name:
            return SystemName(written="", canonical="", known=True)
        own = self._known(title) or title
        key = _squeeze(name)
        canonical = self._canonical.get(key)
        if canonical is None and (key == _squeeze(title) or own.casefold().startswith(f"{name.casefold()} ")):
            canonical = own
        canonical = canonical or self._concatenated(key)
        return SystemName(written=name, canonical=canonical or name, known=canonical is not None)

    def entity(self, text: str, title: str, prefix: str | None = None) -> NamedEntity:
        """The entity that words mean, its system standing in front.

        Args:
            text: System and entity as written; leading white space says that the system is left blank.
            title: Name of the system of that side in the document's title.
            prefix: The system's name as a table header gives it; None where no header tells.
        """
        words, facet = split_facet(text)
        name, entity = self._split(words, title, prefix, blank=text[:1].isspace())
        system = self.resolve(name, title)
        if not fold(title) and prefix is not None and system.written == fold(prefix):
            # the title names no system, and a table's header does: there is nothing that it could differ from
            system = replace(system, known=True)
        ref = EntityRef(system=system.canonical, entity=entity, facet=facet)
        return NamedEntity(written=fold(text), system=system, ref=ref)

    def begins_known(self, text: str, title: str) -> bool:
        """Whether words begin with the name of a known system, that of the title included."""
        return next(self._known_prefixes(fold(text), title), None) is not None

    def _known(self, name: str) -> str | None:
        return self._canonical.get(_squeeze(name))

    def _split(self, words: str, title: str, prefix: str | None, *, blank: bool) -> tuple[str, str]:
        """System and entity, as written."""
        if prefix is not None and (folded := fold(prefix)) and words.startswith(f"{folded} "):
            return folded, words[len(folded) + 1 :]
        known = next(self._known_prefixes(words, title), None)
        if known is not None:
            return known, words[len(known) + 1 :]
        first, _, rest = words.partition(" ")
        if blank or (prefix is not None and not fold(prefix)):
            return "", words
        if not rest:
            return fold(title), words
        return first, rest

    def _known_prefixes(self, words: str, title: str) -> Iterator[str]:
        """Leading words that name a system: first whole names of the title's, then of any, then odd forms."""
        prefixes = [words[:end] for end in range(len(words) - 1, 0, -1) if words[end] == " "][-_MAX_NAME_WORDS:]
        own = self._known(title) or fold(title)
        wholes = [prefix for prefix in prefixes if self._known(prefix)]
        yield from (p for p in prefixes if _squeeze(p) == _squeeze(title) or self._known(p) == own)
        yield from wholes
        yield from (prefix for prefix in prefixes if self.resolve(prefix, title).known)

    def _concatenated(self, key: str) -> str | None:
        """The one system whose names, run together, are the key: `PowerOfficeGOPowerOffice GO` occurs."""
        if len(key) > _MAX_KEY:
            return None
        for canonical in sorted(set(self._canonical.values())):
            names = [name for name, meant in self._canonical.items() if meant == canonical]
            ends = {0}
            for end in range(1, len(key) + 1):
                if any(key.endswith(name, 0, end) and end - len(name) in ends for name in names):
                    ends.add(end)
            if len(key) in ends:
                return canonical
        return None


def _squeeze(name: str) -> str:
    """A name without white space and letter case: spellings that agree in this are one."""
    return "".join(name.split()).casefold()
