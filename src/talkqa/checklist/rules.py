"""What each sentence of a document promises: one small function a rule, its negative case beside it."""

from collections.abc import Iterator

from talkqa.checklist import phrases as say
from talkqa.checklist.draft import (
    Basis,
    Cell,
    draw_check,
    given,
    name_entity,
    part_of_row,
    source_cell,
    target_cell,
    then,
    when,
)
from talkqa.checklist.identity import NEGATIVE, SMOKE, entity_slug, join, slug
from talkqa.checklist.partitions import COMPARABLE, SUITES, partitions_of
from talkqa.checklist.phrases import quotable
from talkqa.model.check import Check, RowClass, RowKey
from talkqa.model.discovery import Ways
from talkqa.model.flow import PropertyRow, Qualifier, Rule, RuleKind, Side

SHARES: tuple[str, ...] = ("beginning", "end")
"""The part that a criterion has in common with one that it does not match, in the words of a step."""
_AWAY = {Side.SOURCE: Ways.TO_SOURCE, Side.TARGET: Ways.TO_TARGET}
"""Where a row leads that an edit of this side does not follow."""
_CREATING = (RuleKind.EVERY, RuleKind.CONDITION, RuleKind.CREATE_IF_CONNECTED, RuleKind.CREATE_UNMATCHED)


def check_created(basis: Basis) -> Iterator[Check]:
    """A new source record gets its one target record, and nothing is copied."""
    kinds = (RuleKind.EVERY, RuleKind.CONDITION, RuleKind.CREATE_UNMATCHED, RuleKind.CREATE_IF_CONNECTED)
    rule = basis.rule(*kinds, RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.MERGE_EXISTING, RuleKind.TWO_WAY)
    if rule is None:
        return
    which = " that may be synchronized" if basis.flow.restricted else ""
    yield draw_check(
        basis,
        "created",
        when(say.CREATED, source=basis.source),
        then(say.EXACTLY_ONE, target=basis.target),
        then(say.NO_COPIES),
        title=f"Each new {basis.source}{which} gets exactly one {basis.target}",
        rule=rule,
        tags=(SMOKE,),
    )


def check_conditions(basis: Basis) -> Iterator[Check]:
    """A record for which a condition holds travels; one for which it does not stays out until it does."""
    rules = basis.flow.rules_of(RuleKind.CONDITION)
    for rule in rules:
        several = len(rules) > 1
        yield from _check_condition(
            basis, rule, parts=(slug(rule.condition or rule.text),) if several else (), named=several
        )


def _check_condition(basis: Basis, rule: Rule, *, parts: tuple[str, ...], named: bool) -> Iterator[Check]:
    words = rule.condition or rule.text
    which = f': "{quotable(words)}"' if named else ""
    yield draw_check(
        basis,
        "condition-holds",
        when(say.CREATED_HOLDS, source=basis.source, condition=words),
        then(say.EXACTLY_ONE, target=basis.target),
        then(say.NO_COPIES),
        title=f"A new {basis.source} that meets the condition gets exactly one {basis.target}{which}",
        rule=rule,
        parts=parts,
    )
    if basis.flow.restricted:
        yield draw_check(
            basis,
            "condition-fails",
            when(say.CREATED_FAILS, source=basis.source, condition=words),
            then(say.STAYS_OUT, target=basis.target),
            when(say.BECOMES_TRUE, condition=words),
            then(say.EXACTLY_ONE, target=basis.target),
            then(say.NO_COPIES),
            title=f"No {basis.target} is created for a new {basis.source} until it meets the condition{which}",
            rule=rule,
            parts=parts,
            tags=(NEGATIVE,),
        )


def check_link_required(basis: Basis) -> Iterator[Check]:
    """A record without a link stays out until it is linked."""
    rule = basis.rule(RuleKind.LINK_REQUIRED)
    if rule is None or not basis.flow.restricted:
        return
    yield draw_check(
        basis,
        "unlinked-stays-out",
        when(say.CREATED_UNLINKED, source=basis.source, target=basis.target),
        then(say.STAYS_OUT, target=basis.target),
        when(say.BECOMES_LINKED, target=basis.target),
        then(say.EXACTLY_ONE, target=basis.target),
        then(say.NO_COPIES),
        title=f"No {basis.target} is created for an unlinked {basis.source} until a link is established",
        rule=rule,
        tags=(NEGATIVE,),
    )


def check_connected(basis: Basis) -> Iterator[Check]:
    """A record connected to one of the named entities travels; one connected to nothing stays out."""
    rules = basis.flow.rules_of(RuleKind.CREATE_IF_CONNECTED)
    system = quotable(basis.flow.target.system) or "the other system"
    for rule in rules:
        for entity in rule.connected:
            named = name_entity(entity)
            yield draw_check(
                basis,
                "connected",
                given(say.CONNECTED_ENTITY, entity=named, system=system),
                when(say.CREATED_CONNECTED, source=basis.source, entity=named),
                then(say.EXACTLY_ONE, target=basis.target),
                then(say.NO_COPIES),
                title=f"A new {basis.source} connected to a synchronized {named} gets exactly one {basis.target}",
                rule=rule,
                parts=(entity_slug(entity),),
            )
    if rules and basis.flow.restricted:
        yield draw_check(
            basis,
            "unconnected-stays-out",
            when(say.CREATED_UNCONNECTED, source=basis.source),
            then(say.STAYS_OUT, target=basis.target),
            when(say.BECOMES_CONNECTED, system=system),
            then(say.EXACTLY_ONE, target=basis.target),
            then(say.NO_COPIES),
            title=f"No {basis.target} is created for an unconnected {basis.source} until it is connected",
            rule=rules[0],
            tags=(NEGATIVE,),
        )


def check_merged(basis: Basis) -> Iterator[Check]:
    """A record that matches an existing target record is linked to it instead of getting a second one."""
    rule = basis.rule(RuleKind.MERGE_ON, RuleKind.MERGE_EXISTING)
    if rule is None:
        return
    title = f"A new {basis.source} that matches an existing {basis.target} is linked to it"
    before = (
        given(say.EXISTING_TARGET, target=basis.target, source=basis.source),
        given(say.ENGINE_HAS_READ, target=basis.target),
    )
    after = (
        then(say.LINKED_TO_EXISTING, target=basis.target),
        then(say.NO_SECOND, target=basis.target),
    )
    for row in basis.flow.merge:
        matching = when(
            say.CREATED_MATCHING,
            source=basis.source,
            source_path=source_cell(row),
            target_path=target_cell(row),
            target=basis.target,
        )
        yield draw_check(
            basis, "merged", *before, matching, *after, title=title, rule=rule, parts=(part_of_row(row),), row=row
        )
    if not basis.flow.merge:
        created = when(say.CREATED, source=basis.source)
        yield draw_check(basis, "merged", *before, created, *after, title=title, rule=rule)


def check_unmatched(basis: Basis) -> Iterator[Check]:
    """A record that matches nothing is not merged with a stranger, though a part of the criterion is the same."""
    rule = basis.rule(RuleKind.MERGE_ON, RuleKind.MERGE_EXISTING)
    one = then(say.EXACTLY_ONE, target=basis.target)
    apart = then(say.KEEPS_APART, target=basis.target)
    linked = when(say.BECOMES_LINKED, target=basis.target)
    created = any(basis.flow.has(kind) for kind in _CREATING)
    after = (one, apart) if created else (then(say.STAYS_OUT, target=basis.target), apart, linked, one)
    for row in basis.matching if rule is not None else ():
        for share in SHARES:
            yield draw_check(
                basis,
                "unmatched",
                given(say.EXISTING_TARGET, target=basis.target, source=basis.source),
                given(say.ENGINE_HAS_READ, target=basis.target),
                when(
                    say.CREATED_APART,
                    source=basis.source,
                    source_path=source_cell(row),
                    target_path=target_cell(row),
                    target=basis.target,
                    share=Cell(column="share", text=share),
                ),
                *after,
                title=f"A new {basis.source} that does not match an existing {basis.target} is not merged with it",
                rule=rule,
                parts=(part_of_row(row), slug(share)),
                row=row,
                tags=(NEGATIVE,),
            )


def check_two_way(basis: Basis) -> Iterator[Check]:
    """An edit on either side follows on the other."""
    rule = basis.rule(RuleKind.TWO_WAY)
    if rule is None:
        return
    linked = given(say.LINKED_PAIR, source=basis.source, target=basis.target)
    for side in Side:
        here, there = basis.name(side), basis.name(side.other)
        name = f"edited-in-{side}"
        title = f"A property edited in the {side} {here} follows in the {side.other} {there}"
        for row in basis.flow.properties:
            if row.ways is _AWAY[side]:
                continue
            paths = {Side.SOURCE: source_cell(row), Side.TARGET: target_cell(row)}
            yield draw_check(
                basis,
                name,
                linked,
                when(say.EDITED, path=paths[side], side=side, entity=here),
                then(say.FOLLOWS, path=paths[side.other], side=side.other, entity=there),
                then(say.OTHERS_STAY),
                title=title,
                rule=rule,
                parts=(part_of_row(row),),
                row=row,
                tags=(SMOKE,) if row is basis.lowest else (),
            )
        if not basis.flow.properties:
            yield draw_check(
                basis,
                name,
                linked,
                when(say.SEEN_EDITED, side=side, entity=here),
                then(say.SEEN_FOLLOWS, side=side.other, entity=there),
                then(say.OTHERS_STAY),
                title=title,
                rule=rule,
                tags=(SMOKE,),
            )


def check_properties(basis: Basis) -> Iterator[Check]:
    """What the property table says travels, and nothing else; without a table, that something travels at all."""
    rule = basis.rule(RuleKind.PROPERTIES)
    if rule is None:
        return
    linked = given(say.LINKED_PAIR, source=basis.source, target=basis.target)
    rewritten = when(say.REWRITTEN, source=basis.source)
    if basis.lowest is None:
        yield draw_check(
            basis,
            "discovered",
            linked,
            rewritten,
            then(say.SOME_TRAVEL, target=basis.target),
            title=f"At least one property travels from the source {basis.source} to the target {basis.target}",
            rule=rule,
        )
        return
    yield draw_check(
        basis,
        "audit",
        linked,
        rewritten,
        then(say.DOCUMENTED_TRAVEL, target=basis.target),
        then(say.NOTHING_ELSE_TRAVELS, target=basis.target),
        title=f"The documented properties of a {basis.source} and no others travel to the {basis.target}",
        rule=rule,
    )


def check_qualifiers(basis: Basis) -> Iterator[Check]:
    """A qualified row applies where its qualifier holds, and only there."""
    rule = basis.rule(RuleKind.PROPERTIES, RuleKind.TWO_WAY)
    for row in basis.flow.properties:
        for qualifier in row.qualifiers:
            part = join(qualifier.side, qualifier.value, qualifier.path)
            parts = (part_of_row(row), *((part,) if len(row.qualifiers) > 1 else ()))
            yield from _check_qualifier(basis, rule, row, qualifier, parts)


def _check_qualifier(
    basis: Basis, rule: Rule | None, row: PropertyRow, qualifier: Qualifier, parts: tuple[str, ...]
) -> Iterator[Check]:
    pair: dict[str, str | Cell] = {
        "source": basis.source,
        "target": basis.target,
        "value": Cell(column="value", text=qualifier.value),
        "path": Cell(column="qualifying property", text=qualifier.path),
        "side": qualifier.side,
        "entity": basis.name(qualifier.side),
    }
    for side in Side:
        here, there = basis.name(side), basis.name(side.other)
        paths = {Side.SOURCE: source_cell(row), Side.TARGET: target_cell(row)}
        suffix = "" if side is Side.SOURCE else "-in-target"
        edited = when(say.EDITED, path=paths[side], side=side, entity=here)
        what = f"a property edited in the {side} {here}"
        yield draw_check(
            basis,
            f"qualified{suffix}",
            given(say.PAIR_QUALIFIED, **pair),
            edited,
            then(say.FOLLOWS, path=paths[side.other], side=side.other, entity=there),
            title=f"Where the qualifier of the {qualifier.side} holds, {what} follows in the {side.other} {there}",
            rule=rule,
            parts=parts,
            row=row,
        )
        # Which side leads when a row comes to apply is not documented where the target was edited.
        at_last = (
            when(say.BECOMES_QUALIFIED, **{name: pair[name] for name in ("value", "path", "side", "entity")}),
            then(say.FOLLOWS_AT_LAST, path=paths[side.other], side=side.other, entity=there),
        )
        unless = f"Where the qualifier of the {qualifier.side} does not hold"
        yield draw_check(
            basis,
            f"unqualified{suffix}",
            given(say.PAIR_UNQUALIFIED, **pair),
            edited,
            then(say.STAYS, path=paths[side.other], side=side.other, entity=there),
            *(at_last if side is Side.SOURCE else ()),
            title=f"{unless}, {what} leaves the {side.other} {there} alone",
            rule=rule,
            parts=parts,
            row=row,
            tags=(NEGATIVE,),
        )


def check_whole(basis: Basis) -> Iterator[Check]:
    """Values that engines are known to spoil arrive whole: each property its own, all in one write, each way."""
    rule = basis.rule(RuleKind.PROPERTIES, RuleKind.TWO_WAY)
    classes = {basis.classes[_key(row)] for row in basis.flow.properties if not row.qualifiers}
    if rule is None or not classes & COMPARABLE:
        return
    for side in Side:
        here, there = basis.name(side), basis.name(side.other)
        for suite in SUITES:
            yield draw_check(
                basis,
                f"whole-in-{side}",
                given(say.LINKED_PAIR, source=basis.source, target=basis.target),
                when(say.ALL_SET_TO, side=side, entity=here, suite=Cell(column="values", text=suite)),
                then(say.ALL_FOLLOW, side=side.other, entity=there),
                title=f"Delicate values of the {side} {here} arrive whole in the {side.other} {there}",
                rule=rule,
                parts=(slug(suite),),
            )


def check_values(basis: Basis) -> Iterator[Check]:
    """Values that engines are known to spoil arrive whole, one by one; for rows whose value can be compared."""
    rule = basis.rule(RuleKind.PROPERTIES, RuleKind.TWO_WAY)
    for row in basis.flow.properties:
        row_class = basis.classes[_key(row)]
        for side in Side:
            if row.ways is _AWAY[side] or (side is Side.TARGET and row_class is not RowClass.PLAIN):
                continue  # what comes back through a transform or a list is not promised by value
            for partition in partitions_of(row, row_class):
                yield _check_value(basis, rule, row, side, partition)


def _check_value(basis: Basis, rule: Rule | None, row: PropertyRow, side: Side, partition: str) -> Check:
    here, there = basis.name(side), basis.name(side.other)
    paths = {Side.SOURCE: source_cell(row), Side.TARGET: target_cell(row)}
    return draw_check(
        basis,
        "value" if side is Side.SOURCE else "value-in-target",
        given(say.LINKED_PAIR, source=basis.source, target=basis.target),
        when(say.SET_TO, path=paths[side], side=side, entity=here, partition=Cell(column="value", text=partition)),
        then(say.FOLLOWS, path=paths[side.other], side=side.other, entity=there),
        title=f"An unusual value of the {side} {here} arrives whole in the {side.other} {there}",
        rule=rule,
        parts=(part_of_row(row), slug(partition)),
        row=row,
    )


def _key(row: PropertyRow) -> RowKey:
    return RowKey(source=row.source, target=row.target)
