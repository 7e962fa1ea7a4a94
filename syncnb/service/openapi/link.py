"""What nodes call on a CSS: ``/spi/v1`` (sync-http.md)."""

from __future__ import annotations

from syncnb.service.openapi.operations import (
    BAD,
    BYTES,
    CSS,
    DONE,
    FULL,
    JSON,
    LARGE,
    WAIT,
    Answer,
    Content,
    Operation,
    Parameter,
    array,
    flag,
    header,
)

_NODE = Parameter(
    "X-Sync-Service-Dest",
    "`{orgID}/{destinationType}/{destinationID}` of the calling node.",
    {"type": "string", "pattern": r"^[^/]+/[^/]+/[^/]+$"},
    "header",
)
_UNKNOWN_NODE = {424: Answer("The node is not registered.")}
_IGNORED = {409: Answer("It does not fit: another instance, or a later state. Do not ask again.")}
_CALL = "/spi/v1/objects/{orgID}/{objectType}/{objectID}/{instanceID}/{dataID}"


def _registration(name: str, what: str, *, unknown: bool) -> Operation:
    return Operation(
        name=name.replace("-n", "N") + "Node",
        method="PUT",
        path=f"/spi/v1/{name}/{{orgID}}/{{destType}}/{{destID}}",
        what=what,
        section="3",
        tag="link",
        roles=(CSS,),
        parameters=(
            _NODE,
            flag("persistent-storage", "Whether the node keeps its records over a restart."),
        ),
        answers={
            **DONE,
            **BAD,
            **FULL,
            **({404: Answer("The node is unknown: register as new.")} if unknown else {}),
        },
    )


def _call(name: str, path: str, what: str, section: str, schema: str | None = None) -> Operation:
    return Operation(
        name=name,
        method="PUT",
        path=f"{_CALL}/{path}",
        what=what,
        section=section,
        tag="link",
        roles=(CSS,),
        parameters=(_NODE,),
        body=None if schema is None else Content(JSON, schema),
        answers={**DONE, **BAD, **_IGNORED, **LARGE, **_UNKNOWN_NODE, **FULL},
    )


LINK = (
    _registration("register", "A known node is back", unknown=True),
    _registration("register-new", "A node is new, or was forgotten", unknown=False),
    _registration("ping", "A node is alive", unknown=True),
    _registration("unregister", "Forget a node", unknown=False),
    Operation(
        name="poll",
        method="GET",
        path="/spi/v1/objects/",
        what="List what is pending for the calling node",
        section="4",
        tag="link",
        roles=(CSS,),
        parameters=(_NODE, *WAIT),
        answers={
            200: Answer("Pending items.", array("PollItem"), ("ETag", "Preference-Applied")),
            204: Answer("Nothing is pending.", headers=("Preference-Applied",)),
            304: Answer("It is still what `If-None-Match` names.", headers=("ETag",)),
            **_UNKNOWN_NODE,
        },
    ),
    Operation(
        name="resendToNode",
        method="PUT",
        path="/spi/v1/objects/{orgID}/resend",
        what="Announce everything to the calling node again",
        section="5, 6.3",
        tag="link",
        roles=(CSS,),
        parameters=(_NODE,),
        answers={**DONE, **_UNKNOWN_NODE, **FULL},
    ),
    _call("reportOnObject", "{report}", "Report how far an instance got at the node", "5, 6.2"),
    _call("sendUpdate", "update", "Send the metadata of a node's object", "8", "ObjectMetaData"),
    _call("sendDelete", "delete", "A node's object was deleted there", "8", "ObjectMetaData"),
    _call("sendDeleted", "deleted", "A deletion was confirmed", "7", "ObjectMetaData"),
    _call("sendFeedback", "feedback", "An object cannot be processed", "5.2", "Feedback"),
    Operation(
        name="fetchData",
        method="GET",
        path=f"{_CALL}/data",
        what="Fetch the data of an instance, or a range of them",
        section="9.1, 9.2",
        tag="link",
        roles=(CSS,),
        parameters=(_NODE, header("Range", "One range.", r"^bytes=\d{1,9}-\d{0,9}$")),
        answers={
            200: Answer("All data.", Content(BYTES, {})),
            206: Answer("The range.", Content(BYTES, {}), ("Content-Range",)),
            404: Answer("The object has no data."),
            416: Answer("The range lies outside the data.", headers=("Content-Range",)),
            **BAD,
            **_IGNORED,
        },
    ),
    Operation(
        name="sendData",
        method="PUT",
        path=f"{_CALL}/data",
        what="Send the data of a node's object, as a whole or in chunks",
        section="9.1, 9.3",
        tag="link",
        roles=(CSS,),
        parameters=(
            _NODE,
            header("Content-Range", "The bytes of a chunk.", r"^bytes \d{1,6}-\d{1,6}/\d{1,6}$"),
        ),
        body=Content(BYTES, {}),
        answers={**DONE, **BAD, **_IGNORED, **LARGE, **_UNKNOWN_NODE, **FULL},
    ),
)
