"""The manifest tells a hand edit, an orphan and an unchanged world, and holds nothing that moves by itself."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.generate import manifest as module
from talkqa.generate.manifest import (
    GENERATOR,
    OUTSIDE,
    CheckEntry,
    Manifest,
    digest_flow,
    name_document,
    read_manifest,
    read_premise,
    read_whole_manifest,
    write_manifest,
)
from talkqa.generate.plan import render_world
from talkqa.model.check import Depth
from talkqa.model.errors import PlanError
from talkqa.model.flow import Flow, RuleKind, Side
from tests.fakes.flows import EVERYTHING, make_flow, make_merge, make_row, make_world

ROWS = [
    make_row("name", "Name"),
    make_row("homePhone", "Phone"),
    make_row("cell", "Phone"),
    make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country"), (Side.TARGET, "", "kind")),
]
WORLD = make_world(
    make_flow(),
    make_flow(
        *EVERYTHING,
        source=replace(make_flow().source, facet="human data"),
        rows=ROWS,
        merge=[make_merge("orgNo", "OrgNo"), make_merge("id", "Id")],
    ),
)


def build(root: Path = Path()) -> Manifest:
    premise = read_premise(WORLD, Depth.DEEP, root)
    files, entries = render_world(WORLD, premise)
    return Manifest(premise=premise, files=dict.fromkeys(files, "0" * 64), kept={"old.feature": "1"}, checks=entries)


def test_what_is_written_is_read_back() -> None:
    manifest = build()
    assert read_whole_manifest(write_manifest(manifest), "manifest.json") == manifest
    assert read_manifest(write_manifest(manifest), "manifest.json") == replace(manifest, checks=())


def test_it_is_json_with_the_checks_last() -> None:
    data = json.loads(write_manifest(build()))
    assert list(data) == [
        "format", "generator", "world", "depth", "documents", "files", "kept", "flows", "checks_digest", "checks"
    ]  # fmt: skip
    assert data["documents"] == ["specs/invented.rst"]
    assert set(data["checks"][0]) == {"id", "flow", "feature", "rule", "name", "digest"}
    assert [(entry["flow"], entry["id"]) for entry in data["checks"]] == sorted(
        (entry["flow"], entry["id"]) for entry in data["checks"]
    )


def test_it_is_seen_that_the_list_of_checks_was_edited() -> None:
    edited = write_manifest(build()).replace(b'"rule":"every"', b'"rule":"never"', 1)
    assert not read_manifest(edited, "manifest.json").intact
    assert not read_whole_manifest(edited, "manifest.json").intact


def test_a_manifest_without_checks_can_be_read_too() -> None:
    empty = replace(build(), checks=())
    assert read_manifest(write_manifest(empty), "manifest.json") == empty


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b"<<<<<<< ours", b'{"format": 99}', b"\xff"])
def test_what_is_no_manifest_is_refused_with_advice(raw: bytes) -> None:
    with pytest.raises(PlanError, match="delete it and generate again"):
        read_manifest(raw, "a/b/manifest.json")
    with pytest.raises(PlanError, match="delete it and generate again"):
        read_whole_manifest(raw, "a/b/manifest.json")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("specs/a.rst", "specs/a.rst"),
        ("./specs/a.rst", "specs/a.rst"),
        ("../a.rst", f"{OUTSIDE}a.rst"),
        ("/elsewhere/a.rst", f"{OUTSIDE}a.rst"),
    ],
)
def test_no_path_outside_the_project_is_named(tmp_path: Path, path: str, expected: str) -> None:
    assert name_document(path, tmp_path) == expected


def test_an_absolute_path_inside_the_project_becomes_relative(tmp_path: Path) -> None:
    assert name_document(str(tmp_path / "specs" / "a.rst"), tmp_path) == "specs/a.rst"


def test_places_change_no_digest_and_every_promise_does() -> None:
    flow = make_flow(*EVERYTHING, rows=ROWS, merge=[make_merge("a", "A")])
    moved = make_flow(*EVERYTHING, rows=[replace(row, location=replace(row.location, line=7)) for row in ROWS],
                      merge=[make_merge("a", "A")], line=9)  # fmt: skip
    assert digest_flow(moved) == digest_flow(flow)
    others: list[Flow] = [
        make_flow(*EVERYTHING, rows=ROWS[1:], merge=[make_merge("a", "A")]),
        make_flow(*EVERYTHING, rows=ROWS),
        make_flow(*EVERYTHING, rows=ROWS, merge=[make_merge("a", "A")], condition="When it rains"),
        make_flow(*EVERYTHING[1:], rows=ROWS, merge=[make_merge("a", "A")]),
        replace(flow, source=replace(flow.source, facet="human data")),
        replace(flow, properties=(replace(ROWS[0], data_type="N/A"), *flow.properties[1:])),
        replace(flow, properties=(replace(ROWS[0], qualifiers=ROWS[3].qualifiers), *flow.properties[1:])),
        replace(flow, rules=tuple(replace(rule, connected=()) for rule in flow.rules)),
    ]
    digests = {digest_flow(other) for other in (flow, *others)}
    assert len(digests) == len(others) + 1


def test_the_generator_number_is_raised_whenever_the_same_flows_give_other_bytes() -> None:
    """Unchanged worlds are not rendered again, so whoever changes a word raises GENERATOR and this digest."""
    digest = hashlib.sha256()
    for depth in Depth:
        files, entries = render_world(WORLD, read_premise(WORLD, depth, Path()))
        for name, raw in sorted(files.items()):
            digest.update(name.encode() + raw)
        digest.update(repr(entries).encode())
    assert (GENERATOR, digest.hexdigest()) == (4, "070369af0fa9e8a44cceeae31282a1d4d253000212de6d81eb38587d82949f7d")


def test_entries_say_which_sentence_and_which_feature() -> None:
    entries = {entry.id.split("/", 1)[1]: entry for entry in build().checks if ".human-data" not in entry.flow}
    assert entries["created"].rule == RuleKind.EVERY
    assert entries["quiet"].rule == "policy"
    assert entries["created"].feature == "customer--account.feature"
    assert module.vars_of(entries["created"])["name"] == "Each new Bakery Customer gets exactly one Web Shop Account"
    assert isinstance(entries["created"], CheckEntry)
