"""A client of the generic REST dialect.

Used by verify and the runner. It repeats nothing: retries and call
budgets belong to the transport below it. Every exchange is told to a callback, without its credentials.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.session import Call, Session
from talkqa.systems.wire import WireShape, flatten

PAGE_SIZE = 200

_TYPES = {kind.value: kind for kind in FieldType}


class RestClient:
    """One system as one user."""

    def __init__(self, schema: SystemSchema, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like, as far as known.
            session: Sends its calls.
        """
        self._schema = schema
        self._session = session
        self._entities = {entity.name: entity for entity in schema.entities}
        self._shapes = {entity.name: WireShape(entity) for entity in schema.entities}

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        return self._schema

    async def describe(self, entity: str) -> EntitySchema:
        """What the entity looks like for this account right now."""
        name = self._name(entity)
        body = await self._object("GET", f"/{quote(name, safe='')}/describe")
        return _read_description(body, self._entities.get(name))

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record from dotted paths; returns it as the system stored it."""
        name = self._name(entity)
        body = await self._object("POST", f"/{quote(name, safe='')}", self._shape(name).nest(values))
        return self._record(name, body)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        name = self._name(entity)
        try:
            return self._record(name, await self._object("GET", self._path(name, record_id)))
        except ApiRefused as error:
            if _is_gone(error):
                return None
            raise

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored.

        A list is replaced as a whole, so a property inside one is sent together with what the list holds.
        """
        name = self._name(entity)
        shape = self._shape(name)
        complete: Mapping[str, FieldValue] = values
        if any(shape.list_of(path) for path in values):
            complete = await self._with_lists(name, record_id, values)
        return self._record(name, await self._object("PATCH", self._path(name, record_id), shape.nest(complete)))

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where the entity cannot be deleted; a record already gone is no error."""
        name = self._name(entity)
        known = self._entities.get(name)
        try:
            if known is not None and not known.deletable and known.archive is not None:
                await self.update(name, record_id, dict([known.archive]))
            else:
                await self._request("DELETE", self._path(name, record_id))
        except ApiRefused as error:
            if not _is_gone(error):
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first, deleted ones included; None asks for everything."""
        name = self._name(entity)
        query: dict[str, str | int] = {"limit": PAGE_SIZE}
        if cursor is not None:
            query["since"] = cursor
        records: list[Record] = []
        latest = cursor
        while True:
            body = await self._object("GET", f"/{quote(name, safe='')}?{urlencode(query)}", poll=self._poll_shape(name))
            records.extend(self._record(name, one) for one in _list_of_objects(body.get("records")))
            latest = body.get("cursor") or latest
            following = body.get("next")
            if not following:
                return Changes(records=tuple(records), cursor=latest)
            query["after"] = following

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value, compared as text by the system."""
        name = self._name(entity)
        query = urlencode({"where": self._shape(name).canonical(path), "equals": _as_text(value)})
        body = await self._object("GET", f"/{quote(name, safe='')}?{query}")
        return tuple(self._record(name, one) for one in _list_of_objects(body.get("records")))

    async def cursor_now(self, entity: str) -> str | None:  # noqa: ARG002 - every entity alike
        """None: this dialect tells the time in the answer to a whole reading alone."""
        return None

    async def identify(self) -> Identity:
        """Nothing: this dialect does not tell who asks."""
        return Identity()

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:  # noqa: ARG002 - nothing to ask
        """Nothing: this dialect has no rules of its own beyond `describe`."""
        return ()

    def _poll_shape(self, entity: str) -> PollShape:
        known = self._entities.get(entity)
        return PollShape(
            key=f"{self._schema.name}/{entity}",
            items=("records",),
            id=((known.id_field if known else None) or "id",),
            modified=((known.modified_field if known else None) or "_modified",),
            last_page=((("next",), None),),
        )

    async def _with_lists(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Mapping[str, FieldValue]:
        shape = self._shape(entity)
        asked = {shape.canonical(path): value for path, value in values.items()}
        touched = {shape.list_of(path) for path in asked} - {None}
        current = await self.get(entity, record_id)
        if current is None:
            raise ApiRefused(
                f"{self._schema.name} {entity} {record_id} does not exist (any more)", status=404, code="not_found"
            )
        complete: dict[str, FieldValue] = {}
        for item in self._entities[entity].fields:
            held = current.values.get(item.path)
            writable = item.updateable and item.type is not FieldType.OPAQUE
            if (
                item.list_at in touched
                and writable
                and isinstance(held, tuple)
                and any(one is not None for one in held)
            ):
                complete[item.path] = held
        for path, value in asked.items():
            held = complete.get(path)
            complete[path] = (value, *held[1:]) if isinstance(held, tuple) else value
        return complete

    def _name(self, entity: str) -> str:
        if entity in self._entities:
            return entity
        known = self._schema.entity(entity)
        return known.name if known else entity

    def _shape(self, entity: str) -> WireShape:
        shape = self._shapes.get(entity)
        if shape is None:
            shape = self._shapes[entity] = WireShape(EntitySchema(name=entity, fields=()))
        return shape

    def _path(self, entity: str, record_id: str) -> str:
        return f"/{quote(entity, safe='')}/{quote(record_id, safe='')}"

    def _record(self, entity: str, body: Mapping[str, Any]) -> Record:
        known = self._entities.get(entity)
        id_field = known.id_field if known else "id"
        modified = (known.modified_field if known else None) or "_modified"
        modified_by = (known.modified_by_field if known else None) or "_modified_by"
        values = flatten(body)
        stamp, user, record_id = values.get(modified), values.get(modified_by), values.get(id_field)
        # Only a tombstone is as short as this; a live record may have a property named `deleted`.
        gone = values.get("deleted") is True and values.keys() <= {id_field, "deleted", modified, modified_by}
        values.pop("_modified", None)
        values.pop("_modified_by", None)
        return Record(
            system=self._schema.name,
            entity=entity,
            id="" if record_id is None else str(record_id),
            values=values,
            modified=None if stamp is None else str(stamp),
            modified_by=None if user is None else str(user),
            deleted=gone,
        )

    async def _object(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, poll: PollShape | None = None
    ) -> dict[str, Any]:
        response = await self._request(method, path, body, poll)
        try:
            content = json.loads(response.content)
        except ValueError:
            content = None
        if isinstance(content, dict):
            return content
        raise ApiUnavailable(
            f"{self._schema.name} answered {method} {path} with {response.status_code} and no JSON object",
            status=response.status_code,
        )

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, poll: PollShape | None = None
    ) -> httpx.Response:
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        purpose = Purpose.POLL if poll else Purpose.CONFIRM if method == "GET" else Purpose.WRITE
        response = await self._session.send(Call(method=method, url=path, purpose=purpose, body=content, poll=poll))
        if response.status_code >= 400:
            raise _error_of(response, f"{self._schema.name} refused {method} {path}")
        return response


def _as_text(value: Scalar) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_gone(error: ApiError) -> bool:
    return error.status == 404 and error.code in {"", "not_found"}


def _list_of_objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _error_of(response: httpx.Response, what: str) -> ApiError:
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    problems = _list_of_objects(content.get("errors")) if isinstance(content, dict) else []
    said = "; ".join(str(problem.get("message") or problem.get("code") or problem) for problem in problems)
    status = response.status_code
    message = f"{what} ({status}): {said or 'no reason given'}"
    code = next((str(problem["code"]) for problem in problems if problem.get("code")), "")
    licence = next((str(problem["licence"]) for problem in problems if problem.get("licence")), None)
    fields = tuple(dict.fromkeys(str(problem["field"]) for problem in problems if problem.get("field")))
    if status == 429 or status >= 500:
        return ApiUnavailable(message, status=status, code=code)
    if licence is not None:
        return FeatureMissing(message, licence=licence, status=status, code=code)
    return ApiRefused(message, status=status, code=code, field=fields[0] if fields else None, fields=fields)


def _read_description(body: Mapping[str, Any], known: EntitySchema | None) -> EntitySchema:
    """The entity as `describe` tells it; what it does not tell is taken from the schema known before."""
    name = str(body.get("name") or (known.name if known else ""))
    fields = tuple(
        _read_field(one, known.field(str(one.get("path"))) if known else None)
        for one in _list_of_objects(body.get("fields"))
    )
    licence = body.get("licence")
    return EntitySchema(
        name=name,
        fields=fields,
        id_field=str(body.get("id_field") or (known.id_field if known else "id")),
        modified_field=body.get("modified_field"),
        modified_by_field=body.get("modified_by_field"),
        name_field=known.name_field if known else None,
        createable=bool(body.get("createable", True)),
        updateable=bool(body.get("updateable", True)),
        deletable=bool(body.get("deletable", True)),
        archive=known.archive if known else None,
        requires=known.requires if known else None,
        create_requires=known.create_requires if known and known.create_requires else licence,
    )


def _read_field(told: Mapping[str, Any], known: FieldSchema | None) -> FieldSchema:
    return FieldSchema(
        path=str(told.get("path")),
        type=_TYPES.get(str(told.get("type")), FieldType.OPAQUE),
        list_at=told.get("list_at") or (known.list_at if known else None),
        max_length=told.get("max_length"),
        scale=told.get("scale"),
        createable=bool(told.get("createable", True)),
        updateable=bool(told.get("updateable", True)),
        nullable=bool(told.get("nullable", True)),
        required=bool(told.get("required", False)),
        references=tuple(told.get("references") or ()),
        picklist=tuple(told.get("picklist") or ()),
        restricted=bool(told.get("restricted", False)),
        unique=bool(told.get("unique", False)),
        requires=known.requires if known else None,
        unconfirmed=known.unconfirmed if known else False,
    )
