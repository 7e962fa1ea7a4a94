"""Keys follow one another, and go, only by the word of those who may say so."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncnb import Trust
from syncnb.errors import InvalidMetaDataError, SignatureError, UnknownKeyError
from syncnb.signing import Statement, revocation, rotation
from syncnb.signing.sealing import digest_of

from .conftest import Keys, key
from .test_trust import NOW, Clock, published


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trust(tmp_path: Path, clock: Clock) -> Trust:
    """Alice is pinned, by her fingerprint alone."""
    trust = Trust(tmp_path / "trust.json", now=clock)
    trust.pin(key("alice").fingerprint, name="ci", org_id="acme")
    return trust


def pinned(trust: Trust) -> set[str]:
    return {
        name
        for name in ("alice", "bob", "carol", "mallory", "root", "root2")
        if key(name).fingerprint in trust.state.pins
    }


ROTATE = rotation(key("bob"), old=key("alice"), until=NOW + timedelta(days=30))


def test_new_key_takes_the_place_of_the_old_one(trust: Trust, keys: Keys, clock: Clock) -> None:
    """By a statement of both; the old one counts for a while, so that nothing stops at once."""
    done = trust.follow([ROTATE])
    assert len(done) == 1
    assert keys("bob").fingerprint in done[0]
    assert trust.check(published(keys("bob"), sequence=2))
    assert trust.check(published(keys("alice"), object_id="older"))
    pin = trust.state.pins[keys("bob").fingerprint]
    assert (pin.name, pin.org_id, pin.by) == ("ci", "acme", keys("alice").fingerprint)
    clock.time += timedelta(days=31)
    with pytest.raises(SignatureError, match=f"in whose place is {keys('bob').fingerprint}"):
        trust.check(published(keys("alice"), object_id="older"))
    assert trust.check(published(keys("bob"), sequence=3))
    assert "counted until" in trust.show()


def test_statement_travels_and_is_followed_once(trust: Trust) -> None:
    """As JSON; the second time it changes nothing."""
    sent = json.loads(json.dumps(ROTATE.to_json()))
    assert trust.follow([sent])
    assert trust.follow([sent, ROTATE]) == []
    assert repr(Statement.from_json(sent)) == repr(ROTATE)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_chain_is_followed_in_whichever_order_it_comes(
    trust: Trust, keys: Keys, order: tuple[int, ...]
) -> None:
    """A node that slept for a year catches up with all of it."""
    chain = [ROTATE, rotation(keys("carol"), old=keys("bob"))]
    assert len(trust.follow([chain[number] for number in order])) == 2
    assert pinned(trust) == {"alice", "bob", "carol"}


def test_statement_of_a_stranger_changes_nothing(trust: Trust, keys: Keys) -> None:
    """Nor does one about a key that is not known here."""
    assert trust.follow([rotation(keys("mallory"), old=keys("bob"))]) == []
    said = rotation(keys("mallory"), old_key=keys("alice").fingerprint, root=keys("bob"))
    assert trust.follow([said]) == []
    assert trust.follow([revocation(keys("alice").fingerprint, by=keys("mallory"))]) == []
    assert trust.follow([rotation(keys("mallory"), root=keys("alice"))]) == []
    assert pinned(trust) == {"alice"}


def test_key_of_another_cannot_be_given_out_as_the_new_one(trust: Trust, keys: Keys) -> None:
    """The new key signs too."""
    sent = ROTATE.to_json()
    sent["proofs"] = sent["proofs"][:1]
    assert trust.follow([sent]) == []
    assert pinned(trust) == {"alice"}


def test_old_key_names_one_successor_and_no_second(trust: Trust, keys: Keys) -> None:
    """Who finds the old key later cannot branch off."""
    trust.follow([ROTATE])
    assert trust.follow([rotation(keys("mallory"), old=keys("alice"))]) == []
    trust.unpin(keys("bob").fingerprint)
    assert trust.follow([rotation(keys("mallory"), old=keys("alice")), ROTATE]) == []
    assert pinned(trust) == {"alice"}


def test_key_that_was_pinned_by_hand_already_is_a_successor_too(trust: Trust, keys: Keys) -> None:
    """Else the old key could still name another one."""
    trust.pin(keys("bob").fingerprint)
    assert trust.follow([ROTATE])
    assert trust.follow([rotation(keys("mallory"), old=keys("alice"))]) == []
    assert pinned(trust) == {"alice", "bob"}


@pytest.mark.parametrize("by", ["alice", "bob", "carol"])
def test_key_is_revoked_by_itself_or_its_successors(trust: Trust, keys: Keys, by: str) -> None:
    """And by no neighbour, so that one stolen key does not silence all."""
    trust.pin(keys("mallory").fingerprint)
    trust.follow([ROTATE, rotation(keys("carol"), old=keys("bob"))])
    alice = keys("alice").fingerprint
    assert trust.follow([revocation(alice, by=keys("mallory"))]) == []
    assert trust.follow([revocation(alice, by=keys(by), reason="stolen")])
    with pytest.raises(SignatureError, match=r"revoked since .*stolen"):
        trust.check(published(keys("alice")))
    assert trust.check(published(keys("carol")))


def test_revoked_key_stays_revoked_and_names_nobody(trust: Trust, keys: Keys) -> None:
    """Whatever is replayed, in one bundle too, in which the revocation comes last."""
    revoke = revocation(keys("alice").fingerprint, by=keys("alice"))
    assert len(trust.follow([rotation(keys("mallory"), old=keys("alice")), revoke])) == 1
    assert pinned(trust) == set()
    assert trust.follow([ROTATE, revoke]) == []
    with pytest.raises(UnknownKeyError):
        trust.check(published(keys("bob")))


def test_revoked_key_does_not_come_back_as_a_successor(trust: Trust, keys: Keys) -> None:
    """A person's word counts more than a statement."""
    trust.revoke(keys("bob").fingerprint)
    assert trust.follow([ROTATE]) == []
    assert pinned(trust) == {"alice"}


# -------------------------------------------------------------------- root


@pytest.fixture
def rooted(trust: Trust) -> Trust:
    """A root key lies in a safe."""
    trust.pin(key("root").fingerprint, name="safe", org_id="acme", root=True)
    return trust


def test_only_the_root_key_speaks_where_one_is_pinned(rooted: Trust, keys: Keys) -> None:
    """A stolen key that signs objects cannot hand itself on, nor revoke."""
    alice = keys("alice").fingerprint
    assert rooted.follow([ROTATE, revocation(alice, by=keys("alice"))]) == []
    stolen = rotation(keys("bob"), old_key=alice, root=keys("root"), reason="it was stolen")
    assert len(rooted.follow([stolen, revocation(alice, by=keys("root"))])) == 2
    assert pinned(rooted) == {"bob", "root"}
    assert rooted.check(published(keys("bob")))
    with pytest.raises(SignatureError):
        rooted.check(published(keys("alice")))


def test_root_key_adds_a_key(rooted: Trust, keys: Keys) -> None:
    """For another team, or where the first one never was pinned; it counts where the root does."""
    assert rooted.follow([rotation(keys("carol"), root=keys("root"))])
    assert rooted.state.pins[keys("carol").fingerprint].org_id == "acme"
    with pytest.raises(SignatureError, match="globex"):
        rooted.check(published(keys("carol"), org_id="globex"))


def test_place_of_a_root_key_is_given_by_itself(rooted: Trust, keys: Keys) -> None:
    """At once: there is nothing that it still has to sign."""
    rooted.pin(keys("carol").fingerprint, root=True)
    by_other = rotation(keys("mallory"), old_key=keys("root").fingerprint, root=keys("carol"))
    assert rooted.follow([by_other]) == []
    assert rooted.follow([rotation(keys("root2"), old=keys("root"))])
    assert pinned(rooted) == {"alice", "carol", "root2"}
    assert keys("root2").fingerprint in rooted.state.roots
    assert rooted.follow([rotation(keys("bob"), root=keys("root"))]) == []
    assert rooted.follow([rotation(keys("bob"), root=keys("root2"))])


def test_trust_whose_root_key_is_revoked_follows_nobody(rooted: Trust, keys: Keys) -> None:
    """Least of all the keys that the root key was to keep in check."""
    for revoke in (
        lambda: rooted.revoke(keys("root").fingerprint),
        lambda: rooted.follow([revocation(keys("root").fingerprint, by=keys("root"))]),
    ):
        revoke()
        assert rooted.follow([ROTATE]) == []
        assert pinned(rooted) == {"alice"}


# ------------------------------------------------------------------- broken


def changed(**members: Any) -> dict[str, Any]:
    said = json.loads(ROTATE.text) | members
    return resigned(json.dumps(said))


def resigned(text: str) -> dict[str, Any]:
    return {
        "statement": text,
        "proofs": [
            {
                "public_key": base64.b64encode(one.public_key).decode(),
                "signature": base64.b64encode(one.sign(digest_of(text))).decode(),
            }
            for one in (key("alice"), key("bob"))
        ],
    }


GOOD = ROTATE.to_json()
BROKEN: dict[str, Any] = {
    "no-object": "text",
    "empty": {},
    "no-proof": GOOD | {"proofs": []},
    "many-proofs": GOOD | {"proofs": GOOD["proofs"] * 3},
    "other-text": GOOD | {"statement": ROTATE.text.replace("rotate", "revoke")},
    "no-key": GOOD | {"proofs": [{"public_key": "AAAA", "signature": "AAAA"}]},
    "no-base64": GOOD | {"proofs": [{"public_key": "?", "signature": "AAAA"}]},
    "large": GOOD | {"more": "x" * 40_000},
    "later-form": changed(**{"syncnb-keys": 2}),
    "other-kind": changed(kind="pardon"),
    "no-until": changed(until=""),
    "no-fingerprint": changed(key="alice"),
    "new-is-none": changed(new="AAAA"),
    "not-json": resigned("{"),
    "deep": resigned("[" * 3000),
    "a-manifest": resigned('{"text":"","syncnb":{}'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_broken_statement_is_ignored_and_the_others_are_followed(
    trust: Trust, broken: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Else whoever can add one could hold back a revocation."""
    assert trust.follow([broken]) == []
    assert "is ignored" in caplog.text
    assert len(trust.follow([broken, ROTATE])) == 1


def test_statement_that_makes_no_sense_is_not_made(keys: Keys) -> None:
    """Nobody signs, or the new key is the old one."""
    with pytest.raises(InvalidMetaDataError, match="Let the old key sign"):
        rotation(keys("bob"))
    with pytest.raises(InvalidMetaDataError, match="is the old one"):
        rotation(keys("bob"), old=keys("bob"))
