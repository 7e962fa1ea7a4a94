"""The attacks of The Update Framework, one by one; each test fails when its guard is removed."""

from __future__ import annotations

import hashlib
import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncnb import Manifest, ObjectMetaData, Trust
from syncnb.errors import (
    ExpiredError,
    InvalidManifestError,
    ReplayedError,
    SettingsError,
    SignatureError,
    SyncError,
    UnknownKeyError,
    UntrustedDataError,
)
from syncnb.signing import Signer, seal, triple
from syncnb.trusting import trust_or_default

from .conftest import Keys, key

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """The only thing here that is not real."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trust(tmp_path: Path, clock: Clock) -> Trust:
    """Alice is pinned."""
    trust = Trust(tmp_path / "trust.json", now=clock)
    trust.pin(key("alice").fingerprint, name="alice")
    return trust


def published(
    signer: Signer | None, *, data: bytes = b"data", object_id: str = "defects", **manifest: Any
) -> ObjectMetaData:
    """What a node gets of an object that was published properly."""
    values: dict[str, Any] = {
        "format": "file",
        "codec": "file/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "version": "1.0.0",
        "sequence": 1,
        "org_id": "acme",
        "object_type": "model",
        "object_id": object_id,
    }
    values |= manifest
    description = Manifest(**values).to_description()
    signed: dict[str, Any] = {}
    if signer is not None:
        description = seal(description, signer)
        signed = dict(triple(hashlib.sha256(data).digest(), signer))
    return ObjectMetaData(
        object_type=values["object_type"],
        object_id=object_id,
        version=values["version"],
        dest_org_id=values["org_id"] or "acme",
        object_size=len(data),
        description=description,
        **signed,
    )


# -------------------------------------------------------------------- who


def test_object_of_a_pinned_key_is_taken(trust: Trust, keys: Keys) -> None:
    """Pinned by its fingerprint alone, or as a whole; again as often as it comes."""
    meta = published(keys("alice"))
    for _ in range(2):
        manifest = trust.check(meta)
        assert manifest is not None
        assert manifest.version == "1.0.0"
    trust.pin(pem("alice"))
    assert trust.check(replace(meta, public_key="", signature="", hash_algorithm="")) == manifest


def pem(name: str) -> str:
    from syncnb.signing import PublicKey

    return PublicKey(key(name).public_key).pem()


def test_without_pins_unsigned_objects_are_taken_and_signed_ones_need_a_pin(
    tmp_path: Path, keys: Keys
) -> None:
    """Whoever signs wants it to be checked."""
    trust = Trust(tmp_path / "trust.json")
    manifest = trust.check(published(None))
    assert manifest is not None
    assert trust.check(ObjectMetaData(object_type="a", object_id="b", description="x")) is None
    with pytest.raises(UnknownKeyError, match=f"syncnb keys pin {keys('alice').fingerprint}"):
        trust.check(published(keys("alice")))


@pytest.mark.parametrize("description", ["", "by hand", '{"a": 1}', None])
def test_unsigned_object_is_refused_where_keys_are_pinned(
    trust: Trust, description: str | None
) -> None:
    """Stripping the signature gets nothing through."""
    meta = published(None)
    if description is not None:
        meta = replace(meta, description=description)
    with pytest.raises(UnknownKeyError, match="nobody signed it") as caught:
        trust.check(meta)
    assert caught.value.fingerprint == ""


def test_object_of_a_stranger_is_refused_with_the_fingerprint(trust: Trust, keys: Keys) -> None:
    """So that a person can decide."""
    with pytest.raises(UnknownKeyError) as caught:
        trust.check(published(keys("mallory")))
    assert caught.value.fingerprint == keys("mallory").fingerprint
    assert caught.value.fingerprint in str(caught.value)


def test_stranger_with_the_fingerprint_of_a_pinned_key_is_refused(trust: Trust, keys: Keys) -> None:
    """The key that comes along must have the digest that is pinned."""
    theirs = published(keys("mallory"))
    forged = theirs.description.replace(keys("mallory").fingerprint, keys("alice").fingerprint)
    with pytest.raises(SignatureError, match="its public key is"):
        trust.check(replace(theirs, description=forged))
    ours = published(keys("alice"))
    with pytest.raises(SignatureError, match="is not what the key"):
        trust.check(replace(theirs, description=forged, public_key=ours.public_key))


def test_data_and_manifest_are_signed_by_the_same_key(trust: Trust, keys: Keys) -> None:
    """Also where the pin has the whole key: what the services checked is what is trusted."""
    trust.pin(pem("alice"))
    meta = published(keys("alice"))
    with pytest.raises(SignatureError, match="its manifest is signed by"):
        trust.check(replace(meta, public_key=published(keys("mallory")).public_key))


@pytest.mark.parametrize(
    ("public_key", "problem"),
    [("", "missing"), ("?", "no base64"), ("A" * 20_000, "20000 characters"), ("AAAA", "its public")],
)  # fmt: skip
def test_malformed_public_key_is_refused(
    trust: Trust, keys: Keys, public_key: str, problem: str
) -> None:
    """With what is wrong with it."""
    with pytest.raises(SignatureError, match=problem):
        trust.check(replace(published(keys("alice")), public_key=public_key))


def test_key_counts_only_for_its_organisation(trust: Trust, keys: Keys) -> None:
    """If it was pinned for one; and a caller that knows its organisation says so."""
    trust.pin(keys("alice").fingerprint, org_id="globex")
    with pytest.raises(SignatureError, match="org_id 'acme' and is served with 'globex'"):
        trust.check(published(keys("alice")))
    assert trust.check(published(keys("alice"), org_id="globex"), org_id="globex")
    with pytest.raises(SignatureError, match="'initech'"):
        trust.check(published(keys("alice"), org_id="globex"), org_id="initech")


# ---------------------------------------------------------------- rollback


def test_older_manifest_is_refused_also_by_the_next_process(
    trust: Trust, keys: Keys, clock: Clock
) -> None:
    """Rollback: a service that serves yesterday's model, properly signed."""
    old = published(keys("alice"), sequence=1, version="1.0.0")
    assert trust.check(old)
    assert trust.check(published(keys("alice"), sequence=2, version="1.1.0"))
    for one in (trust, Trust(trust.path, now=clock)):
        with pytest.raises(ReplayedError, match=r"its sequence is 1, and 2 was seen .*1\.1\.0"):
            one.check(old)


def test_older_manifest_of_another_object_is_not_older(trust: Trust, keys: Keys) -> None:
    """Each object counts on its own; an organisation has its own objects too."""
    assert trust.check(published(keys("alice"), sequence=9))
    assert trust.check(published(keys("alice"), sequence=1, object_id="other"))
    assert trust.check(published(keys("alice"), sequence=1, object_type="table"))
    assert trust.check(published(keys("alice"), sequence=1, org_id="globex"))


def test_rollback_that_is_signed_is_followed_once(trust: Trust, keys: Keys) -> None:
    """It has a sequence of its own, so that it cannot be replayed either."""
    alice = keys("alice")
    assert trust.check(published(alice, sequence=1, version="1.0.0"))
    assert trust.check(published(alice, sequence=2, version="1.1.0"))
    with pytest.raises(ReplayedError, match="not signed as a rollback"):
        trust.check(published(alice, sequence=3, version="1.0.0"))
    back = published(alice, sequence=3, version="1.0.0", rollback=True)
    assert trust.check(back)
    assert trust.check(published(alice, sequence=4, version="1.2.0"))
    with pytest.raises(ReplayedError, match="its sequence is 3"):
        trust.check(back)


def test_two_manifests_of_one_sequence_are_not_both_taken(trust: Trust, keys: Keys) -> None:
    """The second could be the one that is not meant; the same once more, signed anew, is fine."""
    alice = keys("alice")
    assert trust.check(published(alice, sequence=5))
    assert trust.check(published(alice, sequence=5))
    with pytest.raises(ReplayedError, match="another one with the sequence 5"):
        trust.check(published(alice, sequence=5, data=b"other"))


def test_what_a_node_has_kept_itself_needs_not_be_the_newest(
    trust: Trust, keys: Keys, clock: Clock
) -> None:
    """It goes back to the last good one when the next is broken; a signature it still needs."""
    old = published(keys("alice"), sequence=1, expires=NOW + timedelta(days=1))
    assert trust.check(published(keys("alice"), sequence=2))
    clock.time += timedelta(days=2)
    assert trust.check(old, newest=False)
    with pytest.raises(ReplayedError):
        trust.check(replace(published(keys("alice"), sequence=1)))
    trust.revoke(keys("alice").fingerprint)
    with pytest.raises(SignatureError):
        trust.check(old, newest=False)


# ------------------------------------------------------------------ freeze


def test_expired_manifest_is_refused(trust: Trust, keys: Keys, clock: Clock) -> None:
    """Freeze: a service that holds back what is newer is found out when the old one expires."""
    meta = published(keys("alice"), expires=NOW + timedelta(days=7))
    assert trust.check(meta)
    clock.time += timedelta(days=7, seconds=1)
    with pytest.raises(ExpiredError, match="holds the newer one back"):
        trust.check(meta)


# ----------------------------------------------------------- mix and match


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"object_id": "other"}, "object_id 'defects' and is served with 'other'"),
        ({"object_type": "table"}, "object_type 'model' and is served with 'table'"),
        ({"version": "2.0.0"}, r"version '1\.0\.0' and is served with '2\.0\.0'"),
        ({"version": ""}, "is served with ''"),
        ({"dest_org_id": "globex"}, "org_id 'acme' and is served with 'globex'"),
    ],
)
def test_right_bytes_under_another_name_are_refused(
    trust: Trust, keys: Keys, changes: dict[str, Any], problem: str
) -> None:
    """Mix-and-match: the manifest, the data and the signatures of A as B; nothing is remembered."""
    with pytest.raises(SignatureError, match=problem):
        trust.check(replace(published(keys("alice")), **changes))
    assert not trust.state.seen


def test_proof_of_another_description_is_refused(trust: Trust, keys: Keys) -> None:
    """The signature of version 1 does not make a manifest of version 2."""
    one, two = published(keys("alice")), published(keys("alice"), version="2.0.0", sequence=2)
    text, mark, _ = two.description.rpartition(',"proof":')
    moved = text + mark + one.description.rpartition(mark)[2]
    with pytest.raises(SignatureError, match="is not what the key"):
        trust.check(replace(two, description=moved))
    unsigned = published(None, version="2.0.0", sequence=2).description[:-1]
    with pytest.raises(SignatureError, match="is not what the key"):
        trust.check(replace(two, description=unsigned + mark + one.description.rpartition(mark)[2]))


def test_member_behind_the_signed_text_is_refused(trust: Trust, keys: Keys) -> None:
    """Another reader of the same JSON would take the last of two members."""
    meta = published(keys("alice"))
    added = meta.description[:-1] + ',"syncnb":{"format":"pickle"}}'
    with pytest.raises(InvalidManifestError, match="its proof is not"):
        trust.check(replace(meta, description=added))


def test_signed_manifest_that_lies_about_the_size_is_refused(trust: Trust, keys: Keys) -> None:
    """Before a byte is fetched."""
    with pytest.raises(InvalidManifestError, match="9 bytes, they have 4"):
        trust.check(published(keys("alice"), size=9))


@pytest.mark.parametrize(
    "missing",
    [{"org_id": ""}, {"sequence": 0}, {"sha256": ""}, {"sha256": "00"}, {"version": "latest"}],
)
def test_signed_manifest_that_binds_too_little_is_refused(
    trust: Trust, keys: Keys, missing: dict[str, Any]
) -> None:
    """It could be served as something else; a version that is none cannot be compared."""
    with pytest.raises(InvalidManifestError, match=f"its .*{next(iter(missing))}"):
        trust.check(published(keys("alice"), **missing))


# --------------------------------------------------------- key compromise


def test_revoked_key_is_refused_also_for_what_it_signed_before(trust: Trust, keys: Keys) -> None:
    """Nobody can tell when something was signed; and no pin brings it back."""
    meta = published(keys("alice"))
    assert trust.check(meta)
    trust.revoke(keys("alice").fingerprint, "the laptop was stolen")
    with pytest.raises(SignatureError, match=r"revoked since 2030-01-01.*laptop was stolen"):
        trust.check(meta)
    with pytest.raises(SettingsError, match="is revoked here"):
        trust.pin(keys("alice").fingerprint)


def test_node_whose_only_key_is_revoked_takes_nothing_unsigned(trust: Trust, keys: Keys) -> None:
    """Else a revocation would open what it is to close."""
    trust.revoke(keys("alice").fingerprint)
    with pytest.raises(UnknownKeyError):
        trust.check(published(None))


def test_unpinned_key_is_unknown_again(trust: Trust, keys: Keys) -> None:
    """By the beginning of its fingerprint; too short a beginning names nothing."""
    trust.pin(keys("bob").fingerprint)
    with pytest.raises(SettingsError, match="no such key"):
        trust.unpin(keys("alice").fingerprint[:7])
    assert trust.unpin(keys("alice").fingerprint[:8]).name == "alice"
    with pytest.raises(UnknownKeyError):
        trust.check(published(keys("alice")))


def test_root_key_signs_no_objects(trust: Trust, keys: Keys) -> None:
    """It is to lie in a safe; if it signs a model, something is wrong."""
    trust.pin(keys("root").fingerprint, root=True)
    with pytest.raises(SignatureError, match=r"root key .* signs no objects"):
        trust.check(published(keys("root")))


# ---------------------------------------------------------------- the file


def test_trust_that_cannot_be_read_trusts_nobody(trust: Trust, keys: Keys) -> None:
    """An empty one in its place would take everything that is not signed."""
    text = trust.path.read_text()
    for broken in ("", "{", "[]", '{"syncnb-trust":2,"pins":[],"revoked":[],"seen":[]}',
                   text.replace('"name"', '"only_on_mondays"')):  # fmt: skip
        trust.path.write_text(broken)
        with pytest.raises(SettingsError, match="cannot be read"):
            Trust(trust.path).check(published(keys("alice")))
        with pytest.raises(SettingsError, match="cannot be read"):
            Trust(trust.path).pin(keys("bob").fingerprint)
        assert trust.path.read_text() == broken
    trust.path.write_text(text)
    trust.path.chmod(0o666)
    with pytest.raises(SettingsError, match="everybody can write it"):
        Trust(trust.path).check(published(keys("alice")))


def test_trust_that_cannot_remember_refuses(tmp_path: Path) -> None:
    """A node that forgets takes older versions again."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match=r"cannot be written.*SYNCNB_TRUST"):
        Trust(tmp_path / "file" / "trust.json").pin("ab" * 32)


def test_change_that_breaks_off_leaves_the_old_file(
    trust: Trust, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the power fails in the middle of writing."""
    before = trust.path.read_text()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(SettingsError, match="No space left"):
        trust.check(published(keys("alice")))
    monkeypatch.undo()
    assert trust.path.read_text() == before
    assert trust.check(published(keys("alice")))


def note(path: Path, start: int) -> None:
    trust = Trust(path)
    for number in range(20):
        trust.pin(f"{start + number:064x}")


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of four pins twenty keys."""
    path = tmp_path / "trust.json"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=note, args=(path, 100 * number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(Trust(path).state.pins) == 80


def test_one_trust_sees_what_another_one_writes(trust: Trust, keys: Keys) -> None:
    """A running program learns of a revocation by the command line."""
    meta = published(keys("alice"))
    assert trust.check(meta)
    Trust(trust.path).revoke(keys("alice").fingerprint)
    with pytest.raises(SignatureError):
        trust.check(meta)


def test_older_of_two_that_are_checked_at_once_is_refused(trust: Trust, keys: Keys) -> None:
    """What counts is what is on the disk when the lock is held, not what was read before."""
    other = Trust(trust.path, now=trust._now)
    first, second = (published(keys("alice"), sequence=number) for number in (1, 2))
    stale = trust.state
    assert other.check(second)
    trust._file._known = None
    reads = iter([stale, stale])
    read = trust._file.read
    trust._file.read = lambda: next(reads, None) or read()  # type: ignore[method-assign]
    with pytest.raises(ReplayedError):
        trust.check(first)


def test_default_is_the_file_of_the_environment_or_of_the_user(tmp_path: Path) -> None:
    """If there is one; one that is named and missing is no default."""
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert trust_or_default(None, home) is None
    assert trust_or_default(False, home) is None
    asked = trust_or_default(True, home)
    assert asked is not None
    assert asked.path == tmp_path / "syncnb" / "trust.json"
    asked.pin("ab" * 32)
    found = trust_or_default(None, home)
    assert found is not None
    assert len(found.state.pins) == 1
    named = {"SYNCNB_TRUST": str(tmp_path / "other.json")}
    with pytest.raises(SettingsError, match=r"other\.json does not exist"):
        trust_or_default(None, named)
    named_path = trust_or_default(tmp_path / "mine.json", named)
    assert named_path is not None
    assert named_path.path == tmp_path / "mine.json"
    assert trust_or_default(asked, named) is asked


def test_keys_are_shown_and_nothing_in_them_is_obeyed(trust: Trust) -> None:
    """As text and as HTML."""
    trust.pin("ab" * 32, name="<b>\x1b[31mred")
    trust.revoke("cd" * 32, "stolen")
    text, html = trust.show(), trust._repr_html_()
    assert "\x1b" not in text
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    for part in ("ab" * 32, "alice", "revoked", "stolen", "pinned"):
        assert part in text
        assert part in html
    assert repr(trust) == "<Trust: 2 keys are pinned, 1 are revoked, 0 objects seen>"


def test_every_refusal_survives_the_way_to_another_process(trust: Trust, keys: Keys) -> None:
    """And says what it is by its kind."""
    import pickle

    with pytest.raises(UntrustedDataError) as caught:
        trust.check(published(keys("mallory")))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


# ------------------------------------------------------ what is not JSON, or large


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        pytest.param('{"text":"","syncnb":{', "no JSON", id="not-json"),
        pytest.param('{"text":"","syncnb":{"a":"' + "x" * 1_000_000 + '"}}', "8 KB", id="1-MB"),
        pytest.param('{"syncnb":' + "[" * 3000 + "]" * 3000 + "}", "no JSON|not a JSON", id="deep"),
    ],
)
def test_manifest_that_is_none_is_refused_with_the_reason(
    tmp_path: Path, description: str, problem: str
) -> None:
    """Also where no key is pinned."""
    with pytest.raises(InvalidManifestError, match=problem):
        Trust(tmp_path / "trust.json").check(replace(published(None), description=description))


def test_no_description_ends_in_anything_but_an_error_of_ours(trust: Trust, keys: Keys) -> None:
    """Each prefix of a signed one, and each with a piece doubled."""
    meta = published(keys("alice"), sequence=1)
    whole = meta.description
    for at in range(0, len(whole), 7):
        for changed in (whole[:at], whole[:at] + whole[at : at + 20] + whole[at:]):
            with pytest.raises(SyncError):
                trust.check(replace(meta, description=changed))


def test_file_that_is_not_there_yet_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistyped name would take everything in silence."""
    trust = trust_or_default(tmp_path / "mistyped.json")
    assert trust is not None
    assert "mistyped.json does not exist: until it does, everything is taken" in caplog.text
