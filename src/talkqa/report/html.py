"""Renders a report as one self-contained HTML file that opens from disk, with or without JavaScript.

Everything that came from a document or a system is escaped by the template engine; a content security policy that
allows one script by its hash stands behind that. Bulky evidence lies compressed at the end and is drawn when opened.
"""

import base64
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from talkqa.model.record import Exchange
from talkqa.model.result import BROKEN, Cause, Outcome
from talkqa.report.content import ORDER, Finding, FlowView, Report, outcomes_in_order
from talkqa.report.difference import compare_properties, compare_texts
from talkqa.report.rest import render_rest_table
from talkqa.report.usage import count_of, describe_purposes, describe_records, describe_share

WORDS = {outcome: outcome.value.replace("_", " ").capitalize() for outcome in Outcome}
_CAUSE_WORDS = {cause: cause.value.replace("-", " ") for cause in Cause}
_CAUSE_NOTES = {
    Cause.ENGINE: "the sync engine had every chance and broke the promise",
    Cause.ENGINE_OR_API: "the sync engine or a system's API: nothing seen tells them apart",
    Cause.API: "a system refused or broke",
    Cause.DOCUMENT: "the document leaves it open, or promises what cannot be",
    Cause.CONFIGURATION: "this project's settings",
    Cause.HARNESS: "talkqa itself: nothing is said about the engine",
}
_MAPPING_NOTES = {
    "documented": "the document lists them",
    "approved": "a person approved them in decisions.toml; a departure fails",
    "observed": "nobody promises them; approve with talkqa approve, or paste the table into the document",
}
_COLOURS = {"green": "%232f9e63", "yellow": "%23dba514", "red": "%23d2382e"}
_MODES = {
    "sandbox": "Sandbox run: embedded systems and a reference engine. A green sandbox run proves the harness; "
    "a green live run proves the engine.",
    "live": "Live run: the real systems and the real engine. Green means that the engine kept every promise that was "
    "checked, with the records of this run; what is unproven it does not speak of.",
    "record": "Live run, recorded: the real systems and the real engine. Green means that the engine kept every "
    "promise that was checked, with the records of this run. Its calls were recorded, for replays.",
    "replay": "Replay: no system was asked and no engine ran. A green replay proves that this version of talkqa judges "
    "the recorded traffic the same way, and nothing new about the engine.",
}
_KINDS = {"record": "Recorded live run", "replay": "Replay"}
_LAZY_FROM = 1500
"""Checks from which flows are drawn when opened: below it the page is small enough to read without JavaScript."""
_LISTED = 200
"""Checks listed for one reason."""
_BODY_CHARACTERS = 16_000
"""Of a request's or answer's body; the events have the rest."""


def render_html(report: Report) -> str:
    """The whole page."""
    environment = _environment()
    exchanges = _ExchangeTable()
    flow_template = environment.get_template("flow.html.j2")
    module: Any = flow_template.make_module({"exchange_numbers": exchanges.numbers})
    bodies = {flow.anchor: Markup(module.body(flow)) for document in report.documents for flow in document.flows}  # noqa: S704 - a macro's output, escaped there
    lazy = report.total >= _LAZY_FROM
    script = _read("script.js")
    return environment.get_template("page.html.j2").render(
        report=report,
        bodies=bodies,
        lazy=lazy,
        listed=_LISTED,
        kind=_KINDS.get(report.mode, f"{report.mode.capitalize()} run"),
        facts=_facts(report),
        banner=_MODES.get(report.mode, f"Mode: {report.mode}."),
        chips=_chips(report.counts),
        outcomes=outcomes_in_order(report.counts),
        icon_colour=Markup(_COLOURS[report.status.value]),  # noqa: S704 - ours
        style=Markup(_read("style.css")),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        script_hash=Markup("sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),  # noqa: S704
        payload=_packed({**exchanges.table(), "flows": bodies if lazy else {}}),
    )


class _ExchangeTable:
    """Exchanges as numbers: each text is kept once, however many checks saw it."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {}
        self._exchanges: dict[tuple[str | int | float, ...], int] = {}

    def numbers(self, exchanges: Iterable[Exchange]) -> str:
        return " ".join(str(self._number(exchange)) for exchange in exchanges)

    def table(self) -> dict[str, object]:
        return {"strings": list(self._strings), "exchanges": list(self._exchanges)}

    def _number(self, exchange: Exchange) -> int:
        row = (
            exchange.method,
            self._string(exchange.url),
            exchange.status,
            round(exchange.at_s, 3),
            self._string(_shortened(exchange.request_body)),
            self._string(_shortened(exchange.response_body)),
            self._string(json.dumps(dict(exchange.headers))),
        )
        return self._exchanges.setdefault(row, len(self._exchanges))

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))


def _shortened(body: str) -> str:
    if len(body) <= _BODY_CHARACTERS:
        return body
    return f"{body[:_BODY_CHARACTERS]}\n... {len(body) - _BODY_CHARACTERS} more characters in the run's events"


def _packed(payload: dict[str, object]) -> Markup:
    raw = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Markup(base64.b64encode(zlib.compress(raw, 6)).decode())  # noqa: S704 - base64 holds no markup


def _facts(report: Report) -> list[str]:
    flows = sum(len(document.flows) for document in report.documents)
    by_hand = report.counts[Outcome.ATTESTED]
    paths = {path for document in report.documents for path in document.paths}
    facts = [
        count_of(len(paths), "document"),
        count_of(flows, "flow"),
        count_of(report.total, "check"),
        f"{report.proven:.0%} proven{f', {by_hand} of them attested by hand' if by_hand else ''}",
        f"seed {report.seed}",
    ]
    if report.clock == "virtual":
        facts.append(f"{report.virtual_s:.0f} virtual s in {report.wall_s:.1f} s")
    else:
        facts.append(f"{report.wall_s:.0f} s")
    return [*facts, *(["stopped by hand"] if report.interrupted else [])]


def _chips(counts: Counter[Outcome]) -> list[tuple[Outcome, int]]:
    """Counters: passed, failed and unproven always, so that a zero is seen to be zero."""
    always = {Outcome.PASSED, Outcome.FAILED, Outcome.UNDECIDED, Outcome.NOT_RUNNABLE}
    return [(outcome, counts[outcome]) for outcome in ORDER if counts[outcome] or outcome in always]


def _worst(counts: Counter[Outcome]) -> Outcome:
    """What a flow's dot says: what is broken or open, else whether anything passed."""
    calm = (Outcome.PASSED, Outcome.ATTESTED, Outcome.OBSERVED)
    order = (*(outcome for outcome in ORDER if outcome not in calm), *calm)
    return next((outcome for outcome in order if counts[outcome]), Outcome.NOT_RUN)


def _one_message(finding: Finding) -> str:
    """The message that all checks of a finding share; empty where they differ."""
    messages = {check.result.message for check in finding.checks}
    return messages.pop() if len(messages) == 1 and len(finding.checks) > 1 else ""


def _needs_attention(flow: FlowView) -> bool:
    return any(flow.counts[outcome] for outcome in BROKEN | {Outcome.ERROR})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("talkqa.report"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.globals.update(
        words=WORDS,
        cause_words=_CAUSE_WORDS,
        cause_notes=_CAUSE_NOTES,
        mapping_notes=_MAPPING_NOTES,
        in_order=outcomes_in_order,
        worst=_worst,
        one_message=_one_message,
        needs_attention=_needs_attention,
        compare_properties=compare_properties,
        compare_texts=compare_texts,
        describe_purposes=describe_purposes,
        describe_records=describe_records,
        describe_share=describe_share,
        rest_table=lambda flow: render_rest_table(flow.id, flow.title, flow.mappings),
    )
    return environment


@cache
def _read(name: str) -> str:
    return (files("talkqa.report") / "templates" / name).read_text(encoding="utf-8")
