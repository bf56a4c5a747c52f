"""The few transform expressions that the second engine can do; a document with others is not for it."""

from datetime import datetime

from talkqa.model.transform import Call, Expression, Literal, Value
from tests.second_engine.values import Plain


def work_out(expression: Expression, given: Plain) -> Plain:
    """The value of an expression; raises ValueError for one that this engine cannot do."""
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Value):
        if expression.path:
            raise ValueError(f"no properties of properties: {expression}")
        return given
    return _call(expression, [work_out(argument, given) for argument in expression.arguments])


def _call(call: Call, arguments: list[Plain]) -> Plain:
    if call.operator == "replace":
        old, new, text = arguments
        return None if text is None else str(text).replace(str(old), str(new))
    if call.operator == "datetime-format":
        pattern, moment = arguments
        return None if moment is None else datetime.fromisoformat(str(moment)).strftime(str(pattern))
    if call.operator in ("string", "integer"):
        (value,) = arguments
        return None if value is None else str(value) if call.operator == "string" else int(str(value))
    raise ValueError(f"this engine knows no {call.operator}")
