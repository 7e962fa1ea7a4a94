"""Loading on a node: libraries are compared before anything is fetched, and the cache is used."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest

from syncnb import (
    Cache,
    LocalFleet,
    Manifest,
    ObjectMetaData,
    SyncServiceClient,
    Update,
    loading,
    publish,
    publish_dataframe,
    updates,
)
from syncnb.errors import (
    ConnectionFailedError,
    DigestMismatchError,
    LibraryVersionWarning,
    MissingDependencyError,
)

from .helpers import fresh, publish_raw

NOWHERE = SyncServiceClient("http://127.0.0.1:1", deadline=0.5)


def update_of(**requires: str) -> Update:
    """Of a frame that nobody can give."""
    manifest = Manifest(
        format="parquet", codec="parquet/1", sha256="0" * 64, size=1, requires=requires
    )
    meta = ObjectMetaData(object_type="frame", object_id="a", description=manifest.to_description())
    return Update(meta, NOWHERE)


def test_missing_library_is_named_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service is not even asked."""
    monkeypatch.setattr(loading, "versions", lambda libraries: {})
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"frame/a .*pyarrow 22.0.0.*syncnb\[notebook"):
        update_of(pyarrow="22.0.0").load()


def test_other_distribution_of_the_same_module_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as xgboost where xgboost-cpu wrote it."""
    asked: list[str] = []

    def found(name: str) -> str:
        asked.append(name)
        return name

    monkeypatch.setattr(loading, "versions", lambda libraries: {})
    monkeypatch.setattr(loading, "find_spec", found)
    with pytest.raises(ConnectionFailedError):  # it gets as far as the network
        update_of(pandas="3.0.0").load()
    assert asked


def test_other_versions_are_told_once() -> None:
    """Before the data are fetched; patch releases are not worth a word."""
    major, minor, *_ = pd.__version__.split(".")
    with (
        pytest.warns(LibraryVersionWarning, match=rf"pandas 1.0.7, here is {pd.__version__}"),
        pytest.raises(ConnectionFailedError),
    ):
        update_of(pandas="1.0.7").load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for version in ("1.0.7", f"{major}.{minor}.999"):
            with pytest.raises(ConnectionFailedError):
                update_of(pandas=version).load()


def test_second_load_takes_the_data_from_the_cache(
    fleet: LocalFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another version and another name too; the service has no part in it."""
    name, cache, frame = fresh(), Cache(tmp_path), pd.DataFrame({"a": [1.5, 2.5]})
    publish_dataframe(frame, name="a", object_type=name, dest_type="edge", client=fleet.cloud)
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        with update:
            assert update.load(cache=cache).equals(frame)
            break

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionFailedError("http://127.0.0.1:1", "refused")

    monkeypatch.setattr(SyncServiceClient, "download_object_data", unreachable)
    away = Update(update.meta_data, NOWHERE)
    assert away.load(cache=cache).equals(frame)
    assert away.path(cache=cache).name == "a.parquet"
    away.close()
    with pytest.raises(ConnectionFailedError):
        Update(update.meta_data, NOWHERE).load(cache=False)


def test_path_is_gone_after_the_block(fleet: LocalFleet, tmp_path: Path) -> None:
    """With a cache as without; the cache keeps its own."""
    name, cache = fresh(), Cache(tmp_path)
    publish(b"data", name, "a", dest_type="edge", client=fleet.cloud)
    update = next(updates(name, client=fleet.node("node1"), timeout=20))
    paths = []
    for choice in (cache, False):
        again = Update(update.meta_data, fleet.node("node1"))
        with pytest.raises(KeyError), again:  # noqa: PT012
            paths.append(again.path(cache=choice))
            assert paths[-1].read_bytes() == b"data"
            raise KeyError  # so that it is not consumed
    assert not any(path.exists() for path in paths)
    assert update.manifest is not None
    assert update.manifest.sha256 in cache


def test_cache_that_cannot_be_used_costs_nothing_but_time(
    fleet: LocalFleet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log."""
    name, place = fresh(), tmp_path / "file"
    place.write_text("no folder")
    publish(b"data", name, "a", dest_type="edge", client=fleet.cloud)
    with next(updates(name, client=fleet.node("node1"), timeout=20)) as update:
        assert update.load(cache=Cache(place)) == b"data"
    assert f"{place} cannot be used" in caplog.text


def test_data_that_are_not_what_the_manifest_says_stay_out_of_the_cache(
    fleet: LocalFleet, tmp_path: Path
) -> None:
    """Nor does an object without a digest get in."""
    name, cache = fresh(), Cache(tmp_path)
    publish_raw(fleet.cloud, name, b"odd", sha="ab" * 32)
    update = Update(fleet.cloud.get_object_metadata(name, "a"), fleet.cloud)
    with pytest.raises(DigestMismatchError):
        update.load(cache=cache)
    plain = ObjectMetaData(object_type=name, object_id="b", dest_type="edge")
    fleet.cloud.update_object(plain, data=b"data")
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        if update.name == "b":
            assert update.load(cache=cache) == b"data"
            update.close()
            break
    assert not list(tmp_path.rglob("data/*"))
