"""What is written fits the schema, what was written stays readable, and openssl verifies it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from syncnb import LocalFleet, Manifest, publish
from syncnb.errors import InvalidManifestError
from syncnb.signing import PublicKey, read_public_key, seal, unseal
from syncnb.signing.keys import FileSigner
from tests.unit.test_manifest import GOOD, JSON

ROOT = Path(__file__).parent.parent.parent
ARCHIVE = ROOT / "tests" / "data" / "manifests"
MANIFESTS = sorted(ARCHIVE.glob("*.json"))
VALIDATOR = Draft202012Validator(Manifest.schema())
ALICE = FileSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
BOUND: dict[str, Any] = {"org_id": "a", "object_type": "b", "object_id": "c", "sequence": 1}


def fits_schema(description: str) -> bool:
    return bool(VALIDATOR.is_valid(json.loads(description)))


def test_schema_is_one() -> None:
    """Of the draft that it names; and it has every member of a manifest, and no other."""
    Draft202012Validator.check_schema(Manifest.schema())
    members = Manifest.schema()["$defs"]["manifest"]["properties"].keys()
    assert members - {"manifest"} == Manifest.__dataclass_fields__.keys() - {"text"}


@given(
    text=st.text(max_size=50),
    size=st.integers(0, 2**60),
    extra=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    times=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    requires=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    sbom=st.lists(st.text(max_size=5), max_size=3),
    rollback=st.booleans(),
)
def test_what_is_written_fits_the_schema(
    text: str, size: int, extra: Any, times: datetime, requires: Any, sbom: Any, rollback: bool
) -> None:
    """Signed and unsigned."""
    manifest = Manifest(
        **GOOD | {"size": size} | BOUND,
        text=text, extra=extra, published=times, expires=times, requires=requires,
        sbom=sbom, rollback=rollback, example=extra, metrics=extra,
    )  # fmt: skip
    plain = manifest.to_description()
    assert fits_schema(plain)
    assert fits_schema(seal(plain, ALICE))


def test_what_publish_sends_fits_the_schema(fleet: LocalFleet) -> None:
    """The whole of it, as a service has it."""
    done = publish(b"data", "schema", "a", dest_type="edge", version="1.0.0", client=fleet.cloud)
    assert fits_schema(fleet.cloud.get_object_metadata("schema", "a").description)
    assert done.manifest.size == 4


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1}, {"size": "3"}, {"sha256": "abc"}, {"manifest": 2}, {"codec": "file"},
        {"sbom": [1]}, {"rollback": 1}, {"expires": "tomorrow"}, {"requires": {"a": 1}},
        {"sequence": -1}, {"format": None},
    ],
)  # fmt: skip
def test_schema_refuses_what_is_wrong(change: dict[str, Any]) -> None:
    """A schema that takes everything would help nobody."""
    document = json.loads(Manifest(**GOOD).to_description())
    document["syncnb"] |= change
    assert not VALIDATOR.is_valid(document)


def test_schema_refuses_a_signed_manifest_that_binds_nothing() -> None:
    """As nodes do."""
    assert not fits_schema(seal(Manifest(**GOOD).to_description(), ALICE))
    sealed = json.loads(seal(Manifest(**GOOD | BOUND).to_description(), ALICE))
    assert VALIDATOR.is_valid(sealed)
    for change in ({"key": "ab"}, {"signature": "?"}, {"more": 1}):
        assert not VALIDATOR.is_valid(sealed | {"proof": sealed["proof"] | change})


# ----------------------------------------------------------------- the archive


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifest_of_the_archive_is_read(path: Path) -> None:
    """It fits today's schema; all that it says is understood, and written again it says the same."""
    text = path.read_text("utf-8")
    assert fits_schema(text)
    manifest = Manifest.from_description(text)
    assert manifest is not None
    document = json.loads(text)
    document.pop("proof", None)
    assert json.loads(manifest.to_description()) == document


def test_archive_has_each_kind() -> None:
    """Before and after manifests could be signed; the signed one is the publisher's still."""
    assert {path.name.partition("-")[0] for path in MANIFESTS} == {"0.1.0", "signed"}
    sealed = unseal((ARCHIVE / "signed-model.json").read_text("utf-8"))
    assert sealed is not None
    key = read_public_key(ARCHIVE / "signed-model.pub.pem")
    sealed.check(key, "the archive")
    manifest = Manifest.from_description(sealed.description)
    assert manifest is not None
    assert all(  # else the archive would not keep what it is for
        getattr(manifest, name) for name in Manifest.__dataclass_fields__
    )


# --------------------------------------------------- docs/manifest.md, followed by openssl


def document_blocks() -> tuple[str, str]:
    page = (ROOT / "docs" / "manifest.md").read_text("utf-8")
    proof, data = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    return proof, data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files under the names that the page gives them."""
    for name, source in (
        ("description.json", "signed-model.json"),
        ("public.pem", "signed-model.pub.pem"),
        ("data.bin", "signed-model.data"),
        ("data.signature", "signed-model.data.signature"),
    ):
        shutil.copy(ARCHIVE / source, tmp_path / name)
    return tmp_path


def bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_openssl_verifies_a_manifest_by_the_page_alone(folder: Path) -> None:
    """Who signed, and what; nothing of syncnb runs."""
    done = bash(document_blocks()[0], folder)
    assert done.returncode == 0, done.stderr
    key, computed, verdict = done.stdout.split("\n", 2)
    assert key == computed == PublicKey(read_public_key(folder / "public.pem").der).fingerprint
    assert verdict == "Verified OK\n"
    assert json.loads((folder / "signed.txt").read_text("utf-8") + "}")["syncnb"]["sequence"] == 7


@pytest.mark.parametrize("change", [('"sequence":7', '"sequence":8'), ("schräg", "gerade")])
def test_openssl_refuses_what_was_changed(folder: Path, change: tuple[str, str]) -> None:
    """In any place."""
    path = folder / "description.json"
    path.write_text(path.read_text("utf-8").replace(*change), "utf-8")
    done = bash(document_blocks()[0], folder)
    assert done.returncode != 0
    assert "Verification failure" in done.stdout


def test_openssl_verifies_the_data_by_the_page_alone(folder: Path) -> None:
    """By the sync service's own signature; and the digest is that of the manifest."""
    done = bash(document_blocks()[1], folder)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.from_description((folder / "description.json").read_text("utf-8"))
    assert manifest is not None
    assert done.stdout == f"Verified OK\n{manifest.sha256}\n"
    (folder / "data.bin").write_bytes(b"other")
    assert bash(document_blocks()[1], folder).returncode != 0


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        pytest.param('{"text":"","syncnb":{"format"', "no JSON", id="cut-off"),
        pytest.param('{"text":"","syncnb":{}} ' + "x" * 9000, "8 KB", id="large"),
        pytest.param('{"text":"","syncnb":{"a":"' + "x" * (1 << 20) + '"}}', "8 KB", id="1-MB"),
        pytest.param('{"syncnb":[]}', "not a JSON object", id="list"),
    ],
)
def test_description_that_claims_a_manifest_and_has_none_is_refused(
    description: str, problem: str
) -> None:
    """It is not taken for the text of another tool, and large ones are not parsed."""
    with pytest.raises(InvalidManifestError, match=problem):
        Manifest.from_description(description)
