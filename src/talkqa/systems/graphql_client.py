"""A client of a described GraphQL system: the conventions of its descriptor, and nothing beyond them.

A reference is read where its path says (`customer.id`) and written by its first alias (`customerId`), where it has one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from talkqa.model.account import Account
from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.graphql import NOT_FOUND, GraphqlChannel, Reply, place, read_path, refusal, select
from talkqa.systems.session import Session
from talkqa.systems.wire import keep_items, lists_in

MARGIN_S = 60.0
"""How far before the server's own time a first cursor lies: a stamp may be older than its commit."""
_MAX_PAGES = 10_000
"""More pages than any reading has: a list that does not end is given up."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GraphqlClient:
    """One described system as one user."""

    def __init__(self, schema: SystemSchema, account: Account, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like, and how it is spoken to.
            account: Where it is.
            session: Sends the calls.
        """
        self._schema = schema
        self._api = schema.graphql or GraphqlApi()
        whole = account.url.rstrip("/").endswith(self._api.path)
        self._channel = GraphqlChannel(session, "" if whole else self._api.path)

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        return self._schema

    async def describe(self, entity: str) -> EntitySchema:
        """The entity as the descriptor tells it."""
        return self._known(entity)[0]

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record; returns it as the system stored it."""
        known, names = self._known(entity)
        variables = {"i": compose(known, values)}
        head = f"mutation($i:{names.create_input}!)"
        return await self._write(known, head, names.create, f"{self._api.input_argument}:$i", variables, again=False)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        known, names = self._known(entity)
        text = f"query($k:ID!){{{names.get}(id:$k){{{_selection(known)}}}}}"
        reply = await self._channel.query(text, {"k": record_id})
        if reply.errors and all(error.code == NOT_FOUND for error in reply.errors):
            return None
        self._check(reply, f"{known.name} {record_id}", known)
        node = reply.at(names.get)
        return self._record(known, node) if isinstance(node, dict) else None

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored.

        A list is replaced as a whole, so that what its items hold besides is sent with them.
        """
        known, names = self._known(entity)
        whole: Mapping[str, FieldValue] = values
        if lists_in(known, values):
            current = await self.get(entity, record_id)
            if current is None:
                message = f"{self._schema.name} {known.name} {record_id} does not exist (any more)"
                raise ApiRefused(message, status=404, code=NOT_FOUND)
            whole = keep_items(known, values, current.values)
        variables = {"k": record_id, "i": compose(known, whole)}
        head = f"mutation($k:ID!,$i:{names.update_input}!)"
        arguments = f"id:$k,{self._api.input_argument}:$i"
        return await self._write(known, head, names.update, arguments, variables, again=True)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where the entity cannot be deleted; a record already gone is no error."""
        known, names = self._known(entity)
        if not known.deletable and known.archive is not None:
            await self.update(entity, record_id, dict([known.archive]))
            return
        shown = " ".join(filter(None, [self._api.deleted, self._errors_shown()]))
        text = f"mutation($k:ID!){{{names.delete}(id:$k){f'{{{shown}}}' if shown else ''}}}"
        reply = await self._channel.mutate(text, {"k": record_id}, repeatable=True)
        try:
            self._check(reply, names.delete, known)
            self._check_payload(reply.at(names.delete), names.delete, known, reply.status)
        except ApiRefused as error:
            if error.code != NOT_FOUND:
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first; everything where lists cannot be limited.

        A change is asked for twice: the cursor names the newest stamp of the reading before the last, so that a record
        which changed while the pages were read is not lost.
        """
        known, _ = self._known(entity)
        since, latest = _read_cursor(cursor)
        asked = since if self._api.since else None
        nodes = await self._list(known, asked, poll=self._poll_shape(known))
        records = sorted((self._record(known, node) for node in nodes), key=lambda one: one.modified or "")
        newest = max((ms for one in records if (ms := _ms(one.modified)) is not None), default=None)
        if newest is None:
            return Changes(records=tuple(records), cursor=cursor)
        begin = newest - round(MARGIN_S * 1000) if latest is None else latest
        following = f"{max(since or begin, begin)}:{max(newest, latest or newest)}"
        return Changes(records=tuple(records), cursor=following)

    async def cursor_now(self, entity: str) -> str | None:
        """A moment before the server's own time; None where everything has to be read."""
        known, names = self._known(entity)
        if not self._api.since or known.modified_field is None:
            return None
        text, variables = self._list_text(known, names, None, None, size=1)
        reply = await self._channel.query(text, variables)
        self._check(reply, names.list, known)
        if reply.server_time is None:
            return None
        moment = (reply.server_time - timedelta(seconds=MARGIN_S) - _EPOCH) // timedelta(milliseconds=1)
        return f"{moment}:{moment}"

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value; all are read, for there is no convention for a search."""
        known, _ = self._known(entity)
        field = known.field(path)
        records = [self._record(known, node) for node in await self._list(known, None)]
        wanted = path if field is None else field.path
        return tuple(one for one in records if _holds(one.values.get(wanted), value))

    async def identify(self) -> Identity:
        """Nothing: there is no convention for who asks."""
        return Identity()

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:  # noqa: ARG002 - nothing to ask
        """Nothing: there is no convention for rights."""
        return ()

    def _known(self, entity: str) -> tuple[EntitySchema, GraphqlEntity]:
        known = self._schema.entity(entity)
        if known is None or known.graphql is None:
            raise ApiRefused(f"the descriptor of {self._schema.name} has no entity {entity!r}", code="unknown_entity")
        return known, known.graphql

    async def _write(
        self,
        known: EntitySchema,
        head: str,
        name: str,
        arguments: str,
        variables: Mapping[str, Any],
        *,
        again: bool,
    ) -> Record:
        shown = _selection(known)
        for step in reversed(self._api.payload):
            shown = f"{step}{{{shown}}}"
        shown = " ".join(filter(None, [shown, self._errors_shown()]))
        reply = await self._channel.mutate(f"{head}{{{name}({arguments}){{{shown}}}}}", variables, repeatable=again)
        self._check(reply, name, known)
        told = reply.at(name)
        self._check_payload(told, name, known, reply.status)
        node = read_path(told, self._api.payload)
        if not isinstance(node, dict):
            raise ApiUnavailable(f"{self._schema.name}: {name} showed no {known.name}", status=reply.status)
        return self._record(known, node)

    async def _list(
        self, known: EntitySchema, since: int | None, *, poll: PollShape | None = None
    ) -> list[Mapping[str, Any]]:
        """Every record of every page; of one that was met twice the later version."""
        names = self._known(known.name)[1]
        found: dict[str, Mapping[str, Any]] = {}
        position: Any = None
        for page in range(_MAX_PAGES):
            text, variables = self._list_text(known, names, since, position, size=self._api.size)
            purpose = Purpose.POLL if poll else Purpose.CONFIRM
            reply = await self._channel.query(text, variables, purpose=purpose, poll=poll)
            self._check(reply, names.list, known)
            held = _down(reply.at(names.list), self._api.records)
            if not isinstance(held, list):
                # No list is not the same as an empty one: nothing may be taken for absent.
                raise ApiUnavailable(f"{self._schema.name} shows no {names.list}", status=reply.status)
            nodes = [node for one in held if isinstance(node := _down(one, self._api.record), dict)]
            before = len(found)
            found |= {str(read_path(node, tuple(known.id_field.split(".")))): node for node in nodes}
            position = self._following(reply.at(names.list), len(held), page)
            if position is None or len(found) == before:  # a page of what is known already is no page of its own
                return list(found.values())
        raise ApiUnavailable(f"{self._schema.name}: the list {names.list} does not end")

    def _following(self, told: Any, count: int, page: int) -> Any:
        """Where the next page begins; None behind the last one."""
        if self._api.paging == "cursor":
            info = _down(told, ("pageInfo",))
            further = isinstance(info, dict) and info.get("hasNextPage") is True
            return info.get("endCursor") if further else None
        # More than were asked for: the list has no pages, as a recording's has none.
        if self._api.paging == "offset" and count == self._api.size:
            return (page + 1) * self._api.size
        return None

    def _list_text(
        self, known: EntitySchema, names: GraphqlEntity, since: int | None, position: Any, *, size: int
    ) -> tuple[str, dict[str, Any]]:
        """The query for a page, and its variables."""
        api = self._api
        given: list[tuple[str, str, str, Any]] = []
        if api.paging != "none":
            given.append(("n", "Int", api.size_argument, size))
        if position is not None:
            given.append(("p", "String" if api.paging == "cursor" else "Int", api.position_argument, position))
        if since is not None:
            given.append(("s", api.since_type, api.since, _stamp(since)))
        shown = _selection(known)
        for step in reversed((*api.records, *api.record)):
            shown = f"{step}{{{shown}}}"
        info = " pageInfo{hasNextPage endCursor}" if api.paging == "cursor" else ""
        head = ",".join(f"${name}:{kind}" for name, kind, _, _ in given)
        arguments = ",".join(f"{argument}:${name}" for name, _, argument, _ in given)
        text = f"query{f'({head})' if head else ''}{{{names.list}{f'({arguments})' if arguments else ''}"
        return f"{text}{{{shown}{info}}}}}", {name: value for name, _, _, value in given}

    def _errors_shown(self) -> str:
        return f"{self._api.errors}{{message field}}" if self._api.errors else ""

    def _check(self, reply: Reply, what: str, known: EntitySchema) -> None:
        if not reply.errors:
            return
        named = [_named(known, error.field or error.variable_path) for error in reply.errors]
        raise refusal(reply.errors, f"{self._schema.name} refused {what}", status=reply.status, fields=named)

    def _check_payload(self, told: Any, what: str, known: EntitySchema, status: int) -> None:
        """Raise what a mutation says in its own answer."""
        held = told.get(self._api.errors) if self._api.errors and isinstance(told, dict) else None
        problems = [one for one in held or [] if isinstance(one, dict)]
        if not problems:
            return
        said = "; ".join(str(one.get("message") or "no reason given") for one in problems)
        places = [one.get("field") for one in problems]
        texts = [".".join(map(str, one)) if isinstance(one, list) else str(one or "") for one in places]
        fields = tuple(dict.fromkeys(filter(None, (_named(known, text) for text in texts))))
        gone = NOT_FOUND if any(one.get("code") == NOT_FOUND for one in problems) else "refused"
        message = f"{self._schema.name} refused {what}: {said}"
        raise ApiRefused(message, status=status, code=gone, field=fields[0] if fields else None, fields=fields)

    def _poll_shape(self, known: EntitySchema) -> PollShape:
        names, api = self._known(known.name)[1], self._api
        stamp = known.modified_field
        last = ((("data", names.list, "pageInfo", "hasNextPage"), False),) if api.paging == "cursor" else ()
        return PollShape(
            key=f"{self._schema.name}/{known.name}",
            items=("data", names.list, *api.records),
            id=(*api.record, *known.id_field.split(".")),
            modified=(*api.record, *stamp.split(".")) if stamp else (),
            last_page=last,
        )

    def _record(self, known: EntitySchema, node: Mapping[str, Any]) -> Record:
        values: dict[str, FieldValue] = {}
        for field in known.fields:
            if field.type is not FieldType.OPAQUE:
                held = read_path(node, tuple(field.path.split(".")))
                values[field.path] = (
                    tuple(_neutral(field, one) for one in held)
                    if isinstance(held, tuple)
                    else (() if field.list_at else _neutral(field, held))
                )
        record_id = read_path(node, tuple(known.id_field.split(".")))
        stamp = values.get(known.modified_field) if known.modified_field else None
        user = values.get(known.modified_by_field) if known.modified_by_field else None
        return Record(
            system=self._schema.name,
            entity=known.name,
            id="" if record_id is None else str(record_id),
            values=values,
            modified=stamp if isinstance(stamp, str) else None,
            modified_by=None if user is None else str(user),
        )


def compose(known: EntitySchema, values: Mapping[str, FieldValue]) -> dict[str, Any]:
    """The input for values; paths that are not known go as they are, for the system to refuse."""
    sent: dict[str, Any] = {}
    for path, value in values.items():
        field = known.field(path)
        if field is None:
            place(sent, tuple(path.split(".")), value)
        elif field.list_at is None:
            place(sent, tuple(_written(field).split(".")), value[0] if isinstance(value, tuple) and value else value)
        else:
            _place_items(sent, field, value)
    return sent


def _place_items(sent: dict[str, Any], field: FieldSchema, value: FieldValue) -> None:
    at, inner = str(field.list_at), field.path[len(str(field.list_at)) + 1 :]
    column = value if isinstance(value, tuple) else () if value is None else (value,)
    if not inner:
        place(sent, tuple(at.split(".")), list(column))
        return
    held = _down(sent, tuple(at.split(".")))
    items: list[dict[str, Any]] = held if isinstance(held, list) else []
    for row, one in enumerate(column):
        if row == len(items):
            items.append({})
        place(items[row], tuple(inner.split(".")), one)
    place(sent, tuple(at.split(".")), items)


def _selection(known: EntitySchema) -> str:
    return select(field.path for field in known.fields if field.type is not FieldType.OPAQUE)


def _written(field: FieldSchema) -> str:
    return field.aliases[0] if field.type is FieldType.REFERENCE and field.aliases else field.path


def _named(known: EntitySchema, place_named: str) -> str:
    """The field that a refusal names; empty where it names none that is known."""
    steps = [step for step in place_named.split(".") if not step.isdecimal()]
    while steps:
        field = known.field(".".join(steps))
        if field is not None:
            return field.path
        steps = steps[1:]
    return ""


def _down(node: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def _neutral(field: FieldSchema, value: Any) -> Scalar:
    if value is None or isinstance(value, dict | list | tuple):
        return None
    if field.type in (FieldType.REFERENCE, FieldType.ID):
        return str(value)
    if field.type in (FieldType.DECIMAL, FieldType.INTEGER) and isinstance(value, str):
        try:
            return int(value) if value.lstrip("+-").isdecimal() else float(value)
        except ValueError:
            return value
    if field.type is FieldType.DATETIME and isinstance(value, str):
        ms = _ms(value)
        return value if ms is None else _stamp(ms)
    return value if isinstance(value, str | int | float | bool) else None


def _holds(held: FieldValue, wanted: Scalar) -> bool:
    items = held if isinstance(held, tuple) else (held,)
    if isinstance(wanted, bool):
        return any(one is wanted for one in items)
    return any(one == wanted or (one is not None and str(one) == str(wanted)) for one in items)


def _ms(text: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def _stamp(ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")


def _read_cursor(cursor: str | None) -> tuple[int | None, int | None]:
    since, _, latest = (cursor or "").partition(":")
    try:
        return int(since), int(latest)
    except ValueError:
        return None, None
