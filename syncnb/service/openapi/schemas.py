"""The documents that travel, as JSON schemas (rest-api.md, 5; sync-http.md, 4 and 5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from syncnb.metadata import OBJECT_FIELDS, Json

Schema = dict[str, Json]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
_BOOLEAN: Schema = {"type": "boolean"}
_TYPES = {str: STRING, bool: _BOOLEAN, int: INTEGER}

_FIELDS = {
    "objectID": "Unique within its type.",
    "objectType": "What the object is.",
    "destinationOrgID": "Organisation; set by the service.",
    "destinationID": "One node; needs `destinationType`.",
    "destinationType": "All nodes of a type. Empty, with no list and no policy: every node.",
    "expiration": "CSS: the object goes then. RFC 3339.",
    "version": "Free for applications.",
    "description": "Free text without anything like a tag.",
    "link": "Where applications get the data themselves; they are not transferred then.",
    "inactive": "Do not deliver until it is activated.",
    "activationTime": "When it is activated by itself. RFC 3339.",
    "noData": "There are no data.",
    "metaOnly": "This update leaves the stored data alone.",
    "destinationDataUri": "`file:///path` where a node stores the data.",
    "sourceDataUri": "`file:///path` where a node reads the data.",
    "consumers": "Applications that have to mark it.",
    "autodelete": "CSS: delete it some time after the last node consumed it.",
    "originID": "Who sent it; set by the service.",
    "originType": "Who sent it; set by the service.",
    "deleted": "It was deleted; set by the service.",
    "instanceID": "Grows with every change; set by the service.",
    "dataID": "Instance of the data; set by the service.",
    "objectSize": "Bytes of data; set by the service.",
    "chunkSize": "Bytes of a transfer over the link; set by the service.",
    "uploadChunkSize": "Bytes of a chunk of the upload.",
    "hashAlgorithm": "`SHA1` or `SHA256`, with `publicKey` and `signature`.",
    "publicKey": "Base64 of the DER form of an RSA key.",
    "signature": "Base64 of the RSA-PSS signature of the data.",
    "public": "Every user of every organisation may read it.",
    "ownerID": "Who wrote it last; set by the service.",
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(members: Mapping[str, Schema], required: tuple[str, ...] | None = None) -> Schema:
    """An object whose members are all there, unless `required` says otherwise."""
    needed = list(members) if required is None else list(required)
    schema: Schema = {"type": "object", "properties": dict(members)}
    return schema | ({"required": needed} if needed else {})


def _texts(*names: str, optional: tuple[str, ...] = ()) -> Schema:
    return _object(dict.fromkeys((*names, *optional), STRING), names)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _meta_data() -> dict[str, Schema]:
    members: dict[str, Schema] = {}
    for _, name, default in OBJECT_FIELDS:
        if name == "destinationsList":
            members[name] = _or_null(_ref("DestinationNames"))
        elif name == "destinationPolicy":
            members[name] = _or_null(_ref("DestinationPolicy"))
        else:
            members[name] = _TYPES[type(default)] | {
                "default": default,
                "description": _FIELDS[name],
            }
    return members


_COLOUR: Schema = {"type": "string", "enum": ["green", "yellow", "red"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}
_ACL_ENTRY: dict[str, Schema] = {
    "Username": STRING,
    "ACLUserType": {"type": "string", "enum": ["user", "node"]},
    "ACLRole": {"type": "string", "enum": ["aclReader", "aclWriter", "na"]},
}
_ADD_OR_REMOVE: Schema = {"type": "string", "enum": ["add", "remove"]}

SCHEMAS: dict[str, Schema] = {
    "ObjectMetaData": _object(_meta_data()),
    "ObjectMetaDataSent": _object(_meta_data(), ("objectID", "objectType")),
    "ObjectUpdate": _object(
        {
            "meta": _ref("ObjectMetaDataSent"),
            "data": _or_null({"type": "string", "contentEncoding": "base64"}),
        },
        ("meta",),
    ),
    "DestinationNames": _list({"type": "string", "pattern": "^[^:<>]+:[^:<>]+$"}),
    "DestinationChange": _object(
        {"action": _ADD_OR_REMOVE, "destinations": _ref("DestinationNames")}
    ),
    "DestinationPolicy": _object(
        {
            "properties": _or_null(
                _list(_object({"name": STRING, "value": {}, "type": STRING}, ("name",)))
            ),
            "constraints": _or_null(_list(STRING)),
            "services": _or_null(_list(_texts("orgID", "arch", "serviceName", "version"))),
            "timestamp": INTEGER,
        },
        (),
    ),
    "Destination": _texts(
        "destinationOrgID",
        "destinationType",
        "destinationID",
        "communication",
        "codeVersion",
        "lastSeen",
    ),
    "DestinationStatus": _texts("destinationType", "destinationID", "status", "message"),
    "ObjectStatus": _texts("orgID", "objectType", "objectID", "status"),
    "ObjectStatusWord": {
        "type": "string",
        "enum": [
            "notReady",
            "verifying",
            "verificationFailed",
            "ready",
            "consumedByDest",
            "partiallyreceived",
            "receiverVerifying",
            "receiverVerificationFailed",
            "completelyReceived",
            "objreceived",
            "objconsumed",
            "objdeleted",
        ],
    },
    "ObjectDestinationPolicy": _object(
        {
            "orgID": STRING,
            "objectType": STRING,
            "objectID": STRING,
            "destinationPolicy": _ref("DestinationPolicy"),
            "destinations": _or_null(_list(_ref("DestinationStatus"))),
        },
        ("orgID", "objectType", "objectID", "destinations"),
    ),
    "Webhook": _object(
        {
            "action": {"type": "string", "enum": ["register", "delete"]},
            "url": {"type": "string", "pattern": "^https?://"},
        }
    ),
    "BriefObject": {
        "type": "array",
        "prefixItems": [STRING, INTEGER, INTEGER, STRING, STRING],
        "minItems": 5,
        "maxItems": 5,
    },
    "ObjectInstance": _object({"objectID": STRING, "instanceID": INTEGER}),
    "UnmarkedObject": _object({"objectID": STRING, "status": INTEGER}),
    "AclEntry": _object(_ACL_ENTRY),
    "AclChange": _object(
        {"action": _ADD_OR_REMOVE, "users": _list(_object(_ACL_ENTRY, ("Username", "ACLUserType")))}
    ),
    "Organization": _texts("org-id", "address"),
    "OrganizationUpdate": _texts("orgID", optional=("user", "password", "address")),
    "PollItem": _object(
        {
            "Type": {
                "type": "string",
                "enum": ["update", "consumed", "delete", "deleted", "received"],
            },
            "MetaData": _ref("ObjectMetaData"),
        }
    ),
    "Feedback": _object({"Code": INTEGER, "RetryInterval": INTEGER, "Reason": STRING}, ("Code",)),
    "Alive": _object({"status": {"const": "alive"}}),
    "Readiness": _object({"ready": _BOOLEAN, "reasons": _list(STRING)}),
    "Health": _object(
        {
            "general": _object(
                {
                    "nodeType": {"type": "string", "enum": ["CSS", "ESS"]},
                    "healthStatus": _COLOUR,
                    "upTime": _COUNT | {"description": "Seconds since the start."},
                }
            ),
            "dbHealth": _object(
                {
                    "dbStatus": _COLOUR,
                    "disconnectedFromDB": _BOOLEAN,
                    "lastDisconnectFromDBDuration": _COUNT | {"description": "Milliseconds."},
                    "dbReadFailures": _COUNT,
                    "dbWriteFailures": _COUNT,
                    "timeSinceLastReadWriteError": _COUNT | {"description": "Seconds."},
                },
                ("dbStatus", "disconnectedFromDB", "dbReadFailures", "dbWriteFailures"),
            ),
            "usage": _object(
                {"clientRequests": _COUNT, "registeredESS": _COUNT, "storedObjects": _COUNT},
                ("clientRequests",),
            ),
            "link": _object(
                {
                    "state": {
                        "type": "string",
                        "enum": ["connecting", "connected", "unreachable", "refused"],
                    },
                    "since": {"type": "string", "format": "date-time"},
                    "cssUrl": STRING,
                    "lastError": STRING,
                    "waitsFor": STRING | {"description": "What the node waits for, if it does."},
                    "outbox": _COUNTS | {"description": "Calls that the CSS has not taken yet."},
                    "downloads": _COUNT | {"description": "Downloads that are under way."},
                },
                ("state", "since", "cssUrl"),
            )
            | {"description": "On a node: how it stands with its CSS."},
        },
        ("general", "dbHealth"),
    ),
}

PATH_PARAMETERS: dict[str, Schema] = {
    "aclKind": {"type": "string", "enum": ["objects", "destinations"]},
    "aclUserType": {"type": "string", "enum": ["user", "node"]},
    "report": {
        "type": "string",
        "enum": [
            "updated",
            "received",
            "consumed",
            "ackDelete",
            "ackconsumed",
            "ackDeleted",
            "ackreceived",
        ],
    },
    "instanceID": INTEGER,
    "dataID": INTEGER,
}
NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^[^\s/\\:%&+=,;'\"()\[\]{}<>?]+$",
    "description": "Letters and numbers of any script, and `!@#$^*|-_.~` (rest-api.md, 1.5).",
}
