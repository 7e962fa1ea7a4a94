"""The description of a service, from the tables."""

from __future__ import annotations

import re
from functools import cache

from syncnb.metadata import Json
from syncnb.service.openapi.operations import Answer, Content, Operation
from syncnb.service.openapi.schemas import NAME, PATH_PARAMETERS, SCHEMAS
from syncnb.service.openapi.tables import operations
from syncnb.version import __version__

_GENERAL = {
    403: Answer("Not authenticated, or not allowed: there is no 401 in this protocol."),
    429: Answer("Too many calls of this caller: try again later."),
    503: Answer("The service starts or stops, or its database does not answer: try again later."),
}
_HEADERS: dict[str, Json] = {
    "ETag": "A tag of what is answered, for `If-None-Match`.",
    "Preference-Applied": "`wait=N`, if the service was asked to wait.",
    "Content-Range": "The bytes that these are, and the size of all.",
    "Mms-Upload-Owner": "The process that took a chunk.",
}
_TAGS = {
    "objects": "Objects and their data.",
    "destinations": "Which nodes there are, and which of them get an object.",
    "policies": "For programs that place objects by their policy.",
    "lists": "Lists of an organisation.",
    "webhooks": "Calls when an object has arrived.",
    "access": "Access control lists.",
    "organizations": "Organisations.",
    "service": "The service itself.",
    "link": "What edge nodes call on their CSS.",
}


@cache
def description(*, is_css: bool) -> dict[str, Json]:
    """The description of a CSS, or of an ESS, in the form of OpenAPI 3.1."""
    listed = operations(is_css=is_css)
    paths: dict[str, dict[str, Json]] = {}
    for one in listed:
        path = one.template(is_css=is_css)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, path)
    tags = {one.tag for one in listed}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"syncnb {'Cloud' if is_css else 'Edge'} Sync Service",
            "version": __version__,
            "description": (
                "Moves objects between a cloud and a fleet of edge nodes. Members of JSON match in "
                "any case and unknown ones are ignored; errors are a line of English, or empty."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}],
        "tags": [{"name": n, "description": what} for n, what in _TAGS.items() if n in tags],
        "paths": paths,
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": SCHEMAS,
        },
    }


def _operation(one: Operation, path: str) -> dict[str, Json]:
    described: dict[str, Json] = {
        "operationId": one.name,
        "summary": one.what,
        "description": " ".join(text for text in (one.more, f"See {one.section}.") if text),
        "tags": [one.tag],
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": PATH_PARAMETERS.get(name, NAME),
            }
            for name in re.findall(r"{(\w+)}", path)
        ]
        + [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.name == "X-Sync-Service-Dest",
                "description": parameter.what,
                "schema": parameter.schema,
            }
            for parameter in one.parameters
        ],
    }
    if one.body is not None:
        described["requestBody"] = {
            "required": one.body.media_type == "application/json",
            "content": _content(one.body, sent=True),
        }
    if one.public:
        described["security"] = []
    answers = one.answers if one.public else {**_GENERAL, **one.answers}
    described["responses"] = {str(status): _answer(answers[status]) for status in sorted(answers)}
    return described


def _answer(answer: Answer) -> dict[str, Json]:
    described: dict[str, Json] = {"description": answer.what}
    if answer.content is not None:
        described["content"] = {
            media_type: body
            for content in (answer.content, *answer.others)
            for media_type, body in _content(content, sent=False).items()
        }
    if answer.headers:
        described["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}}
            for name in answer.headers
        }
    return described


def _content(content: Content, *, sent: bool) -> dict[str, Json]:
    schema = content.schema
    if isinstance(schema, str):
        if sent and schema == "ObjectMetaData":
            schema = "ObjectMetaDataSent"
        schema = {"$ref": f"#/components/schemas/{schema}"}
    return {content.media_type: {"schema": schema} if schema else {}}
