"""Each attack on real nodes: nothing runs or escapes, it is refused, and its publisher sees it.

Whoever attacks can store what they like in the service. One edge program is a loop of
`syncnb.updates` with a gigabyte of memory, the other one follows the object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from syncnb import Publication
from tests.unit.signing.conftest import key

from . import files
from .stage import GOOD, Stage

pytestmark = pytest.mark.xdist_group("attacks")  # one fleet and one program for all of them

FILES: list[tuple[files.Make, str, str, str]] = [  # what, its format, error, reason
    (files.joblib_that_runs, "joblib", "UntrustedDataError", "can run any code"),
    (files.pickle_that_runs, "pickle", "UntrustedDataError", "can run any code"),
    (files.pickle_that_runs, "cloudpickle", "UntrustedDataError", "can run any code"),
    (files.pickle_that_runs, "skops", "LoadError", "skops cannot read its data"),
    (files.skops_that_calls, "skops", "UntrustedDataError", r"os\.mkdir \(can run commands"),
    (files.skops_bomb, "skops", "LoadError", "would take more than"),
    (files.zip_bomb, "folder", "LoadError", "what it unpacks to would take"),
    (files.zip_that_climbs, "folder", "LoadError", "no plain path"),
    (files.zip_with_an_absolute_path, "folder", "LoadError", "no plain path"),
    (files.zip_with_a_link, "folder", "LoadError", "a link or a device"),
    (files.zip_with_a_device, "folder", "LoadError", "a link or a device"),
    (files.zip_with_a_reserved_name, "folder", "LoadError", "reserved on Windows"),
    (files.tar_that_climbs, "folder", "LoadError", "no archive of a folder"),
    (files.parquet_with_a_lying_footer, "parquet", "LoadError", "no Parquet file"),
    (files.parquet_bomb, "parquet", "LoadError", "its table would take"),
    (files.safetensors_with_a_header_of_10_gb, "safetensors", "LoadError", "claims 10737418240 b"),
    (files.onnx_with_data_elsewhere, "onnx", "LoadError", "takes weights from other files"),
]


@pytest.mark.parametrize(
    ("make", "form", "error", "words"),
    [pytest.param(*one, id=f"{one[0].__name__}-as-{one[1]}") for one in FILES],
)
def test_harmful_file(stage: Stage, make: files.Make, form: str, error: str, words: str) -> None:
    """Without any key: what the file is, is enough."""
    stage.begin(guarded=False)
    stage.forge(make(stage.marker), format=form)
    refused(stage, error, words)


def test_harmful_file_that_is_signed(stage: Stage) -> None:
    """By a pinned key, at whose publisher somebody broke in."""
    stage.begin(guarded=True)
    stage.forge(files.zip_that_climbs(stage.marker), format="folder", signer=key("alice"))
    refused(stage, "LoadError", "no plain path")


def test_tar_as_a_file_is_a_file(stage: Stage) -> None:
    """Nothing unpacks it."""
    stage.begin(guarded=False)
    stage.forge(files.tar_that_climbs(stage.marker), format="file", file_name="../../a.tar")
    stage.wait(lambda: len(stage.said("2.0.0")) == 1)
    assert re.fullmatch(r"PosixPath\('.*/leases/[0-9a-f]+/a\.tar'\)", stage.said("2.0.0")[0])
    assert not stage.traces()


def no_json(stage: Stage) -> None:
    stage.forge(b"data", description='{"text":"","syncnb":{')


def megabyte(stage: Stage) -> None:
    stage.forge(b"data", description='{"text":"","syncnb":{"a":"' + "x" * 1_000_000 + '"}}')


def wrong_size(stage: Stage) -> None:
    stage.forge(b"data", size=3)


def no_version(stage: Stage) -> None:
    stage.forge(b"data", version="latest")


MANIFESTS: list[tuple[Callable[[Stage], None], str, str]] = [
    (no_json, "InvalidManifestError", "it is no JSON"),
    (megabyte, "InvalidManifestError", "larger than 8 KB"),
    (wrong_size, "InvalidManifestError", "data have 3 bytes, they have 4"),
    (no_version, "InvalidManifestError", "its version = 'latest' is not possible"),
]


@pytest.mark.parametrize(
    ("attack", "error", "words"), [pytest.param(*one, id=one[0].__name__) for one in MANIFESTS]
)
def test_manifest_that_lies(
    stage: Stage, attack: Callable[[Stage], None], error: str, words: str
) -> None:
    """Also where no key is pinned."""
    stage.begin(guarded=False)
    attack(stage)
    refused(stage, error, words, version="latest" if attack is no_version else "2.0.0")
    back = Publication.of(stage.kind, stage.name, client=stage.fleet.cloud).rollback(to="1.0.0")
    back.wait("consumed", timeout=20)


def unsigned(stage: Stage) -> None:
    stage.forge(b"data")


def stranger(stage: Stage) -> None:
    stage.forge(b"data", signer=key("mallory"))


def revoked(stage: Stage) -> None:
    stage.forge(b"data", signer=key("bob"))


def expired(stage: Stage) -> None:
    stage.forge(b"data", signer=key("alice"), expires=datetime(2020, 1, 1, tzinfo=UTC))


def signed_without_a_version(stage: Stage) -> None:
    stage.forge(b"data", signer=key("alice"), version="latest")


def replayed(stage: Stage) -> None:
    old = stage.stored()
    stage.publish(b"better", "2.0.0")
    stage.wait(lambda: stage.follower is not None and stage.follower.model == b"better")
    stage.wait(lambda: stage.said("2.0.0") == [repr(b"better")])
    stage.put(*old)


def other_object(stage: Stage) -> None:
    other = f"{stage.name}-other"
    stage.publish(b"other", "2.0.0", other)
    stage.put(*stage.stored(other))


def signature_of_another(stage: Stage) -> None:
    """The proof of version 1 under the manifest of version 2."""
    mark = ',"proof":'
    proof = stage.stored()[0].description.rpartition(mark)[2]
    meta = stage.forged(b"data", signer=key("alice"))
    text = meta.description.rpartition(mark)[0]
    stage.put(replace(meta, description=text + mark + proof), b"data")


TRUST: list[tuple[Callable[[Stage], None], str, str, str]] = [  # what, error, reason, version
    (unsigned, "UnknownKeyError", "nobody signed it", "2.0.0"),
    (stranger, "UnknownKeyError", key("mallory").fingerprint, "2.0.0"),
    (revoked, "SignatureError", "revoked since .*the laptop was stolen", "2.0.0"),
    (expired, "ExpiredError", "it expired on 2020-01-01", "2.0.0"),
    (signed_without_a_version, "InvalidManifestError", "version = 'latest'", "latest"),
    (replayed, "ReplayedError", "its sequence is .*was seen here", "1.0.0"),
    (other_object, "SignatureError", "it was signed with object_id", "2.0.0"),
    (signature_of_another, "SignatureError", "is not what the key", "2.0.0"),
]


@pytest.mark.parametrize(
    ("attack", "error", "words", "version"),
    [pytest.param(*one, id=one[0].__name__) for one in TRUST],
)
def test_trust_that_is_abused(
    stage: Stage, attack: Callable[[Stage], None], error: str, words: str, version: str
) -> None:
    """Where a key is pinned."""
    stage.begin(guarded=True)
    attack(stage)
    refused(stage, error, words, version=version)


def refused(stage: Stage, error: str, words: str, version: str = "2.0.0") -> None:
    """By both programs, with its reason, which the publisher sees; nothing else happened."""
    whole = re.compile(f"{error}: .*{words}", re.DOTALL)
    stage.wait(lambda: any(map(whole.match, stage.said(version))))
    follower = stage.follower
    assert follower is not None
    stage.wait(lambda: any(one.version == version and one.final for one in follower.failures))
    failed = follower.failures[-1]
    assert re.search(words, failed.reason)
    assert type(failed.error).__name__ == error
    assert follower.model in (GOOD, b"better")
    stage.wait(lambda: [status for status, _ in stage.rows()] == ["failed", "failed"])
    for _, message in stage.rows():
        assert re.search(words, message)
        assert "came in its place" in message
    returned = Publication.of(stage.kind, stage.name, client=stage.fleet.cloud)
    assert {row.status for row in returned.delivery_rows()} == {"failed"}
    for node in stage.fleet.nodes:
        listed = stage.fleet.node(node).get_updated_objects(stage.kind)
        assert stage.name in {meta.object_id for meta in listed}  # so nobody acknowledged it
    assert not stage.marker.exists()
    assert not stage.traces()
    assert stage.program.process.poll() is None
