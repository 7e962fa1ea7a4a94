"""What services refuse in an object update (rest-api.md, 6), refused before it is sent."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.fields import OBJECT_FIELDS, is_json, is_of
from syncnb.metadata.keys import is_rsa_key
from syncnb.metadata.names import check_name, check_node
from syncnb.metadata.policies import DestinationPolicy

if TYPE_CHECKING:
    from syncnb.metadata.objects import ObjectMetaData

_TAG = re.compile(r"</?[A-Za-z0-9]+>")
_OF: Mapping[type, str] = {
    str: "write it as text",
    bool: "give True or False",
    int: "give a whole number of at most 64 bits",
}


def check_update(meta: ObjectMetaData, *, cloud: bool | None, data: bytes | None) -> None:
    """Refuse metadata that a service refuses, or that it could not deliver.

    Parameters
    ----------
    meta : ObjectMetaData
        To be sent.
    cloud : bool or None
        Whether they go to a CSS or to an ESS, if that is known.
    data : bytes or None
        Sent in the same call.

    Raises
    ------
    InvalidMetaDataError
        The first rule that is broken, in the order of rest-api.md, 6.
    """
    check_name("object_id", meta.object_id)
    check_name("object_type", meta.object_type)
    _types(meta)
    _signature(meta)
    _times(meta, cloud)
    if meta.version:
        check_name("version", meta.version)
    if _TAG.search(meta.description):
        remedy = "leave out what looks like a tag, such as <b>"
        raise InvalidMetaDataError("description", meta.description, remedy)
    _data(meta, data)
    _addresses(meta, cloud)
    if meta.deleted:
        raise InvalidMetaDataError("deleted", True, "call delete_object to delete an object")
    _uris(meta, cloud, data)
    if meta.origin_type and meta.origin_id:
        check_name("origin_type", meta.origin_type)
        check_name("origin_id", meta.origin_id)
    if meta.dest_org_id:
        check_name("dest_org_id", meta.dest_org_id)


def _types(meta: ObjectMetaData) -> None:
    for name, _, default in OBJECT_FIELDS:
        value = getattr(meta, name)
        kind = type(default)
        if name not in ("expiration", "activation_time") and kind in _OF and not is_of(kind, value):
            raise InvalidMetaDataError(name, value, _OF[kind])
    if meta.consumers < -1:
        remedy = "give the number of applications, or -1 for an object that is never complete"
        raise InvalidMetaDataError("consumers", meta.consumers, remedy)
    unknown: object = meta.unknown
    if not isinstance(unknown, Mapping) or not is_json(dict(unknown)):
        raise InvalidMetaDataError("unknown", unknown, "give a mapping that JSON can hold")
    policy: object = meta.destination_policy
    if policy is not None and not isinstance(policy, DestinationPolicy):
        raise InvalidMetaDataError("destination_policy", policy, "give a DestinationPolicy")


def _signature(meta: ObjectMetaData) -> None:
    if meta.hash_algorithm not in ("", "SHA1", "SHA256"):
        raise InvalidMetaDataError("hash_algorithm", meta.hash_algorithm, "give SHA256 or SHA1")
    key = _base64("public_key", meta.public_key)
    _base64("signature", meta.signature)
    if meta.hash_algorithm and meta.signature and key and not is_rsa_key(key):
        remedy = "give an RSA key: base64 of its DER SubjectPublicKeyInfo, neither PEM nor PKCS#1"
        raise InvalidMetaDataError("public_key", meta.public_key, remedy)


def _base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidMetaDataError(name, text, "write it as standard base64, padded") from None


def _times(meta: ObjectMetaData, cloud: bool | None) -> None:
    now = datetime.now(UTC)
    if meta.expiration is not None or "expiration" in meta.unknown:
        moment = meta.expiration or meta.unknown["expiration"]
        if cloud is False:
            raise InvalidMetaDataError(
                "expiration", moment, "leave it out: an edge node takes none, only a CSS does"
            )
        if meta.expiration is None or meta.expiration <= now:
            raise InvalidMetaDataError("expiration", moment, "give a time in the future")
    if meta.inactive and (meta.activation_time is not None or "activationTime" in meta.unknown):
        moment = meta.activation_time or meta.unknown["activationTime"]
        if meta.activation_time is None or meta.activation_time <= now:
            raise InvalidMetaDataError("activation_time", moment, "give a time in the future")


def _data(meta: ObjectMetaData, data: bytes | None) -> None:
    if data and meta.meta_only:
        raise InvalidMetaDataError(
            "meta_only", True, "send either metadata alone, or data with meta_only=False"
        )
    if data and meta.no_data:
        raise InvalidMetaDataError("no_data", True, "leave out the data, or no_data")


def _addresses(meta: ObjectMetaData, cloud: bool | None) -> None:
    listed, policy = meta.destinations_list, meta.destination_policy
    if meta.dest_id and not meta.dest_type:
        raise InvalidMetaDataError("dest_id", meta.dest_id, "give the dest_type as well")
    if listed is not None:
        _listed(meta, cloud)
    if policy is not None:
        if meta.dest_type:
            raise InvalidMetaDataError(
                "destination_policy", policy, "give either dest_type or destination_policy"
            )
        policy.check()
    for name in ("dest_type", "dest_id"):
        if getattr(meta, name):
            check_name(name, getattr(meta, name))
    if meta.auto_delete and listed is None and not meta.dest_id:
        raise InvalidMetaDataError(
            "auto_delete", True, "name the nodes, in destinations_list or as dest_type and dest_id"
        )


def _listed(meta: ObjectMetaData, cloud: bool | None) -> None:
    listed = meta.destinations_list
    if cloud is False:
        remedy = "leave it out: an edge node sends to its cloud and nowhere else"
    elif meta.dest_type:
        remedy = "give either dest_type or destinations_list"
    elif meta.destination_policy is not None:
        remedy = "give either destination_policy or destinations_list"
    elif not isinstance(listed, tuple):
        remedy = "give a list of texts"
    elif not listed:
        remedy = "name at least one node, since services take an empty list for all nodes"
    else:
        for entry in listed:
            check_node("destinations_list", entry)
        return
    raise InvalidMetaDataError("destinations_list", listed, remedy)


def _uris(meta: ObjectMetaData, cloud: bool | None, data: bytes | None) -> None:
    target, source = meta.destination_data_uri, meta.source_data_uri
    if target and cloud is False:
        remedy = "leave it out: only a CSS takes it, for its nodes"
        raise InvalidMetaDataError("destination_data_uri", target, remedy)
    if source and cloud:
        remedy = "leave it out: only an edge node takes it, for what lies on its machine"
        raise InvalidMetaDataError("source_data_uri", source, remedy)
    if source and data is not None:
        remedy = "give either the data or where they lie"
        raise InvalidMetaDataError("source_data_uri", source, remedy)
    for name, uri in (("destination_data_uri", target), ("source_data_uri", source)):
        if uri and not _is_file(uri):
            raise InvalidMetaDataError(name, uri, "write it as file:///absolute/path")


def _is_file(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as an unclosed bracket
        return False
    return uri.startswith("file:///") and parts.scheme == "file" and not parts.netloc
