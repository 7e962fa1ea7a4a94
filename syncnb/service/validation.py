"""The rules that an object update has to keep, in the order of rest-api.md, 6."""

from __future__ import annotations

import base64
import binascii

from syncnb.metadata import Json
from syncnb.service.lifecycle import Refused
from syncnb.service.lifecycle.policies import parse_range
from syncnb.service.lifecycle.sending import parse_node
from syncnb.service.wire import has_tag, is_file_uri, is_name, parse_time


def validate(
    meta: dict[str, Json],
    *,
    object_type: str,
    object_id: str,
    has_data: bool,
    data_is_empty: bool,
    is_css: bool,
    now: float,
) -> None:
    """Refuse metadata that the protocol refuses.

    Raises
    ------
    Refused
        The first rule that is broken, in words.
    """
    for name, wanted in (("objectID", object_id), ("objectType", object_type)):
        _need(meta[name] != "", f"{name} is missing")
        _need(meta[name] == wanted, f"{name} {meta[name]!r} is not that of the URL")
    _need(
        meta["hashAlgorithm"] in ("", "SHA1", "SHA256"),
        "hashAlgorithm is neither SHA1 nor SHA256",
    )
    for name in ("publicKey", "signature"):
        _need(_is_base64(meta[name]), f"{name} is not base64")
    _expiration(meta, is_css, now)
    _need(not meta["version"] or is_name(meta["version"]), "version is not a valid name")
    _need(not has_tag(meta["description"]), "description holds something like a tag")
    _need(
        not (meta["metaOnly"] and has_data and not data_is_empty),
        "metaOnly excludes data",
    )
    _addresses(meta, is_css)
    if meta["inactive"] and meta["activationTime"]:
        moment = parse_time(meta["activationTime"])
        _need(
            moment is not None and moment.timestamp() > now,
            "activationTime is not an RFC 3339 time in the future",
        )
    _need(not meta["deleted"], "deleted can not be set: use DELETE")
    _uris(meta, has_data, is_css)
    if meta["originType"] and meta["originID"]:
        _need(
            is_name(meta["originType"]) and is_name(meta["originID"]),
            "the origin is no name",
        )
    _need(
        not meta["destinationOrgID"] or is_name(meta["destinationOrgID"]),
        "destinationOrgID is not a valid name",
    )


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(otherwise)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _expiration(meta: dict[str, Json], is_css: bool, now: float) -> None:
    if not meta["expiration"]:
        return
    _need(is_css, "an edge node takes no expiration")
    moment = parse_time(meta["expiration"])
    _need(moment is not None, "expiration is not an RFC 3339 time")
    _need(
        moment is not None and moment.timestamp() > now,
        "expiration is not in the future",
    )


def _addresses(meta: dict[str, Json], is_css: bool) -> None:
    listed, policy = meta["destinationsList"], meta["destinationPolicy"]
    dest_type, dest_id = meta["destinationType"], meta["destinationID"]
    _need(not dest_id or dest_type != "", "destinationID needs a destinationType")
    _need(listed is None or is_css, "an edge node takes no destinationsList")
    _need(listed is None or not dest_type, "destinationsList excludes destinationType")
    for entry in listed or ():
        _need("<" not in entry and ">" not in entry, "a destination holds < or >")
    if policy is not None:
        _need(not dest_type, "destinationPolicy excludes destinationType")
        _need(listed is None, "destinationPolicy excludes destinationsList")
        for entry in policy["properties"] or ():
            _need(entry["name"] != "", "a property of the policy has no name")
        for entry in policy["services"] or ():
            _need(all(entry.values()), "a service of the policy lacks a member")
            _need(
                parse_range(entry["version"]) is not None,
                f"{entry['version']!r} is not a version or a range of versions",
            )
    _need(not dest_type or is_name(dest_type), "destinationType is not a valid name")
    if meta["autodelete"]:
        _need(
            listed is not None or dest_id != "",
            "autodelete needs a destinationsList or a destinationID",
        )
    for entry in listed or ():
        parse_node(entry)


def _uris(meta: dict[str, Json], has_data: bool, is_css: bool) -> None:
    target, source = meta["destinationDataUri"], meta["sourceDataUri"]
    if target:
        _need(is_css, "an edge node takes no destinationDataUri")
        _need(is_file_uri(target), "destinationDataUri is not of the form file:///path")
    if source:
        _need(not is_css, "a cloud service takes no sourceDataUri")
        _need(not has_data, "sourceDataUri excludes data")
        _need(is_file_uri(source), "sourceDataUri is not of the form file:///path")
