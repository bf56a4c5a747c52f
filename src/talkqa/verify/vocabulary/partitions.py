"""Values of kinds that often go wrong on their way: what both ends of a row can hold of them."""

from talkqa.checklist.derive import PARTITIONS
from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.flowstate import FlowState
from talkqa.verify.values import NoCommonValueError, common_field, fit

_TEXT = frozenset({FieldType.STRING, FieldType.TEXT})
_NUMBER = frozenset({FieldType.INTEGER, FieldType.DECIMAL})


def value_of(partition: str, row: PropertyRow, state: FlowState) -> Scalar:
    """A value of a partition for the source of a row.

    Raises:
        CheckNotRunnable: where one of the two ends cannot hold such a value.
        CheckUndecided: for a partition that is not known.
    """
    if partition not in PARTITIONS:
        raise CheckUndecided("partition-unknown", f"'{partition}' is none of {', '.join(PARTITIONS)}")
    source, target = state.both()
    own, other = source.field(row.source), target.field(row.target)
    if own is None or other is None:
        raise CheckUndecided("row-unknown", f"no schema knows {row.source} and {row.target}", cause=Cause.CONFIGURATION)
    try:
        field = common_field(own, [other], row.declared_type)
    except NoCommonValueError as error:
        raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
    value = _of(partition, field)
    if value is None:
        raise CheckNotRunnable("partition-unfit", f"'{row.source}' and '{row.target}' cannot both hold {partition}")
    return fit(value, own)


def _of(partition: str, field: FieldSchema) -> Scalar:
    length = field.max_length or 200
    texts: dict[str, str] = {
        "unicode text": "Ærøskøbing Łódź 東京 ñandú",
        "the longest text": ("Wide load 0123456789 " * (length // 20 + 1))[:length].strip().ljust(length, "x"),
        "text with leading zeros": "00042",
        "text that looks like a number": "1234567890",
    }
    if partition in texts:
        text = texts[partition]
        return text if field.type in _TEXT and not field.restricted and len(text) <= length else None
    if partition in {"zero", "a negative number"}:
        return (0 if partition == "zero" else -17) if field.type in _NUMBER else None
    if field.type is FieldType.DATE:
        return "2027-01-01"
    return "2027-01-01T00:00:00Z" if field.type is FieldType.DATETIME else None
