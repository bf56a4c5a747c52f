"""How a property row may be judged, as far as the document alone tells (docs/verdicts.md).

A class that is too lenient misses a fault; one that is too strict accuses a correct engine. In doubt the lenient one.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from talkqa.model.check import RowClass, RowKey
from talkqa.model.discovery import Ways
from talkqa.model.flow import Flow, PropertyRow

_ID = re.compile(r"(?:^|[_\-$ ])(?:id|gid|uid|guid|uuid)$|(?<=[a-z0-9])(?:Id|ID|Gid|GID|Guid|GUID|Uuid|UUID)$")
_SHOWN_ID = re.compile(r"display[_\-]?id$", re.IGNORECASE)
"""A number that people read and write, whatever its name."""
_BARE_ID = frozenset({"id", "gid", "uid", "guid", "uuid"})
_LOOKED_UP = re.compile(
    r"country|currency|language|locale|vat_?(?:code|type)|tax_?(?:code|type)|unit_?of", re.IGNORECASE
)
_CODE = re.compile(r"code|iso", re.IGNORECASE)
_PLURAL = re.compile(r"(?:\[\]|\*|[^su]s)$")
_SINGULAR = re.compile(r"^(?:properties|fields|attributes|settings|preferences|news)$|(?:details|data)$", re.IGNORECASE)
"""Plural words under which documents keep an object, not a list: `properties.email`, `shippingDetails.phone`."""


def classify_row(flow: Flow, row: PropertyRow) -> RowClass:
    """The class of one row of the flow."""
    return _classify(row, shared=row.target in _shared_targets(flow))


def classify_rows(flow: Flow) -> Mapping[RowKey, RowClass]:
    """The class of every property row of the flow, in its order."""
    shared = _shared_targets(flow)
    return {
        RowKey(source=row.source, target=row.target): _classify(row, shared=row.target in shared)
        for row in flow.properties
    }


def lowest_row(flow: Flow, classes: Mapping[RowKey, RowClass]) -> PropertyRow | None:
    """The row that stands for all of them: the first in order of paths; plain, unqualified, two-way ones preferred.

    A boolean comes last: three edits of it cannot be told from one another.
    """
    return min(
        flow.properties,
        key=lambda row: (
            classes[RowKey(source=row.source, target=row.target)] is not RowClass.PLAIN,
            bool(row.qualifiers),
            row.ways is not Ways.BOTH,
            row.declared_type == "boolean",
            row.source,
            row.target,
        ),
        default=None,
    )


def names_id(path: str) -> bool:
    """Whether the last word of a dotted path is an identifier: `id`, `ContactId`, `customer_id`; not `paid`."""
    last = path.rpartition(".")[2]
    if _SHOWN_ID.search(last):
        return False
    return last.lower() in _BARE_ID or _ID.search(last) is not None


def runs_through_list(path: str) -> bool:
    """Whether a dotted path looks as if it ran through a list: `Emails.Value`, `addresses.city`."""
    return any(_PLURAL.search(part) and not _SINGULAR.search(part) for part in path.split(".")[:-1])


def _shared_targets(flow: Flow) -> frozenset[str]:
    """Target paths that several sources feed.

    One source that feeds several targets stays comparable: each target has that one source.
    """
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for row in flow.properties:
        sources[row.target].add(row.source)
    return frozenset(target for target, feeding in sources.items() if len(feeding) > 1)


def _classify(row: PropertyRow, *, shared: bool) -> RowClass:
    # Shared comes first: the value that an expression gives is only one of those that may arrive.
    if shared:
        return RowClass.SHARED
    if row.transform is not None:
        return RowClass.TRANSFORM
    referring = _classify_reference(row.source, row.target)
    if referring is not None:
        return referring
    declared = row.declared_type
    if declared is None:
        return RowClass.HIDDEN_TRANSFORM  # above lists: what happens to the value on the way is not told
    if declared in {"list", "first"} or runs_through_list(row.source) or runs_through_list(row.target):
        return RowClass.LIST
    return RowClass.PLAIN


def _classify_reference(source: str, target: str) -> RowClass | None:
    """The class of a row that names another record or a code list on at least one side; None for any other."""
    source_id, target_id = names_id(source), names_id(target)
    looked_up = _LOOKED_UP.search(source) is not None and _LOOKED_UP.search(target) is not None
    if source_id and target_id and not looked_up:
        return RowClass.IDENTITY
    codes = _CODE.search(source) is not None, _CODE.search(target) is not None
    if source_id or target_id or (looked_up and codes[0] != codes[1]):
        return RowClass.LOOKUP
    return None
