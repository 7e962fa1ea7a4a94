"""A model folder in the local cache of Hugging Face."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncnb.bridges import resolve
from syncnb.errors import ModelError

from .cache import Cache

SAFE = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "onnx/model.onnx": b"graph",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_links_become_files_with_the_same_bytes(cache: Cache) -> None:
    """Subfolders too; where it comes from is known."""
    commit = cache.add("acme/defects", SAFE)
    with resolve("hf:acme/defects") as source:
        assert contents(source.obj) == SAFE
        assert not any(path.is_symlink() for path in source.obj.rglob("*"))
        assert (source.name, source.version) == ("defects", "")
        assert source.extra == {
            "huggingface": {"repo": "acme/defects", "revision": "main", "commit": commit}
        }
        folder = source.obj
    assert not folder.exists()
    with resolve(f"hf:acme/defects@{commit}") as again:
        assert contents(again.obj) == SAFE


def test_a_name_with_dots_keeps_them(cache: Cache) -> None:
    """They are no suffix of a file."""
    cache.add("acme/small-v1.5", SAFE)
    with resolve("hf:acme/small-v1.5") as source:
        assert source.name == "small-v1.5"


@pytest.mark.parametrize("revision", ["v2", "refs/pr/1"])
def test_a_revision_is_a_branch_a_tag_or_a_commit(cache: Cache, revision: str) -> None:
    """Each its own files."""
    cache.add("acme/defects", SAFE)
    commit = cache.add("acme/defects", {"config.json": b"{2}"}, ref=revision)
    for one in (revision, commit):
        with resolve(f"hf:acme/defects@{one}") as source:
            assert contents(source.obj) == {"config.json": b"{2}"}


def test_the_cache_is_where_its_own_variables_say(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_HUB_CACHE before HF_HOME before XDG_CACHE_HOME, also for a model of nobody."""
    Cache(tmp_path / "hub").add("gpt2", {"config.json": b"hub"})
    Cache(tmp_path / "xdg" / "huggingface" / "hub").add("gpt2", {"config.json": b"xdg"})
    cache.add("gpt2", {"config.json": b"home"})
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    found = []
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        with resolve("hf:gpt2") as source:
            found.append(contents(source.obj)["config.json"])
        monkeypatch.delenv(name)
    assert found == [b"hub", b"home", b"xdg"]


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "a/model.pt", "x.pth", "x.CKPT", "x.pkl", "x.joblib", "x.h5"]
)
def test_pickles_travel_only_when_asked_for(cache: Cache, name: str) -> None:
    """The error names them, and its remedy leaves them out."""
    cache.add("acme/defects", SAFE | {name: b"pickle"})
    with pytest.raises(ModelError) as caught, resolve("hf:acme/defects"):
        pass
    assert name in str(caught.value)
    assert "include=['*.json', '*.onnx', '*.safetensors']" in str(caught.value)
    with resolve("hf:acme/defects", include=["*.json", "*.onnx", "*.safetensors"]) as source:
        assert contents(source.obj) == SAFE
    with resolve("hf:acme/defects", include=[name]) as source:
        assert contents(source.obj) == {name: b"pickle"}


def test_what_is_not_in_the_cache_is_named_with_what_is(cache: Cache) -> None:
    """And the command that fetches it."""
    commit = cache.add("acme/defects", SAFE)
    with pytest.raises(ModelError, match=f"no 'v9' of it, only main, {commit}"):
        resolve("hf:acme/defects@v9").__enter__()
    with pytest.raises(ModelError, match="hf download acme/other"):
        resolve("hf:acme/other").__enter__()


def test_data_that_are_gone_are_no_file(cache: Cache) -> None:
    """Such as after half of a clean-up."""
    cache.add("acme/defects", SAFE)
    for blob in (cache.repo("acme/defects") / "blobs").iterdir():
        blob.unlink()
    with pytest.raises(ModelError, match="are gone from the cache"):
        resolve("hf:acme/defects").__enter__()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_model_is_refused(cache: Cache, tmp_path: Path, kind: str) -> None:
    """Otherwise a download could publish what else lies on the disk."""
    commit = cache.add("acme/defects", SAFE)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("private")
    target = tmp_path / "secrets" / ("key" if kind == "file" else "")
    (cache.repo("acme/defects") / "snapshots" / commit / "extra.json").symlink_to(target)
    with pytest.raises(ModelError, match=r"'extra\.json' is a link out"):
        resolve("hf:acme/defects").__enter__()


@pytest.mark.parametrize(
    "address",
    ["hf:", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a@../../x", "hf:a@/etc/passwd", "hf:a b"],
)
def test_an_address_cannot_leave_the_cache(cache: Cache, address: str) -> None:
    """It is no path."""
    with pytest.raises(ModelError, match="it names no model"):
        resolve(address).__enter__()


def test_patterns_that_are_one_text_are_refused(cache: Cache) -> None:
    """Its letters would be patterns."""
    cache.add("acme/defects", SAFE)
    with pytest.raises(ModelError, match=r"write \['\*\.json'\]|Write \['\*\.json'\]"):
        resolve("hf:acme/defects", include="*.json").__enter__()
    with pytest.raises(ModelError, match="no file of it is to travel"):
        resolve("hf:acme/defects", include=["*.txt"]).__enter__()
