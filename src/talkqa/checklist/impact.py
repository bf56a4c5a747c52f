"""What a changed document means for the checklist: which checks come, go, or now demand something else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.identity import digest_check
from talkqa.model.check import Check, Depth, RowKey
from talkqa.model.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A check of a world."""

    world: str
    """Slug of the world."""
    check: Check
    before: Check | None = None
    """What it demanded before; None where it is new, gone or unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Two checklists compared; each part sorted by world and check id."""

    added: tuple[Affected, ...]
    removed: tuple[Affected, ...]
    altered: tuple[Affected, ...]
    unchanged: tuple[Affected, ...]

    @property
    def quiet(self) -> bool:
        """Whether both checklists demand the same."""
        return not (self.added or self.removed or self.altered)


_Listed = Mapping[tuple[str, str], tuple[Check, str]]


def compare_checklists(before: Iterable[World], after: Iterable[World], depth: Depth) -> Impact:
    """Compare what two sets of worlds demand; a check is the same check where world and id are the same."""
    old, new = _list_checks(before, depth), _list_checks(after, depth)
    both = sorted(old.keys() & new.keys())
    changed = {key for key in both if old[key][1] != new[key][1]}
    return Impact(
        added=tuple(Affected(world=key[0], check=new[key][0]) for key in sorted(new.keys() - old.keys())),
        removed=tuple(Affected(world=key[0], check=old[key][0]) for key in sorted(old.keys() - new.keys())),
        altered=tuple(Affected(world=key[0], check=new[key][0], before=old[key][0]) for key in both if key in changed),
        unchanged=tuple(Affected(world=key[0], check=new[key][0]) for key in both if key not in changed),
    )


def _list_checks(worlds: Iterable[World], depth: Depth) -> _Listed:
    """Check and digest by (world, check id)."""
    listed: dict[tuple[str, str], tuple[Check, str]] = {}
    for world in worlds:
        for flow in world.flows:
            rows = {RowKey(source=row.source, target=row.target): row for row in flow.properties}
            for check in derive_checks(flow, depth):
                row = rows.get(check.row) if check.row is not None else None
                listed[world.slug, check.id] = (check, digest_check(check, row))
    return listed
