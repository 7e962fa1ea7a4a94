"""What applications call: ``/api/v1`` (rest-api.md, 3 and 4)."""

from __future__ import annotations

from syncnb.metadata.bundles import MEDIA_TYPE
from syncnb.service.openapi.operations import (
    BAD,
    BYTES,
    CHANGED,
    CSS,
    DONE,
    ESS,
    FULL,
    IF,
    JSON,
    LARGE,
    NONE,
    WAIT,
    Answer,
    Content,
    Operation,
    array,
    flag,
    found,
    header,
    word,
)

_SERVICE = r"^[^/<>]+/[^/<>]+$"
_TYPE = "/api/v1/objects/{o}{objectType}"
_OBJECT = _TYPE + "/{objectID}"
_SIGNATURE = "the signature does not fit the data"
_ONLY_CSS = {400: Answer("Only a CSS has this.")}
_RECEIVED = flag("received", "Also list what was marked as received.")


def _mark(name: str, word: str, what: str, section: str) -> Operation:
    return Operation(
        name=name,
        method="PUT",
        path=f"{_OBJECT}/{word}",
        what=what,
        section=section,
        parameters=IF,
        answers={**DONE, **BAD, **CHANGED, **FULL},
    )


_OBJECTS = (
    Operation(
        name="getUpdatedObjects",
        method="GET",
        path=_TYPE,
        what="List the objects of a type that arrived and were not consumed yet",
        more=(
            "Completely received objects, and deleted ones until their deletion is confirmed. "
            "It is not a queue: the same object comes until it is marked."
        ),
        section="4.9, 4.10, 9.1",
        parameters=(
            _RECEIVED,
            flag("all_objects", "List every object of the type, in the short form, instead."),
            flag(
                "brief",
                "List ID, instance, size, origin's type and ID of each object that has arrived "
                "completely, 10,000 at a time by ID.",
            ),
            flag(
                "bundle",
                "Give metadata and small data of those instead, as much as fits: frames of two "
                "lengths (4 and 8 bytes, big-endian), metadata as JSON, and data. A second length "
                "of all ones means that the data are to be fetched on their own. A first length "
                "of 0 is the end, and the second one then says whether nothing was left out.",
            ),
            word("after", "With `brief` and `bundle`: only IDs behind this one."),
            word("last", "With `brief` and `bundle`: only IDs up to this one."),
            *WAIT,
        ),
        answers={
            200: Answer(
                "Objects, or with `all_objects` their short forms.",
                Content(
                    JSON,
                    {
                        "anyOf": [
                            array("ObjectMetaData").schema,
                            array("ObjectDestinationPolicy").schema,
                            array("BriefObject").schema,
                        ]
                    },
                ),
                ("ETag", "Preference-Applied"),
                (Content(MEDIA_TYPE, {"type": "string", "format": "binary"}),),
            ),
            304: found("", "ObjectMetaData")[304],
            **BAD,
            **NONE,
        },
    ),
    Operation(
        name="registerWebhook",
        method="PUT",
        path=_TYPE,
        what="Call a URL when an object of the type has arrived, or no more",
        more=(
            "With `mark=consumed` the body is a list of at most 1,000 instances instead: they are "
            "marked as consumed in one transaction. The answer lists those that were not, with the "
            "status that a call for each of them would have had."
        ),
        section="4.11, 4.19, 9.2",
        tag="webhooks",
        parameters=(word("mark", "How listed instances are marked.", enum=["consumed"]),),
        body=Content(
            JSON,
            {"anyOf": [{"$ref": "#/components/schemas/Webhook"}, array("ObjectInstance").schema]},
        ),
        answers={
            200: Answer("What was not marked.", array("UnmarkedObject")),
            **DONE,
            **BAD,
            **LARGE,
            **FULL,
        },
    ),
    Operation(
        name="getObjectMetadata",
        method="GET",
        path=_OBJECT,
        what="Get the metadata of an object",
        section="4.12",
        answers={
            200: Answer("The metadata.", Content(JSON, "ObjectMetaData")),
            **BAD,
            **NONE,
        },
    ),
    Operation(
        name="updateObject",
        method="PUT",
        path=_OBJECT,
        what="Create or update an object, with its data or without",
        more=(
            "A full update replaces all metadata, and without `data` (or `metaOnly`, `noData`, "
            "`link`) the stored data go. `objectID` and `objectType` are those of the URL. With "
            "`data=SIZE` the body is so many bytes of data, and behind them this JSON without "
            "`data`; both are stored in one transaction, or neither."
        ),
        section="4.13, 6",
        parameters=(
            *IF,
            word("data", "How many bytes of data come first.", pattern=r"^[0-9]{1,18}$"),
        ),
        body=Content(JSON, "ObjectUpdate"),
        answers={
            204: Answer("Stored.", headers=("ETag",)),
            **CHANGED,
            **BAD,
            **LARGE,
            **FULL,
            500: Answer(f"Not stored: {_SIGNATURE}."),
        },
    ),
    Operation(
        name="deleteObject",
        method="DELETE",
        path=_OBJECT,
        what="Delete an object, here and on its nodes",
        section="4.14",
        answers={**DONE, **BAD, **NONE, **FULL},
    ),
    Operation(
        name="getObjectStatus",
        method="GET",
        path=f"{_OBJECT}/status",
        what="Get the status of an object",
        section="4.15, 8.1",
        answers={
            200: Answer("One word.", Content("plain/text", "ObjectStatusWord")),
            **BAD,
            **NONE,
        },
    ),
    Operation(
        name="fetchObjectData",
        method="GET",
        path=f"{_OBJECT}/data",
        what="Get the data of an object, or a range of them",
        section="4.16",
        parameters=(
            header("Range", "One range (RFC 9110, 14).", r"^bytes=\d{1,9}-\d{0,9}$"),
            header("If-Range", "Give the range of this version only, else all.", r'^"\d{1,19}"$'),
            header("If-None-Match", "The `ETag` of what is known already.", r'^"\d{1,19}"$'),
        ),
        answers={
            200: Answer("All data.", Content(BYTES, {}), ("ETag",)),
            206: Answer("The range.", Content(BYTES, {}), ("ETag", "Content-Range")),
            304: Answer("They are still what `If-None-Match` names.", headers=("ETag",)),
            416: Answer("The range lies outside the data.", headers=("Content-Range",)),
            **BAD,
            **NONE,
        },
    ),
    Operation(
        name="updateObjectData",
        method="PUT",
        path=f"{_OBJECT}/data",
        what="Store the data of an object, as a whole or in chunks in any order",
        section="4.17",
        parameters=(
            *IF,
            header(
                "Content-Range",
                "The bytes that this chunk holds; the data are complete once all have arrived.",
                r"^bytes \d{1,6}-\d{1,6}/\d{1,6}$",
            ),
        ),
        body=Content(BYTES, {}),
        answers={
            204: Answer("Stored.", headers=("ETag", "Mms-Upload-Owner")),
            **CHANGED,
            409: Answer("The object changed while the chunk arrived."),
            500: Answer(f"Not stored: {_SIGNATURE}."),
            **BAD,
            **NONE,
            **LARGE,
            **FULL,
        },
    ),
    _mark("markObjectReceived", "received", "Mark an object as received", "4.18, 8.3"),
    _mark("markObjectConsumed", "consumed", "Mark an object as consumed", "4.19, 8.3"),
    _mark("markObjectDeleted", "deleted", "Confirm the deletion of an object", "4.20, 8.3"),
    _mark("activateObject", "activate", "Deliver an object that was inactive", "4.21"),
    Operation(
        name="markPolicyReceived",
        method="PUT",
        path=f"{_OBJECT}/policyreceived",
        what="Mark the policy of an object as received",
        section="4.22",
        tag="policies",
        roles=(CSS,),
        answers={**DONE, **BAD, **NONE, **FULL},
    ),
    Operation(
        name="markPolicyReceived",
        method="PUT",
        path=f"{_OBJECT}/policyreceived",
        what="Always refused: a node does not place objects",
        section="4.22",
        tag="policies",
        roles=(ESS,),
        answers={400: Answer("Only a CSS places objects.")},
    ),
)

_DESTINATIONS = (
    Operation(
        name="getObjectDestinations",
        method="GET",
        path=f"{_OBJECT}/destinations",
        what="List the nodes that get an object, and how far it got there",
        section="4.23, 8.5",
        tag="destinations",
        roles=(CSS,),
        parameters=WAIT,
        answers={**found("One entry a node.", "DestinationStatus"), **BAD, **NONE},
    ),
    Operation(
        name="getObjectDestinations",
        method="GET",
        path=f"{_OBJECT}/destinations",
        what="Always empty: the destination of a node's objects is its CSS",
        section="4.23",
        tag="destinations",
        roles=(ESS,),
        answers={**BAD, **NONE},
    ),
    Operation(
        name="replaceObjectDestinations",
        method="PUT",
        path=f"{_OBJECT}/destinations",
        what="Replace the nodes that get an object",
        section="4.24",
        tag="destinations",
        body=Content(JSON, "DestinationNames"),
        answers={**DONE, **BAD, **NONE, **LARGE, **FULL},
    ),
    Operation(
        name="changeObjectDestinations",
        method="POST",
        path=f"{_OBJECT}/destinations",
        what="Add nodes that get an object, or remove some",
        section="4.25",
        tag="destinations",
        body=Content(JSON, "DestinationChange"),
        answers={**DONE, **BAD, **NONE, **LARGE, **FULL},
    ),
    Operation(
        name="getDestinations",
        method="GET",
        path="/api/v1/destinations/{orgID}",
        what="List the registered nodes of an organisation",
        section="4.4",
        tag="destinations",
        roles=(CSS,),
        parameters=(
            flag("seen", "Say of each node when it last gave a sign of life, as `lastSeen`."),
            *WAIT,
        ),
        answers={**found("One entry a node.", "Destination"), **BAD, **NONE},
    ),
    Operation(
        name="getDestinationObjects",
        method="GET",
        path="/api/v1/destinations/{orgID}/{destType}/{destID}/objects",
        what="List what is at a node or on its way there",
        section="4.5",
        tag="destinations",
        roles=(CSS,),
        answers={200: Answer("One entry an object.", array("ObjectStatus")), **BAD, **NONE},
    ),
)

_LISTS = (
    Operation(
        name="listObjects",
        method="GET",
        path="/api/v1/objects/{orgID}",
        what="List objects with a policy, objects that fit filters, or object types",
        more="Exactly one of the three switches has to be true; the first one present counts.",
        section="4.6, 4.7, 4.8",
        tag="lists",
        roles=(CSS,),
        parameters=(
            flag("destination_policy", "List objects with a destination policy."),
            flag("filters", "List the metadata of objects that fit all filters."),
            flag("list_object_type", "List the object types."),
            _RECEIVED,
            word("service", "Policies that name this service, `orgID/name`.", pattern=_SERVICE),
            word(
                "since",
                "Policies stored since: nanoseconds since the epoch, or RFC 3339 with `filters`.",
            ),
            flag("destinationPolicy", "Filter: with a policy, or without."),
            word("dpService", "Filter: a service of the policy, `orgID/name`.", pattern=_SERVICE),
            word("dpPropertyName", "Filter: a property of the policy."),
            word("objectType", "Filter."),
            word("objectID", "Filter, together with `objectType`."),
            word("destinationType", "Filter.", pattern=r"^[^<>]*$"),
            word("destinationID", "Filter, together with `destinationType`."),
            flag("noData", "Filter."),
            word("expirationTimeBefore", "Filter: RFC 3339.", format="date-time"),
            flag("deleted", "Filter."),
        ),
        answers={
            200: Answer(
                "What the switch asks for; empty if something fits and nothing is readable.",
                Content(
                    JSON,
                    {
                        "anyOf": [
                            array("ObjectDestinationPolicy").schema,
                            array("ObjectMetaData").schema,
                            {"type": "array", "items": {"type": "string"}},
                        ]
                    },
                ),
            ),
            **BAD,
            **NONE,
        },
    ),
)

_SECURITY = "/api/v1/security/{aclKind}/{orgID}"
_ACLS = (
    Operation(
        name="getACL",
        method="GET",
        path=_SECURITY,
        what="Read an access control list, or the keys that have one",
        section="4.29",
        tag="access",
        roles=(CSS,),
        parameters=(
            flag("all_keys", "List the keys; the other parameters are ignored."),
            word("key", "Object or destination type; empty or `*` for the whole organisation."),
            word("acl_usertype", "Only entries of this kind.", enum=["user", "node"]),
        ),
        answers={
            200: Answer(
                "Entries, or keys.",
                Content(
                    JSON,
                    {
                        "anyOf": [
                            array("AclEntry").schema,
                            {"type": "array", "items": {"type": "string"}},
                        ]
                    },
                ),
            ),
            **BAD,
            **NONE,
        },
    ),
    *(
        Operation(
            name=name,
            method="PUT",
            path=path,
            what=what,
            section="4.30",
            tag="access",
            roles=(CSS,),
            body=Content(JSON, "AclChange"),
            answers={**DONE, **BAD, **LARGE, **FULL},
        )
        for name, path, what in (
            ("changeOrganizationACL", _SECURITY, "Change the list of a whole organisation"),
            ("changeACL", _SECURITY + "/{key}", "Change the list of a type"),
        )
    ),
    Operation(
        name="removeFromACL",
        method="DELETE",
        path=_SECURITY + "/{key}/{aclUserType}/{username}",
        what="Remove one entry of an access control list",
        section="4.31",
        tag="access",
        roles=(CSS,),
        answers={**DONE, **BAD, **FULL},
    ),
)

_ORGANIZATIONS = (
    Operation(
        name="listOrganizations",
        method="GET",
        path="/api/v1/organizations",
        what="List the registered organisations that the caller may see",
        section="4.26",
        tag="organizations",
        roles=(CSS,),
        answers={200: Answer("One entry each.", array("Organization")), **BAD, **NONE},
    ),
    Operation(
        name="registerOrganization",
        method="PUT",
        path="/api/v1/organizations/{orgID}",
        what="Register an organisation",
        section="4.27",
        tag="organizations",
        roles=(CSS,),
        body=Content(JSON, "OrganizationUpdate"),
        answers={**DONE, **BAD, **LARGE, **FULL},
    ),
    Operation(
        name="deleteOrganization",
        method="DELETE",
        path="/api/v1/organizations/{orgID}",
        what="Delete an organisation with all its objects, nodes and lists",
        section="4.28",
        tag="organizations",
        roles=(CSS,),
        answers={**DONE, **BAD, **FULL},
    ),
    *(
        Operation(
            name=name,
            method=method,
            path=path,
            what="Always refused: a node belongs to one organisation",
            section=section,
            tag="organizations",
            roles=(ESS,),
            answers=_ONLY_CSS,
        )
        for name, method, path, section in (
            ("listOrganizations", "GET", "/api/v1/organizations", "4.26"),
            ("registerOrganization", "PUT", "/api/v1/organizations/{orgID}", "4.27"),
            ("deleteOrganization", "DELETE", "/api/v1/organizations/{orgID}", "4.28"),
        )
    ),
)

_SERVICE_ITSELF = (
    Operation(
        name="getHealth",
        method="GET",
        path="/api/v1/health",
        what="Get the health of the service",
        more="Any other method does the same.",
        section="4.1",
        tag="service",
        parameters=(flag("details", "Also count what is stored."),),
        answers={200: Answer("The report.", Content(JSON, "Health")), **BAD},
    ),
    Operation(
        name="shutdown",
        method="POST",
        path="/api/v1/shutdown",
        what="Stop the service, or start it again; only for a syncAdmin",
        section="4.2",
        tag="service",
        parameters=(
            word("restart", "`true` or `yes`: start again."),
            word("quiesce", "Seconds that requests under way have; 3 if it is not a number."),
            word("essunregister", "ESS: whether to unregister from the CSS."),
        ),
        answers={**DONE, **BAD},
    ),
    Operation(
        name="resend",
        method="POST",
        path="/api/v1/resend",
        what="Ask the CSS to send everything to this node again",
        section="4.3",
        tag="service",
        roles=(ESS,),
        answers={**DONE, **BAD, **FULL},
    ),
    Operation(
        name="resend",
        method="POST",
        path="/api/v1/resend",
        what="Always refused: nothing is sent to a CSS again",
        section="4.3",
        tag="service",
        roles=(CSS,),
        answers={400: Answer("Only a node can ask for this.")},
    ),
)

APPLICATION = (*_OBJECTS, *_DESTINATIONS, *_LISTS, *_ACLS, *_ORGANIZATIONS, *_SERVICE_ITSELF)
