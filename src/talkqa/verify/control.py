"""The control write: before the engine is blamed for a record that is missing, the harness writes the same one itself.

Used by `judge`. It carries what the documented properties make of the source record, as far as the documents and this
run tell, and sentinels in the rest; it is removed at once, and never taken for a counterpart.
"""

from contextlib import suppress
from dataclasses import replace

from talkqa.model.call import ACTOR
from talkqa.model.check import RowClass
from talkqa.model.errors import ApiError, ApiRefused, CheckOutcome, CheckUndecided, FeatureMissing
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.verify.flowstate import FlowState, licence_missing
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.travel import spelled
from talkqa.verify.values import as_type, holds

_UNWRITTEN = frozenset({FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE})
_CARRIED = frozenset({RowClass.PLAIN, RowClass.SHARED, RowClass.TRANSFORM, RowClass.LIST})


async def find_refusal(state: FlowState, source: Record) -> CheckOutcome | None:
    """Whether the target takes the counterpart of a source record from the harness itself.

    Returns:
        None where it does, so that the engine is to blame; else the outcome that says who is.

    Raises:
        ApiUnavailable: where the system does not answer.
    """
    target, values = state.flow.target, values_of_counterpart(state, source)
    try:
        record = await state.access.create(
            target.system, state.schema(Side.TARGET).name, f"control/{ACTOR.get()}", values, control=True
        )
    except FeatureMissing as missing:
        return licence_missing(target, missing)
    except ApiRefused as error:
        return CheckUndecided(
            "target-refuses",
            f"{target.system} refuses a {target.entity} with these values from the harness too: {error}",
            cause=Cause.API,
            expected=f"{target.system} takes the {target.entity}",
            observed=str(error),
        )
    with suppress(ApiError):  # else the sweep removes it
        await state.access.delete(record)
    return None


def values_of_counterpart(state: FlowState, source: Record) -> dict[str, Scalar]:
    """What the target of a source record is to hold: by documented rows, else by what was seen to travel in this run.

    Left out is what nobody writes there, and what is of another type than the target's field.
    """
    schemas = state.both()
    values: dict[str, Scalar] = {}
    rows = [row for row in state.flow.properties if not row.qualifiers]
    found: list[tuple[str, FieldValue]] = []
    for row in rows:
        if state.judgements[(row.source, row.target)].row_class not in _CARRIED:
            continue
        value = source.values.get(spelled(schemas[0], row.source))
        if row.transform is not None:
            try:
                value = evaluate(row.transform, value, dict(source.values), now=state.access.clock.stamp())
            except OracleUnknown:
                continue
        found.append((row.target, value))
    if not state.flow.properties:
        found = [(t, source.values.get(s)) for s, t in state.access.mappings_of(state.flow)]
    for path, value in found:
        field = schemas[1].field(path)
        if isinstance(value, tuple) or value is None or field is None or field.path in values:
            continue
        fitted = as_type(value, field)
        # what is merely too long is sent all the same: its refusal says so
        if field.createable and field.type not in _UNWRITTEN and holds(fitted, replace(field, max_length=None)):
            values[field.path] = fitted
    return values
