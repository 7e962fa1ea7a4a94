"""A sealed manifest is the one that was signed, to the last character."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import Manifest, ObjectMetaData
from syncnb.errors import InvalidManifestError, InvalidMetaDataError, SignatureError
from syncnb.service.signatures import fits
from syncnb.signing import PublicKey, is_sealed, seal, triple, unseal

from .conftest import Keys, key

GOOD: dict[str, Any] = {"format": "file", "codec": "file/1", "sha256": "0" * 64, "size": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["proof", "key", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def public(name: str) -> PublicKey:
    return PublicKey(key(name).public_key)


@given(
    st.text(max_size=60) | st.just('","proof":{"key":"'), st.dictionaries(st.text(max_size=5), JSON)
)
def test_sealed_manifest_is_read_and_checked(text: str, extra: dict[str, Any]) -> None:
    """Whatever it holds, members of the name of the proof too."""
    manifest = Manifest(**GOOD, text=text, extra=extra)
    plain = manifest.to_description()
    assert unseal(plain) is None
    description = seal(plain, key("alice"))
    assert Manifest.from_description(description) == manifest
    sealed = unseal(description)
    assert sealed is not None
    sealed.check(public("alice"), "object a")
    assert sealed.description == plain
    assert json.loads(description)["proof"]["key"] == key("alice").fingerprint


@given(st.data())
def test_no_character_can_be_changed(data: st.DataObject) -> None:
    """Neither in what is signed, nor in the signature."""
    description = seal(Manifest(**GOOD, text="for people").to_description(), key("alice"))
    at = data.draw(st.integers(0, len(description) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda one: one != description[at]))
    changed = description[:at] + other + description[at + 1 :]
    try:
        sealed = unseal(changed)
    except InvalidManifestError:
        return
    if sealed is not None:
        if (sealed.text, sealed.key, sealed.signature) == unseal(description):
            return  # the last bits of base64 that stand for nothing
        with pytest.raises(SignatureError, match="not what the key"):
            sealed.check(public("alice"), "object a")


def test_signature_of_another_key_or_another_text_fits_nothing(keys: Keys) -> None:
    """A proof that is moved to another description too."""
    one = seal(Manifest(**GOOD, text="one").to_description(), keys("alice"))
    two = seal(Manifest(**GOOD, text="two").to_description(), keys("bob"))
    moved = unseal(one.partition(',"proof":')[0] + two[two.index(',"proof":') :])
    assert moved is not None
    for name in ("alice", "bob"):
        with pytest.raises(SignatureError):
            moved.check(public(name), "object a")


def test_signature_of_data_is_none_of_a_manifest(keys: Keys) -> None:
    """Whoever has a file published that reads like a manifest gets no signed manifest by it."""
    text = Manifest(**GOOD, text="forged").to_description()[:-1]
    made = triple(hashlib.sha256(text.encode()).digest(), keys("alice"))
    sealed = unseal(
        f'{text},"proof":{{"key":"{keys("alice").fingerprint}","signature":"{made["signature"]}"}}}}'
    )
    assert sealed is not None
    with pytest.raises(SignatureError):
        sealed.check(public("alice"), "object a")


def proof(**members: Any) -> str:
    return f'{{"text":"","syncnb":{{}},"proof":{json.dumps(members, separators=(",", ":"))}}}'


RIGHT = {"key": "ab" * 32, "signature": base64.b64encode(b"x" * 256).decode()}


@pytest.mark.parametrize(
    "description",
    [
        pytest.param('{"text":"","syncnb":{},"proof":"text"}', id="text"),
        pytest.param(proof(**RIGHT | {"key": "AB" * 32}), id="capitals"),
        pytest.param(proof(**RIGHT | {"key": "ab"}), id="short-key"),
        pytest.param(proof(**RIGHT | {"signature": ""}), id="empty"),
        pytest.param(proof(**RIGHT | {"signature": "A" * 5}), id="no-base64"),
        pytest.param(proof(**RIGHT | {"signature": 1}), id="number"),
        pytest.param(proof(**RIGHT, more=1), id="more"),
        pytest.param(proof(**RIGHT).replace("}}", '},"syncnb":{"size":1}}'), id="member-behind"),
        pytest.param(proof(**RIGHT).replace("}}", "} }"), id="other-spacing"),
        pytest.param(proof(**RIGHT | {"signature": "A" * 4096}), id="long-signature"),
        pytest.param('{"proof":{},"text":"","syncnb":{}}', id="first"),
        pytest.param(proof(**RIGHT)[:-2] + "," + '"a":"' + "A" * 9000 + '"}}', id="large"),
    ],
)
def test_proof_of_another_form_is_refused(description: str) -> None:
    """It is not taken for unsigned: somebody would strip signatures so."""
    with pytest.raises(InvalidManifestError, match=r"8 KB|its proof is not"):
        unseal(description)
    assert is_sealed(description)


@pytest.mark.parametrize("text", ["", "free text", "[]", '{"proof"', '{"text":"","syncnb":{}}'])
def test_description_without_a_proof_is_not_signed(text: str) -> None:
    """And is no error."""
    assert unseal(text) is None
    assert not is_sealed(text)


def test_manifest_without_room_for_the_signature_says_how_much_is_missing(keys: Keys) -> None:
    """Before anything is sent."""
    plain = Manifest(**GOOD, extra={"a": "x" * 7900}).to_description()
    with pytest.raises(InvalidMetaDataError, match=r"may have 8192: shorten it by \d+") as caught:
        seal(plain, keys("alice"))
    assert caught.value.field == "manifest"


def test_only_a_manifest_is_sealed_and_only_once(keys: Keys) -> None:
    """A statement about keys, or another text, would be taken for something else."""
    once = seal(Manifest(**GOOD).to_description(), keys("alice"))
    for wrong in ("", "text", "[]", '{"text":""}', once):
        with pytest.raises(InvalidMetaDataError, match="to_description"):
            seal(wrong, keys("alice"))


def test_services_take_the_signature_of_data(keys: Keys) -> None:
    """As the protocol has it: the embedded service checks with the same code as production."""
    digest = hashlib.sha256(b"data").digest()
    meta = ObjectMetaData(object_type="a", object_id="b", **triple(digest, keys("alice")))
    sent = {"hashAlgorithm": "", "publicKey": "", "signature": "", **meta.check().to_json()}
    assert fits(sent, digest)
    assert not fits(sent, hashlib.sha256(b"other").digest())
    for wrong in (b"short", "00" * 32, hashlib.sha512(b"data").digest()):
        with pytest.raises(InvalidMetaDataError, match="32 bytes"):
            triple(wrong, keys("alice"))  # type: ignore[arg-type]
