"""What the client lets through, the service takes: its check knows every rule that needs no service."""

from __future__ import annotations

import base64
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from syncnb import ObjectMetaData
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import (
    AclEntry,
    DestinationPolicy,
    PolicyProperty,
    PolicyService,
    check_name,
    check_node,
    check_stored_name,
)
from syncnb.service.lifecycle import Refused
from syncnb.service.lifecycle.policies import parse_range
from syncnb.service.lifecycle.sending import parse_node
from syncnb.service.validation import validate
from syncnb.service.wire import Malformed, decode_meta, is_link_name, is_name

# Values that are right, nearly right and wrong, so that both sides of each rule are met.
TEXT = st.one_of(
    st.sampled_from(["a <b> c", "</p>"]),
    st.text(max_size=8),
    st.text("ab<>/.-_ \ud800\0", max_size=8),
)
NAME = st.one_of(st.sampled_from(["", "model", "v1.2", "a..b", ".", "a b", "é"]), TEXT)
SOME_NAME = st.sampled_from([st.just("a")] * 9 + [NAME]).flatmap(lambda names: names)
DATA = st.sampled_from([None, b"", b"x"])
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.binary())
TIME = st.one_of(
    st.none(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])),
    st.integers(-5, 5).map(lambda s: datetime.now(UTC) + timedelta(hours=s)),
)
NODE = st.one_of(st.sampled_from(["edge:n1", "edge:", "a:b:c", "a:<b>"]), TEXT)
URI = st.one_of(st.sampled_from(["", "file:///a", "file://h/a", "/a", "file:///", "x:["]), TEXT)
BASE64 = st.one_of(st.sampled_from(["", "QUJD", "QQ==", "QQ", "Q-_="]), TEXT)
VERSION = st.one_of(
    st.sampled_from(
        ["1", "1.2.3", "01", "[1,2)", "[1, INFINITY]", "[1,2", "(INFINITY,2)", "1.2.3.4"]
    ),
    st.from_regex(r"[\[(]?[0-9.]{0,5},?[0-9.]{0,5}[\])]?", fullmatch=True),
)
POLICY = st.one_of(
    st.none(),
    st.builds(
        DestinationPolicy,
        properties=st.lists(st.builds(PolicyProperty, SOME_NAME, ANYTHING, TEXT), max_size=1),
        constraints=st.lists(TEXT, max_size=1),
        services=st.lists(st.builds(PolicyService, SOME_NAME, SOME_NAME, VERSION), max_size=2),
    ),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "dest_id": NAME,
    "dest_type": NAME,
    "destinations_list": st.one_of(st.none(), st.lists(NODE, max_size=2)),
    "destination_policy": POLICY,
    "expiration": TIME,
    "version": NAME,
    "description": TEXT,
    "link": TEXT,
    "inactive": st.booleans(),
    "activation_time": TIME,
    "no_data": st.booleans(),
    "meta_only": st.booleans(),
    "destination_data_uri": URI,
    "source_data_uri": URI,
    "consumers": st.one_of(st.integers(-3, 3), st.integers()),
    "auto_delete": st.booleans(),
    "origin_id": NAME,
    "origin_type": NAME,
    "deleted": st.booleans(),
    "instance_id": st.integers(),
    "hash_algorithm": st.one_of(st.sampled_from(["", "SHA1", "SHA256", "sha1"]), TEXT),
    "public_key": BASE64,
    "signature": BASE64,
    "public": st.booleans(),
}
# Few at a time: of many, one would nearly always be refused, and hide what the others do.
SOME_FIELDS = st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
)


@settings(max_examples=1500, deadline=None)
@given(SOME_NAME, SOME_NAME, SOME_FIELDS, DATA, st.booleans())
def test_service_takes_what_the_client_lets_through(
    object_type: str, object_id: str, more: dict[str, Any], data: bytes | None, cloud: bool
) -> None:
    """For all rules of rest-api.md, 6, in the words of the embedded service."""
    try:
        meta = ObjectMetaData(object_type=object_type, object_id=object_id, **more)
        meta.check(cloud=cloud, data=data)
    except InvalidMetaDataError as error:
        str(error).encode()  # it can be printed
        return
    try:
        validate(
            decode_meta(meta.to_json()),
            object_type=object_type,
            object_id=object_id,
            has_data=data is not None,
            data_is_empty=not data,
            is_css=cloud,
            now=time.time(),
        )
    except (Refused, Malformed) as refusal:
        pytest.fail(f"the service refuses {meta.to_json()}: {refusal}")
    assert is_link_name(object_type)
    assert is_link_name(object_id)


@given(st.sampled_from([f.name for f in fields(ObjectMetaData)]), ANYTHING)
def test_value_of_a_wrong_type_is_refused_and_never_an_accident(name: str, value: object) -> None:
    """Whatever stands in a field, the error is ours or there is none."""
    given_fields: dict[str, Any] = {"object_type": "t", "object_id": "a", name: value}
    named = {name}
    try:
        ObjectMetaData(**given_fields).check().to_json()
    except InvalidMetaDataError as error:
        named.add(error.field)
    assert named == {name}


@given(TEXT)
def test_names_are_those_that_both_sides_take(text: str) -> None:
    """Those of objects travel on the link, those of access lists do not."""
    assert passes(check_name, text) == (is_name(text) and is_link_name(text))
    assert passes(check_stored_name, text) == is_name(text)


@given(NODE)
def test_nodes_are_those_that_the_service_can_read(text: str) -> None:
    """As ``type:id``."""
    if passes(check_node, text):
        parse_node(text)
        assert all(map(is_link_name, text.split(":")))


@given(VERSION)
def test_versions_are_those_that_the_service_can_read(text: str) -> None:
    """A range of them, or the first one (rest-api.md, 2.7)."""
    policy = DestinationPolicy(services=[PolicyService("o", "s", text)])
    taken = True
    try:
        policy.check()
    except InvalidMetaDataError:
        taken = False
    assert taken == (parse_range(text) is not None)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_entry_of_an_access_list_is_right_or_refused(
    username: Any, role: Any, user_type: Any
) -> None:
    """Never an accident."""
    try:
        entry = AclEntry(username, role, user_type).check(needs_role=True)
    except InvalidMetaDataError:
        return
    assert entry.role in ("aclReader", "aclWriter")


def passes(check: Any, text: str) -> bool:
    """Whether a check of names lets it through."""
    try:
        check("name", text)
    except InvalidMetaDataError:
        return False
    return True


def signed(key: bytes) -> dict[str, str]:
    """Fields with a signature of this key."""
    return {
        "hash_algorithm": "SHA256",
        "signature": "QUJD",
        "public_key": base64.b64encode(key).decode(),
    }


RSA = rsa.generate_private_key(65537, 2048).public_key()
EC = ec.generate_private_key(ec.SECP256R1()).public_key()
BASE = {"object_type": "t", "object_id": "a"}


def test_rsa_key_is_taken_as_services_read_it() -> None:
    """Base64 of the DER form of a SubjectPublicKeyInfo (rest-api.md, 7)."""
    key = RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ObjectMetaData(**BASE, **signed(key)).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(EC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), id="ec"),
        pytest.param(RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), id="pem"),
        pytest.param(RSA.public_bytes(Encoding.DER, PublicFormat.PKCS1), id="pkcs1"),
        pytest.param(
            RSA.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)[:-1], id="cut"
        ),
    ],
)
def test_other_key_is_refused(key: bytes) -> None:
    """Some services crash on it, and leave the object locked (13, D7)."""
    with pytest.raises(InvalidMetaDataError, match="RSA key"):
        ObjectMetaData(**BASE, **signed(key)).check()  # type: ignore[arg-type]
    alone = signed(key) | {"signature": ""}
    ObjectMetaData(**BASE, **alone).check()  # type: ignore[arg-type]
