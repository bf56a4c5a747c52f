"""The HTML page: self-contained, readable without JavaScript, and proof against what it shows."""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from talkqa.model.result import Outcome, RecordingTold, SystemUsed
from talkqa.report.content import build_report
from talkqa.report.html import render_html
from talkqa.report.reading import Run, read_run
from tests.fakes.sample_run import write_sample_run

_VOID = {"meta", "link", "input", "br", "hr"}


class _Page(HTMLParser):
    """What a browser makes of the page: elements with attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.payload: dict[str, Any] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            if self.elements[-1][1].get("id") == "payload":
                self.payload = json.loads(zlib.decompress(base64.b64decode(data)))
        elif not self._open or self._open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_sample_run(tmp_path))


def _page(run: Run) -> _Page:
    return _Page(render_html(build_report(run)))


def test_structure_reads_without_javascript(run: Run) -> None:
    """Documents, flows, sentences, verdicts, messages, steps and observations stand in the page itself."""
    page = _page(run)
    for check in run.checks:
        for text in (check.title, check.message, check.sentence, check.check, *(step.text for step in check.steps)):
            assert text in page.text
        for seen in check.observations:
            assert seen.text in page.text
    assert len([a for a in page.all("details") if "check" in a.get("class", "").split()]) == 43


def test_what_is_broken_comes_first(run: Run) -> None:
    text = _page(run).text
    assert text.index("4 checks failed") < text.index("What needs attention") < text.index("edit-not-carried")
    assert text.index("edit-not-carried") < text.index("Notes on the document")


def test_the_page_asks_nobody_for_anything(run: Run) -> None:
    page = _page(run)
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml,"))
    html = render_html(build_report(run))
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|\bimport\(", html)


def test_the_policy_allows_the_one_script_by_its_hash(run: Run) -> None:
    """A script that slipped through all escaping would still not run."""
    html = render_html(build_report(run))
    (policy,) = [a["content"] for a in _Page(html).all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_links_lead_somewhere(run: Run) -> None:
    page = _page(run)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(set(ids)) == len(ids)
    targets = {a["href"][1:] for a in page.all("a") if a.get("href", "").startswith("#") and "?" not in a["href"]}
    assert targets <= set(ids)
    assert targets


def test_counters_are_links_to_searches(run: Run) -> None:
    links = {a["href"] for a in _page(run).all("a") if "data-q" in a}
    assert {"#?q=", "#?q=s:failed", "#?q=s:passed", "#?q=s:undecided", "#?q=s:not_runnable"} <= links


def test_exchanges_lie_in_the_payload_each_text_once(run: Run) -> None:
    page = _page(run)
    strings, exchanges = page.payload["strings"], page.payload["exchanges"]
    assert len(set(strings)) == len(strings)
    shown = {n for a in page.all("div") if "data-x" in a for n in map(int, a["data-x"].split())}
    assert shown == set(range(len(exchanges)))
    method, url, status, _, request, response, headers = exchanges[0]
    assert (method, status) == ("POST", 201)
    assert strings[url].startswith("http://custom-crm.sandbox/")
    assert json.loads(strings[request])["name"] == "amber otter 1"
    assert json.loads(strings[response])["id"] == "1042"
    assert json.loads(strings[headers])["Authorization"] == "Bearer ***"


def test_a_huge_body_is_cut(run: Run) -> None:
    (world, _) = run.worlds
    check = next(check for check in world.checks if check.observations)
    (first, *_) = check.observations
    huge = replace(first.exchanges[0], response_body="x" * 50_000)
    seen = replace(first, exchanges=(huge,))
    page = _page(replace(run, worlds=(replace(world, checks=(replace(check, observations=(seen,)),)),)))
    assert max(len(text) for text in page.payload["strings"]) < 17_000
    assert any("34000 more characters" in text for text in page.payload["strings"])


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title></textarea><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}<!--",
    "javascript:alert(1)",
    "&lt;script&gt;\x00\ud800\u2028]]>",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_is_shown_becomes_markup(run: Run, hostile: str) -> None:
    """Hostile text in every field of every event changes no element of the page."""
    spoilt = replace(run, worlds=tuple(_spoil(world, hostile) for world in run.worlds))
    page = _page(spoilt)
    harmless = replace(run, worlds=tuple(_spoil(world, "harmless") for world in run.worlds))
    assert _shape(page) == _shape(_page(harmless))
    assert page.payload["flows"] == {}


def test_nothing_that_is_drawn_later_becomes_markup(run: Run) -> None:
    """In a large run the flows' insides are made into elements by the script: they are escaped before that."""
    spoilt = replace(run, worlds=tuple(_spoil(world, "".join(HOSTILE)) for world in run.worlds))
    harmless = replace(run, worlds=tuple(_spoil(world, "harmless") for world in run.worlds))
    calm, page = _page(_multiplied(harmless)), _page(_multiplied(spoilt))
    assert _shape(page) == _shape(calm)
    assert page.payload["flows"].keys() == calm.payload["flows"].keys()
    assert all(
        _shape(_Page(body)) == _shape(_Page(calm.payload["flows"][anchor]))
        for anchor, body in page.payload["flows"].items()
    )
    assert page.payload["flows"]


def test_a_large_run_stays_small(run: Run) -> None:
    """Thousands of checks: flows are drawn when opened, what is broken still stands in the page."""
    html = render_html(build_report(_multiplied(run)))
    page = _Page(html)
    assert len(html) < 400_000
    assert page.payload["flows"]
    assert "edit-not-carried" in page.text
    assert "the folded flows" in page.text


@pytest.mark.parametrize("mode", ["sandbox", "live", "record", "replay", "other"])
def test_the_mode_is_always_named(run: Run, mode: str) -> None:
    worlds = tuple(replace(w, started=replace(w.started, mode=mode, clock="real")) for w in run.worlds if w.started)
    text = _page(replace(run, worlds=worlds)).text
    assert mode in text.lower()
    if mode == "sandbox":
        assert "A green sandbox run proves the harness; a green live run proves the engine." in text


def test_a_stopped_run_says_so(run: Run) -> None:
    worlds = tuple(replace(w, finished=replace(w.finished, interrupted=True)) for w in run.worlds if w.finished)
    assert "stopped by hand" in _page(replace(run, worlds=worlds)).text


def _shape(page: _Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(sorted(attributes))) for tag, attributes in page.elements]


def _multiplied(run: Run) -> Run:
    """The same run with each check many times over."""
    return replace(
        run,
        worlds=tuple(
            replace(
                world,
                checks=tuple(replace(c, check=f"{c.check}/{i}") for c in world.checks for i in range(35)),
            )
            for world in run.worlds
        ),
    )


_PLAIN = {"outcome", "cause", "flow_id", "direction", "check", "slug", "name", "world", "tags"}
"""What decides the order and the grouping: ids and fixed words; spoilt in a test of their own."""


def _spoil(value: Any, hostile: str) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str) and value:
        # JSON stays JSON, so that a comparison by property stays one.
        return (
            value[:-1] + f", {json.dumps('zz' + hostile)}: {json.dumps(hostile)}}}"
            if value.startswith("{")
            else value + hostile
        )
    if isinstance(value, tuple):
        return tuple(_spoil(item, hostile) for item in value)
    if isinstance(value, dict):
        return {name + hostile: text + hostile for name, text in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: _spoil(getattr(value, f.name), hostile) for f in fields(value) if f.name not in _PLAIN}
        )
    return value


@pytest.mark.parametrize("hostile", HOSTILE)
def test_not_even_ids_become_markup(run: Run, hostile: str) -> None:
    """Events may come from a file that somebody else wrote."""
    worlds = tuple(
        replace(
            world,
            slug=world.slug + hostile,
            checks=tuple(
                replace(c, check=c.check + hostile, flow_id=c.flow_id + hostile, name=hostile, tags=(hostile,))
                for c in world.checks
                if c.outcome is not Outcome.NOT_RUN
            ),
            mappings=tuple(replace(m, flow_id=m.flow_id + hostile) for m in world.mappings),
        )
        for world in run.worlds
    )
    page = _page(replace(run, worlds=worlds))
    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert not page.all("svg")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    ("mode", "kind", "proof"),
    [
        ("live", "Live run of", "Green means that the engine kept every promise that was checked"),
        ("record", "Recorded live run of", "Its calls were recorded, for replays."),
        ("replay", "Replay of", "proves that this version of talkqa judges the recorded traffic the same way"),
    ],
)
def test_the_page_says_what_its_mode_proves(run: Run, mode: str, kind: str, proof: str) -> None:
    worlds = tuple(replace(w, started=replace(w.started, mode=mode)) for w in run.worlds if w.started)
    page = _Page(render_html(build_report(replace(run, worlds=worlds))))
    assert kind in page.text
    assert proof in page.text


def test_what_was_asked_of_each_system_stands_in_a_table(run: Run) -> None:
    """A world without such counts has none."""
    used = SystemUsed(
        system="Wave <&>",
        calls=1,
        by_purpose={"write": 1},
        repeated=7,
        busiest_minute=58,
        calls_per_minute=60.0,
        calls_per_day=None,
        created={"Customer": 3},
        copies={"Product": 4},
    )
    (world, other) = run.worlds
    html = render_html(build_report(replace(run, worlds=(replace(world, used=(used,)), other))))
    page = _Page(html)
    assert page.text.count("What the systems were asked") == 1
    for told in ("Wave <&>: 1 call", "1 write", "58 of 60", "no daily limit known", "7", "3 Customer", "4 Product"):
        assert told in page.text
    assert "Wave <&>" not in html


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("recorded", "Recorded in cassettes/a/b: 9 checks"),
        ("kept", "the run was stopped"),
        ("replayed", "Replayed from cassettes/a/b, recorded 2026-01-02: 9 checks"),
    ],
)
def test_what_became_of_a_recording_stands_with_its_document(run: Run, kind: str, told: str) -> None:
    recording = RecordingTold(
        kind=kind, path="cassettes/a/b", checks=9, recorded_at="2026-01-02T03:04:05", notes=("the run was stopped",)
    )
    (world, other) = run.worlds
    page = _Page(render_html(build_report(replace(run, worlds=(replace(world, recording=recording), other)))))
    assert told in page.text
    assert page.text.count("the run was stopped") == 1


def test_whoever_signs_sees_what_is_bound(run: Run) -> None:
    text = _Page(render_html(build_report(run))).text
    for bound in (
        run.digest,
        run.attested_digest,
        "4.2.1",
        "sync@example.test",
        *dict(run.worlds[0].started.digests).values(),
    ):  # type: ignore[union-attr]
        assert bound in text


def test_what_nobody_said_is_said_to_be_unknown(run: Run) -> None:
    starts = (replace(w.started, engine="", accounts=()) for w in run.worlds if w.started)
    worlds = tuple(replace(world, started=start) for world, start in zip(run.worlds, starts, strict=True))
    text = _Page(render_html(build_report(replace(run, worlds=worlds, attested_digest="")))).text
    assert "version unknown" in text
    assert "no system was reached in this run" in text
    assert "nothing attested" in text


def test_a_changed_result_changes_what_was_signed(run: Run) -> None:
    before = read_run(run.folder).digest
    path = next(run.folder.glob("custom-crm*.jsonl"))
    path.write_text(path.read_text().replace("001-77", "001-78"))
    assert read_run(run.folder).digest != before
    assert read_run(run.folder).attested_digest == run.attested_digest


def test_what_people_decided_stands_beside_the_verdict(run: Run) -> None:
    text = _Page(render_html(build_report(run))).text
    assert "Waived until 2025-01-31 by the integration team: divisions are edited in the CRM alone" in text
    assert "decisions.toml:14" in text
    assert "It ended failed." in text
    assert "K. Olsen, 2024-11-21: made the department 'Cobalt'" in text
    assert "evidence/cobalt.png" in text
    assert "undecided (not-recognisable): no documented property carries a value" in text


def test_what_is_unproven_says_how_a_person_can_decide_it(run: Run) -> None:
    page = _Page(render_html(build_report(run)))
    assert page.text.count("To decide it by hand") == 9  # 8 unproven, and the one that was attested
    assert "Create a Salesforce Order whose values nothing else has." in page.text
    assert "talkqa attest 'salesforce.order--exact-online.sales-orders/discovered'" in page.text


def test_a_failure_says_who_is_to_blame_and_what_decided(run: Run) -> None:
    text = _Page(render_html(build_report(run))).text
    assert "engine the sync engine had every chance and broke the promise" in text
    assert "Decided byContact 001-77 appeared with 5 of its values" in text


def test_mappings_are_headed_by_what_speaks_for_them(run: Run) -> None:
    text = _Page(render_html(build_report(run))).text
    assert "Observed nobody promises them" in text
    assert "Documented the document lists them" in text
    assert "Approved a person approved them in decisions.toml" in text
