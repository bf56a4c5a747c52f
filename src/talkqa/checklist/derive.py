"""Flow to checks: the checklist of one flow at one depth.

Uses nothing but the flow: no date, line, order of sections, schema or binding has a part in it.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from talkqa.checklist import policies, rules
from talkqa.checklist.draft import Basis, read_basis
from talkqa.checklist.identity import SMOKE
from talkqa.model.check import NAMES, Check, Depth
from talkqa.model.flow import Flow, RuleKind

_RULES: tuple[Callable[[Basis], Iterator[Check]], ...] = (
    rules.check_created,
    rules.check_conditions,
    rules.check_link_required,
    rules.check_connected,
    rules.check_merged,
    rules.check_unmatched,
    rules.check_two_way,
    rules.check_properties,
    rules.check_qualifiers,
    rules.check_whole,
    policies.check_latest_wins,
    policies.check_both_stand,
    policies.check_empty_keeps,
    policies.check_quiet,
    policies.check_delete_stays,
    policies.check_link_survives,
    policies.check_near_misses,
    policies.check_empty_criteria,
    policies.check_shared_criteria,
)
_DEEP: tuple[Callable[[Basis], Iterator[Check]], ...] = (rules.check_values, policies.check_target_side)
_NAMES = {name: place for place, name in enumerate(NAMES)}
_KINDS = {kind: place for place, kind in enumerate(RuleKind)}


def derive_checks(flow: Flow, depth: Depth) -> tuple[Check, ...]:
    """The checklist of a flow: unique ids, sentences in the order of a document, policies last, rows by id.

    `smoke` is one creation and one edit each way, `standard` everything but unusual values, `deep` everything.
    """
    if not flow.rules:
        return ()
    basis = read_basis(flow)
    rows = _RULES + _DEEP if depth is Depth.DEEP else _RULES
    drawn: Iterator[Check] = chain.from_iterable(derive(basis) for derive in rows)
    if depth is Depth.SMOKE:
        drawn = (check for check in drawn if SMOKE in check.tags)
    # Two sentences may name the same connected entity: what they demand is one thing, listed under the first.
    unique = {check.id: check for check in sorted(drawn, key=_reading_order, reverse=True)}
    return tuple(sorted(unique.values(), key=_reading_order))


def _reading_order(check: Check) -> tuple[int, str, int, str, str]:
    kind = len(_KINDS) if check.rule is None else _KINDS[check.rule]
    # Policies stand under one heading, so that their sentences do not decide their order.
    # Checks of one title stay together, as the rows of one outline.
    return kind, check.sentence if check.rule is not None else "", _NAMES[check.name], check.title, check.id
