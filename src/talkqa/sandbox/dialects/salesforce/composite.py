"""Many records or requests in one call: `/composite/sobjects` and `/composite`."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from talkqa.sandbox.dialects.emulator import Answer, Request, encode
from talkqa.sandbox.dialects.salesforce.ids import expand
from talkqa.sandbox.dialects.salesforce.refusals import ApiFault, Fault, item_of, refuse
from talkqa.sandbox.dialects.salesforce.rows import Rows
from talkqa.sandbox.dialects.salesforce.writing import Writing, read_body
from talkqa.sandbox.store import EntityStore, Stored

MOST_RECORDS = 200
MOST_REQUESTS = 25
_MOST_RUNS = 10
_REFERENCE = re.compile(r"@\{([\w.]+)\}")

Find = Callable[[EntityStore, str], Stored]
"""The live record of an id; raises `ApiFault`."""


class Collections:
    """The calls that take many records."""

    def __init__(self, rows: Rows, writing: Writing, find: Find) -> None:
        self._rows = rows
        self._writing = writing
        self._find = find

    def answer(self, request: Request, user: str, *, allow_duplicates: bool) -> Answer:
        """The answer to `/composite/sobjects`; 200, whatever becomes of the records.

        Raises:
            ApiFault: where the request as a whole cannot be understood.
        """
        if request.method == "DELETE":
            whole = request.query.get("allOrNone", "false").casefold() == "true"
            ids = [one for one in request.query.get("ids", "").split(",") if one]
            return self._do([{"id": one} for one in ids], user, whole, self._delete, allow_duplicates)
        body = read_body(request.body)
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise refuse(400, "JSON_PARSER_ERROR", "expected a list of objects at records")
        work = {"POST": self._create, "PATCH": self._update}.get(request.method)
        if work is None:
            raise refuse(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed")
        _check_runs(records)
        return self._do(records, user, body.get("allOrNone") is True, work, allow_duplicates)

    def read(self, entity: EntityStore, request: Request, version: str) -> Answer:
        """Records by their ids, null in place of each that is not there.

        Raises:
            ApiFault: for a wrong body or field.
        """
        body = read_body(request.body) if request.method == "POST" else {}
        ids = body.get("ids") or request.query.get("ids", "").split(",")
        fields = body.get("fields") or request.query.get("fields", "").split(",")
        if not isinstance(ids, list) or not isinstance(fields, list):
            raise refuse(400, "JSON_PARSER_ERROR", "expected lists at ids and fields")
        if len(ids) > (800 if request.method == "GET" else 2000):
            raise refuse(400, "INVALID_INPUT", "too many ids")
        columns = self._rows.columns(entity, tuple(dict.fromkeys(str(name) for name in fields if name)))
        found = [entity.get(expand(one) or "") for one in ids]
        rows = [b"null" if one is None else self._rows.render(entity, one, columns, version) for one in found]
        return Answer(body=b"[%b]" % b",".join(rows))

    def _do(
        self,
        records: Sequence[Mapping[str, Any]],
        user: str,
        whole: bool,  # noqa: FBT001 - the switch of the call itself
        work: Callable[..., dict[str, Any]],
        allow_duplicates: bool,  # noqa: FBT001
    ) -> Answer:
        if len(records) > MOST_RECORDS:
            raise refuse(400, "EXCEEDED_ID_LIMIT", f"record limit reached: {MOST_RECORDS}")
        if whole:
            results = [self._try(work, one, user, allow_duplicates, dry=True) for one in records]
            if not all(result["success"] for result in results):
                return Answer(body=encode([_rolled_back(one) if one["success"] else one for one in results]))
        return Answer(body=encode([self._try(work, one, user, allow_duplicates) for one in records]))

    def _try(
        self,
        work: Callable[..., dict[str, Any]],
        record: Mapping[str, Any],
        user: str,
        allow_duplicates: bool,  # noqa: FBT001
        *,
        dry: bool = False,
    ) -> dict[str, Any]:
        given = record.get("id", record.get("Id"))
        try:
            return work(record, user, allow_duplicates, dry=dry)
        except ApiFault as fault:
            return item_of(fault, expand(given))

    def _create(self, record: Mapping[str, Any], user: str, allow: bool, *, dry: bool) -> dict[str, Any]:  # noqa: FBT001
        entity = self._entity_of(record)
        if dry:
            self._writing.check(entity, record, None, allow_duplicates=allow)
            return {"success": True, "errors": []}
        return _done(self._writing.create(entity, record, user, allow_duplicates=allow).id)

    def _update(self, record: Mapping[str, Any], user: str, allow: bool, *, dry: bool) -> dict[str, Any]:  # noqa: FBT001
        entity = self._entity_of(record)
        given = next((value for key, value in record.items() if key.casefold() == "id"), None)
        if given is None:
            raise refuse(400, "MISSING_ARGUMENT", "Id not specified in an update call", "Id")
        stored = self._find(entity, _id(given))
        body = {key: value for key, value in record.items() if key.casefold() not in ("id", "attributes")}
        if dry:
            self._writing.check(entity, body, stored, allow_duplicates=allow)
        else:
            self._writing.update(entity, stored, body, user, allow_duplicates=allow)
        return _done(stored.id)

    def _delete(self, record: Mapping[str, Any], user: str, _allow: bool, *, dry: bool) -> dict[str, Any]:  # noqa: FBT001
        full = _id(record["id"])
        entity = self._rows.owner_of(full)
        if entity is None:
            raise refuse(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        stored = self._find(entity, full)
        if dry:
            self._writing.check_delete(entity, stored)
        else:
            self._writing.delete(entity, stored, user)
        return _done(stored.id)

    def _entity_of(self, record: Mapping[str, Any]) -> EntityStore:
        attributes = record.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        entity = self._rows.entity(name) if isinstance(name, str) else None
        if entity is None:
            raise refuse(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return entity


def answer_requests(request: Request, perform: Callable[[Request], Answer]) -> Answer:
    """The answer to `/composite`: requests one after the other, which may name what earlier ones gave.

    Raises:
        ApiFault: where the request as a whole cannot be understood.
    """
    body = read_body(request.body)
    asked = body.get("compositeRequest")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise refuse(400, "JSON_PARSER_ERROR", "expected a list of objects at compositeRequest")
    if len(asked) > MOST_REQUESTS:
        raise refuse(400, "LIMIT_EXCEEDED", f"at most {MOST_REQUESTS} requests")
    results: list[dict[str, Any]] = []
    given: dict[str, Any] = {}
    for one in asked:
        name = str(one.get("referenceId", ""))
        answer = perform(_inner(one, given, request))
        content = json.loads(answer.body) if answer.body else None
        given[name] = content
        results.append(
            {
                "body": content,
                "httpHeaders": {key: answer.headers[key] for key in ("Location",) if key in answer.headers},
                "httpStatusCode": answer.status,
                "referenceId": name,
            }
        )
        if answer.status >= 400 and body.get("allOrNone") is True:
            results += [_halted(str(later.get("referenceId", ""))) for later in asked[len(results) :]]
            break
    return Answer(body=encode({"compositeResponse": results}))


def _inner(one: Mapping[str, Any], given: Mapping[str, Any], outer: Request) -> Request:
    url = _filled(str(one.get("url", "")), given)
    path, _, query = url.partition("?")
    content = one.get("body")
    body = b"" if content is None else _filled(json.dumps(content), given).encode()
    return Request(
        method=str(one.get("method", "GET")).upper(),
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=outer.headers,
        body=body,
        base_url=outer.base_url,
    )


def _filled(text: str, given: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = given
        for step in match[1].split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if found is None:
            raise refuse(400, "PROCESSING_HALTED", f"Invalid reference specified. No value for {match[1]} found")
        return str(found)

    return _REFERENCE.sub(value, text)


def _id(given: object) -> str:
    full = expand(given)
    if full is None:
        raise refuse(400, "MALFORMED_ID", f"malformed id {given}", "Id")
    return full


def _done(record_id: str) -> dict[str, Any]:
    return {"id": record_id, "success": True, "errors": []}


def _rolled_back(result: Mapping[str, Any]) -> dict[str, Any]:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone"
    fault = Fault(code="ALL_OR_NONE_OPERATION_ROLLED_BACK", message=message)
    return item_of(ApiFault(400, fault), result.get("id"))


def _halted(name: str) -> dict[str, Any]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    error = {"errorCode": "PROCESSING_HALTED", "message": message}
    return {"body": [error], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name}


def _check_runs(records: Sequence[Mapping[str, Any]]) -> None:
    runs, last = 0, None
    for record in records:
        attributes = record.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        runs, last = runs + (name != last), name
    if runs > _MOST_RUNS:
        message = f"records of one type must stand together: at most {_MOST_RUNS} runs"
        raise refuse(400, "TOO_MANY_RUNS", message)
