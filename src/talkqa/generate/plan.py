"""Plan, show, write: compares what would be generated with what lies on disk, and changes only the difference.

- A file is overwritten or removed only while it holds the bytes that its manifest says talkqa wrote. Any other file is
  kept and reported; delete it to have it generated again.
- Orphans are files that a manifest lists and that nothing generates any more.
- The folder of a world that is not in the call is left alone, unless every document it rests on is gone from disk or
  was read in this call and now belongs to another world: then all its files are orphans.
- A call that reads only some of the documents that a world rests on is refused: the others' flows would be removed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.identity import digest_check
from talkqa.generate.change import Change, ChangeKind, Plan
from talkqa.generate.diff import diff
from talkqa.generate.folder import Folder, matches, open_folder, read_bytes, remove_file, write_bytes
from talkqa.generate.manifest import (
    OUTSIDE,
    CheckEntry,
    Manifest,
    Premise,
    digest_bytes,
    read_manifest,
    read_premise,
    write_manifest,
)
from talkqa.generate.naming import MANIFEST, name_features, name_folder, name_module
from talkqa.generate.render import render_feature, render_module
from talkqa.generate.scenario import build_features
from talkqa.model.check import RowKey
from talkqa.model.errors import PlanError
from talkqa.model.settings import Settings
from talkqa.model.world import World

__all__ = ["diff", "plan", "write"]

EDITED = "edited by hand; delete it to have it generated again"
FOREIGN = "not written by talkqa; move it away to have it generated"
EDITED_ORPHAN = "edited by hand, and no document promises it any more; delete it or give it another name"
UNPROMISED = "no document promises it any more"
DROPPED = "the documents of its systems were dropped or renamed"


def plan(worlds: Sequence[World], settings: Settings, root: Path) -> Plan:
    """Compare what these worlds generate with the output folder; nothing is written.

    Raises PlanError where a manifest cannot be read, a folder leads out of the output folder, or a world rests on
    documents that exist but were not read.
    """
    output = (root / settings.output).resolve()
    premises = [(world, read_premise(world, settings.depth, root)) for world in worlds]
    read = {document for _, premise in premises for document in premise.documents}
    changes: list[Change] = []
    folders: set[tuple[str, ...]] = set()
    for world, premise in premises:
        folder = open_folder(output, name_folder(world))
        folders.add(folder.parts)
        changes.extend(_plan_world(world, premise, folder, read, root))
    for folder in _find_others(output, folders):
        changes.extend(_plan_dropped(folder, read, root))
    label = Path(settings.output).as_posix()
    return Plan(output=output, label=label, changes=tuple(sorted(changes, key=lambda change: change.path)))


def write(plan: Plan) -> None:
    """Do what the plan says: each file atomically, manifests last, so that a killed run is repaired by the next one.

    Raises PlanError where a file changed since it was planned; what was written before that stays.
    """
    todo = plan.of(ChangeKind.CREATE, ChangeKind.UPDATE, ChangeKind.ORPHAN)
    for change in sorted(todo, key=lambda change: change.path.endswith(f"/{MANIFEST}")):
        *parts, name = change.path.split("/")
        folder = open_folder(plan.output, tuple(parts))
        if read_bytes(folder, name) != change.before:
            message = f"{plan.show(change)}: changed since it was planned; generate again"
            raise PlanError(message)
        try:
            if change.after is None:
                remove_file(folder, name)
            else:
                write_bytes(folder, name, change.after)
        except OSError as error:
            message = f"{plan.show(change)}: cannot be written: {error.strerror}; make the output folder writable"
            raise PlanError(message) from error


def _plan_world(world: World, premise: Premise, folder: Folder, read: set[str], root: Path) -> Iterator[Change]:
    raw = read_bytes(folder, MANIFEST)
    place = folder.place + MANIFEST
    before: dict[str, str] = {}
    if raw is not None:
        manifest = read_manifest(raw, place)
        as_before = manifest.intact and not manifest.kept and manifest.premise == premise
        if as_before and matches(folder, manifest.files):
            yield from (_unchanged(folder, name) for name in (*manifest.files, MANIFEST))
            return
        before = {**manifest.kept, **manifest.files}
        _refuse_partial(manifest, place, read, root)
    files, entries = render_world(world, premise)
    recorded: dict[str, str] = {}
    for name, generated in files.items():
        change = _compare(folder, name, generated, before.get(name))
        # A file that is not ours is listed without a digest: no bytes match it, so it is reported each time.
        recorded[name] = before.get(name, "") if change.kind is ChangeKind.KEEP else digest_bytes(generated)
        yield change
    kept: dict[str, str] = {}
    for change in _plan_orphans(folder, {name: before[name] for name in before.keys() - files.keys()}, UNPROMISED):
        if change.kind is ChangeKind.KEEP:
            name = change.path.removeprefix(folder.place)
            kept[name] = before[name]
        yield change
    written = Manifest(premise=premise, files=recorded, kept=kept, checks=entries) if recorded or kept else None
    listed = write_manifest(written) if written is not None else None
    yield from _compare_manifest(folder, raw, listed)


def render_world(world: World, premise: Premise) -> tuple[Mapping[str, bytes], tuple[CheckEntry, ...]]:
    """The files of a world by name, its manifest excluded, and the checks in them."""
    names = name_features(world)
    flows = [(flow, derive_checks(flow, premise.depth)) for flow in world.flows if flow.rules]
    files: dict[str, bytes] = {}
    entries: list[CheckEntry] = []
    for (flow, _), feature in zip(flows, build_features(flows, premise.depth), strict=True):
        files[names[flow.id]] = render_feature(feature)
        rows = {RowKey(source=row.source, target=row.target): row for row in flow.properties}
        for scenario in (scenario for heading in feature.headings for scenario in heading.scenarios):
            entries.extend(
                CheckEntry(
                    id=check.id,
                    flow=flow.id,
                    feature=names[flow.id],
                    rule=check.rule or "policy",
                    name=scenario.name,
                    digest=digest_check(check, rows.get(check.row) if check.row is not None else None),
                )
                for check in scenario.checks
            )
    if files:
        files[name_module(world)] = render_module(world.source, world.target)
    return files, tuple(sorted(entries, key=lambda entry: (entry.flow, entry.id)))


def _compare(folder: Folder, name: str, generated: bytes, recorded: str | None) -> Change:
    found = read_bytes(folder, name)
    if found == generated:
        return _unchanged(folder, name)
    if found is None:
        return Change(kind=ChangeKind.CREATE, path=folder.place + name, after=generated)
    if digest_bytes(found) == recorded:
        return Change(kind=ChangeKind.UPDATE, path=folder.place + name, before=found, after=generated)
    return Change(
        kind=ChangeKind.KEEP,
        path=folder.place + name,
        before=found,
        after=generated,
        reason=EDITED if recorded else FOREIGN,
    )


def _plan_orphans(folder: Folder, files: Mapping[str, str], reason: str) -> Iterator[Change]:
    for name, digest in sorted(files.items()):
        found = read_bytes(folder, name)
        if found is None:
            continue
        ours = digest_bytes(found) == digest
        kind = ChangeKind.ORPHAN if ours else ChangeKind.KEEP
        yield Change(kind=kind, path=folder.place + name, before=found, reason=reason if ours else EDITED_ORPHAN)


def _compare_manifest(folder: Folder, found: bytes | None, generated: bytes | None) -> Iterator[Change]:
    path = folder.place + MANIFEST
    if found == generated:
        if found is not None:
            yield _unchanged(folder, MANIFEST)
    elif generated is None:
        yield Change(kind=ChangeKind.ORPHAN, path=path, before=found, reason=UNPROMISED)
    else:
        kind = ChangeKind.CREATE if found is None else ChangeKind.UPDATE
        yield Change(kind=kind, path=path, before=found, after=generated)


def _plan_dropped(folder: Folder, read: set[str], root: Path) -> Iterator[Change]:
    """Orphans of a world that is not in the call; none where it may still be promised."""
    raw = read_bytes(folder, MANIFEST)
    try:
        manifest = read_manifest(raw or b"", folder.place + MANIFEST)
    except PlanError:
        return  # Whoever wrote it, nothing in this call is about that folder.
    if any(_may_promise(document, read, root) for document in manifest.premise.documents):
        return
    yield from _plan_orphans(folder, {**manifest.kept, **manifest.files}, DROPPED)
    yield Change(kind=ChangeKind.ORPHAN, path=folder.place + MANIFEST, before=raw, reason=DROPPED)


def _may_promise(document: str, read: set[str], root: Path) -> bool:
    """Whether a document that was not read in this call is still there, or may be."""
    return document not in read and (document.startswith(OUTSIDE) or (root / document).exists())


def _refuse_partial(manifest: Manifest, place: str, read: set[str], root: Path) -> None:
    left = [document for document in manifest.premise.documents if _may_promise(document, read, root)]
    # A document outside the project has no path that tells whether it is still there: the call decides.
    left = [document for document in left if not document.startswith(OUTSIDE)]
    if left:
        message = (
            f"{place}: these tests rest on {', '.join(left)} as well, which was not read\n"
            "  give all documents of one pair of systems in one call"
        )
        raise PlanError(message)


def _find_others(output: Path, folders: set[tuple[str, ...]]) -> Iterator[Folder]:
    """Folders of the output folder that hold a manifest and are not of this call, sorted."""
    for source in _list_folders(output):
        for target in _list_folders(output / source):
            parts = (source, target)
            if parts not in folders and (output / source / target / MANIFEST).is_file():
                yield open_folder(output, parts)


def _list_folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _unchanged(folder: Folder, name: str) -> Change:
    return Change(kind=ChangeKind.UNCHANGED, path=folder.place + name)
