"""From Python to the nodes and back, through the helpers, and what they refuse."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import nullcontext
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from syncnb import (
    LocalFleet,
    Manifest,
    ObjectMetaData,
    SyncServiceClient,
    Update,
    collect,
    publish,
    publish_dataframe,
    publish_file,
    publish_model,
    report,
    updates,
)
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    InvalidMetaDataError,
    ModelError,
    NoCodecError,
    ObjectNotFoundError,
    UnfittedModelError,
    UntrustedDataError,
    WaitTimeoutError,
    WrongSideError,
)

WaitUntil = Callable[..., None]
X = np.arange(40.0).reshape(20, 2)
Y = (X[:, 0] > 20).astype(int)


def fresh() -> str:
    return f"n{uuid.uuid4().hex}"


def receive(fleet: LocalFleet, object_type: str, node: str = "node1") -> Any:
    """What the next update holds; it is acknowledged."""
    update = next(updates(object_type, client=fleet.node(node), timeout=20))
    with update:
        return update.load()


@pytest.mark.parametrize(
    ("model", "trusted"),
    [
        pytest.param(LogisticRegression(), [], id="linear"),
        pytest.param(make_pipeline(StandardScaler(), LogisticRegression()), [], id="pipeline"),
        pytest.param(
            RandomForestClassifier(n_estimators=5, random_state=0),
            ["sklearn.tree._tree.Tree"],  # a forged one could reach outside its memory
            id="forest",
        ),
    ],
)
def test_model_predicts_the_same_on_the_node(
    fleet: LocalFleet, model: Any, trusted: list[str]
) -> None:
    """Bit for bit; what has to be trusted by name is said when it is published."""
    name, model = fresh(), model.fit(X, Y)
    warned = pytest.warns(UserWarning, match="tree._tree.Tree") if trusted else nullcontext()
    with warned:
        publication = publish_model(
            model, name=name, object_type=name, version="1.0.0", dest_type="edge", example=X[:3],
            metrics={"accuracy": 1.0}, description="a <small> model", client=fleet.cloud,
        )  # fmt: skip
    for node in fleet.nodes:
        update = next(updates(name, client=fleet.node(node), timeout=20))
        with update:
            assert (update.load(trusted=trusted).predict_proba(X) == model.predict_proba(X)).all()
            manifest = update.manifest
        assert manifest is not None
        assert manifest.text == "a <small> model"
        assert manifest.metrics == {"accuracy": 1.0}
        assert manifest.signature == {
            "input": {"dtype": "float64", "shape": [None, 2]},
            "output": {"dtype": "int64", "shape": [None]},
        }
        assert "scikit-learn" in manifest.requires
    frame = publication.wait("consumed", timeout=20)
    assert frame["status"].tolist() == ["consumed", "consumed"]
    assert frame["version"].tolist() == ["1.0.0", "1.0.0"]
    assert publication.done()


def test_frame_arrives_with_its_index_and_dtypes(fleet: LocalFleet) -> None:
    """Times, categories, missing values."""
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2030-01-01", periods=3, tz="UTC"),
            "kind": pd.Categorical(["a", "b", "a"]),
            "count": pd.array([1, None, 3], dtype="Int64"),
            "value": [0.1, float("nan"), 3.0],
        },
        index=pd.Index([5, 6, 7], name="row"),
    )
    name = fresh()
    publish_dataframe(frame, name=name, object_type=name, dest_type="edge", client=fleet.cloud)
    assert_frame_equal(receive(fleet, name), frame)


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 12_000_000])
def test_file_arrives_byte_for_byte(fleet: LocalFleet, tmp_path: Path, size: int) -> None:
    """Whether it travels inside the metadata, whole, or in ranges."""
    path, name = tmp_path / "weights.bin", fresh()
    path.write_bytes(np.random.default_rng(size).bytes(size))
    publish_file(path, name=name, object_type=name, dest_type="edge", client=fleet.cloud)
    update = next(updates(name, client=fleet.node("node1"), timeout=30))
    with update:
        assert update.path().name == "weights.bin"
        assert update.save(tmp_path / "kept").read_bytes() == path.read_bytes()


def test_saved_files_of_one_name_are_kept_apart(fleet: LocalFleet, tmp_path: Path) -> None:
    """By the object, also of another type; a newer version replaces its own, and nothing else."""
    kept, path = tmp_path / "kept", tmp_path / "m.bin"
    kept.mkdir()
    (kept / "own.bin").write_bytes(b"the user's")

    def saved(kind: str, name: str, version: str, file: Path = path) -> str:
        file.write_bytes(f"{kind}/{name} {version}".encode())
        publish_file(
            file, name=name, object_type=kind, version=version, dest_type="edge",
            client=fleet.cloud,
        )  # fmt: skip
        with next(updates(kind, client=fleet.node("node1"), timeout=30)) as update:
            target = update.save(kept)
        return target.name

    one, two = fresh(), fresh()
    assert saved(one, "ma", "1") == "m.bin"
    assert saved(one, "mb", "1") == "mb-m.bin"
    assert saved(two, "mb", "1") == f"{two}-mb-m.bin"
    assert saved(one, "mb-m.bin", "1") == "mb-m.bin-m.bin"
    assert saved(one, "ma", "2") == "m.bin"
    (kept / "m.bin").unlink()  # as a program does that moves it elsewhere
    assert saved(one, "mb", "2") == "mb-m.bin"
    assert saved(one, "ma", "3") == "m.bin"
    assert saved(one, "own", "1", tmp_path / "own.bin") == "own-own.bin"
    files = {file.name: file.read_text() for file in kept.iterdir() if file.name[0] != "."}
    assert files == {
        "m.bin": f"{one}/ma 3",
        "mb-m.bin": f"{one}/mb 2",
        f"{two}-mb-m.bin": f"{two}/mb 1",
        "mb-m.bin-m.bin": f"{one}/mb-m.bin 1",
        "own-own.bin": f"{one}/own 1",
        "own.bin": "the user's",
    }


def test_new_version_replaces_the_old_one(fleet: LocalFleet) -> None:
    """A node that was busy sees the newest only, and acknowledges what it saw."""
    name = fresh()
    first = publish(b"1", name, "a", version="1", dest_type="edge", client=fleet.cloud)
    first.wait("delivered", timeout=20)
    old = next(updates(name, client=fleet.node("node1"), timeout=20))
    second = publish(b"2", name, "a", version="2", dest_type="edge", client=fleet.cloud)
    second.wait("delivered", timeout=20)
    old.consumed()  # of version 1: it must not count for version 2
    assert {row.status for row in second.delivery_rows()} == {"delivered"}
    assert receive(fleet, name) == b"2"


def test_update_comes_again_until_it_is_acknowledged(fleet: LocalFleet) -> None:
    """An exception in the with block is no acknowledgement."""
    name = fresh()
    publication = publish(b"x", name, "a", dest_type="edge", dest_id="node1", client=fleet.cloud)
    publication.wait("delivered", timeout=20)
    seen = 0
    for update in updates(name, client=fleet.node("node1"), timeout=30):
        seen += 1
        try:
            with update:
                if seen == 1:
                    raise RuntimeError("the edge program fails once")
        except RuntimeError:
            assert publication.delivery_rows()[0].status == "delivered"
            continue
        break
    assert seen == 2
    publication.wait("consumed", timeout=20)


def test_deletion_arrives_as_an_update(fleet: LocalFleet) -> None:
    """The edge program learns that a model was withdrawn."""
    name = fresh()
    publication = publish(b"x", name, "a", dest_type="edge", dest_id="node1", client=fleet.cloud)
    publication.wait("delivered", timeout=20)
    publication.delete()
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        if update.deleted:
            with update:
                break
    else:
        pytest.fail("the deletion never came")
    with pytest.raises(ObjectNotFoundError):
        publication.delete()


class Dangerous(BaseEstimator):  # type: ignore[misc]
    """An estimator of nobody's library."""

    def fit(self, x: Any, y: Any) -> Dangerous:
        self.fitted_ = True
        return self


def test_model_of_unknown_types_loads_only_when_they_are_trusted(fleet: LocalFleet) -> None:
    """And the refusal lists them."""
    name = fresh()
    with pytest.warns(UserWarning, match="Dangerous"):
        publish_model(Dangerous().fit(X, Y), name=name, object_type=name, client=fleet.cloud)
    update = next(updates(name, client=fleet.node("node1"), timeout=20))
    with pytest.raises(UntrustedDataError, match="Dangerous") as caught:
        update.load()
    assert "trusted=" in str(caught.value)
    assert update.load(trusted=[f"{__name__}.Dangerous"]).fitted_
    update.close()


def test_joblib_file_of_another_tool_never_runs_unasked(fleet: LocalFleet, tmp_path: Path) -> None:
    """It is known by its name only."""
    name, path = fresh(), tmp_path / "m.joblib"
    joblib.dump({"a": 1}, path)
    from syncnb import ObjectMetaData

    meta = ObjectMetaData(object_type=name, object_id="m.joblib")
    fleet.cloud.update_object(meta, data=path.read_bytes())
    update = next(updates(name, client=fleet.node("node1"), timeout=20))
    assert update.manifest is None
    with pytest.raises(UntrustedDataError, match="trusted=True"):
        update.load()
    assert update.load(trusted=True) == {"a": 1}
    update.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("../../../evil", "evil"), ("..", "data"), ("a/..", "data"), ("a\0b", "data"), ("/", "data")],
)
def test_name_from_the_wire_cannot_leave_its_folder(
    fleet: LocalFleet, wanted: str, found: str
) -> None:
    """A manifest that names ../../x, or the folder above itself."""
    digest = sha256(b"x").hexdigest()
    evil = Manifest(format="bytes", codec="bytes/1", sha256=digest, size=1, file_name=wanted)
    name = fresh()
    meta = ObjectMetaData(object_type=name, object_id="b", description=evil.to_description())
    fleet.cloud.update_object(meta, data=b"x")
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        path = update.path()
        assert path.name == found
        assert path.read_bytes() == b"x"
        assert ".." not in path.parts
        update.close()
        break


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        pytest.param(
            lambda c: publish_model({1, 2}, name="a", client=c), NoCodecError, "builtins.set",
            id="no-codec",
        ),
        pytest.param(
            lambda c: publish_model(LogisticRegression(), name="a", client=c), UnfittedModelError,
            r"LogisticRegression.fit\(X, y\)", id="unfitted",
        ),
        pytest.param(
            lambda c: publish_model(make_pipeline(LogisticRegression()), name="a", client=c),
            UnfittedModelError, "is not fitted", id="unfitted-pipeline",
        ),
        pytest.param(
            lambda c: publish_dataframe(pd.DataFrame(), name="a", client=c), ModelError,
            "it is empty", id="empty-frame",
        ),
        pytest.param(
            lambda c: publish_dataframe(pd.DataFrame({"a": [1, "x"]}), name="a", client=c),
            ModelError, "values of one type", id="mixed-column",
        ),
        pytest.param(
            lambda c: publish_file("/no/such/file", client=c), ModelError, "not there",
            id="no-file",
        ),
        pytest.param(
            lambda c: publish(b"x", "t", "my model", client=c), InvalidMetaDataError,
            "name = 'my model'", id="space-in-name",
        ),
        pytest.param(
            lambda c: publish(
                b"x", "t", "a", dest_type="edge", client=SyncServiceClient("http://127.0.0.1:1")
            ),
            InvalidMetaDataError, "which has an org_id", id="dest-type-at-a-node",
        ),
        pytest.param(
            lambda c: publish(b"x", "t", "a!b", client=c), InvalidMetaDataError, "name = 'a!b'",
            id="name-that-is-never-delivered",
        ),
        pytest.param(
            lambda c: publish(b"x", "t", "a", dest_id="n1", client=c), InvalidMetaDataError,
            "dest_type", id="id-without-type",
        ),
        pytest.param(
            lambda c: publish(b"x", "t", "a", extra={"x": "y" * 9000}, client=c),
            InvalidMetaDataError, "8192 bytes", id="large-manifest",
        ),
        pytest.param(
            lambda c: publish(b"x", "t", "a", example="text", client=c), InvalidMetaDataError,
            "example", id="example",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_sent(
    call: Callable[[SyncServiceClient], object], error: type[Exception], words: str
) -> None:
    """The client has nowhere to send to, so a request would be another error."""
    nowhere = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(error, match=words):
        call(nowhere)


def test_file_name_that_cannot_travel_says_how_to_name_it(tmp_path: Path) -> None:
    """The remedy is an argument, not another file."""
    path = tmp_path / "my model.bin"
    path.write_bytes(b"x")
    nowhere = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError, match=r"my model\.bin") as caught:
        publish_file(path, client=nowhere)
    assert "name=" in caught.value.__notes__[0]


def test_service_that_is_not_there_is_an_error_after_the_timeout() -> None:
    """It may be restarting, so it gets some time."""
    nowhere = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(ConnectionFailedError, match="Check that it runs") as caught:
        publish(b"x", "t", "a", client=nowhere, timeout=0.5)
    assert "timeout=0.5" in caught.value.__notes__[0]


def test_unknown_organisation_is_denied(fleet: LocalFleet) -> None:
    """At once; waiting would not help."""
    client = SyncServiceClient(
        fleet.url, org_id="nosuch", key="admin", secret=fleet.environment()["SYNCNB_SECRET"]
    )
    with pytest.raises(AccessDeniedError, match="organisation is spelled right"):
        publish(b"x", "t", "a", client=client)


def test_wait_names_who_is_missing(fleet: LocalFleet) -> None:
    """With the status of each."""
    name = fresh()
    publication = publish(b"x", name, "a", dest_type="edge", client=fleet.cloud)
    with pytest.raises(WaitTimeoutError, match=r"edge/node1: deliver.*edge/node2: deliver"):
        publication.wait("consumed", timeout=1.0)
    nobody = publish(b"x", name, "b", dest_type="nobody", client=fleet.cloud)
    with pytest.raises(WaitTimeoutError, match=r"No node of type 'nobody' .* 'edge' \(2\)"):
        nobody.wait("delivered", timeout=0.3)


def test_mistyped_type_of_node_is_told(fleet: LocalFleet) -> None:
    """In the table, as text and as HTML, with the one that was meant."""
    publication = publish(b"x", fresh(), "a", dest_type="egde", client=fleet.cloud)
    for shown in (repr(publication), publication._repr_html_()):
        assert "mean" in shown
    assert "mean" not in repr(publish(b"x", fresh(), "a", client=fleet.cloud))


def test_reports_become_one_frame(fleet: LocalFleet) -> None:
    """Rows of several nodes, each once, numbers of numpy as numbers."""
    name = fresh()
    assert collect(name, client=fleet.cloud).empty
    report({"fps": np.float64(29.5), "seen": np.int64(3)}, name, client=fleet.node("node1"))
    report([{"fps": 1.0}, {"fps": 2.0, "note": "é <x>"}], name, client=fleet.node("node2"))
    report(pd.DataFrame({"fps": [7.0, 8.0]}), name, client=fleet.node("node2"))
    frame = collect(name, client=fleet.cloud, timeout=20, min_rows=5)
    assert frame["fps"].tolist() == [29.5, 1.0, 2.0, 7.0, 8.0]
    assert frame["node"].tolist() == ["node1", "node2", "node2", "node2", "node2"]
    assert set(frame["node_type"]) == {"edge"}
    assert frame["note"].tolist()[2] == "é <x>"
    assert str(frame["reported_at"].dt.tz) == "UTC"
    assert collect(name, client=fleet.cloud).empty


def test_reports_that_are_kept_come_again(fleet: LocalFleet) -> None:
    """consume=False only looks."""
    name = fresh()
    report({"a": 1}, name, client=fleet.node("node1"))
    for _ in range(2):
        assert len(collect(name, client=fleet.cloud, timeout=20, consume=False)) == 1


def test_what_is_no_report_is_left_and_named(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """Nothing is lost, and the good ones come."""
    from syncnb import ObjectMetaData

    name, node = fresh(), fleet.node("node1")
    node.update_object(ObjectMetaData(object_type=name, object_id="odd"), data=b"\xff\x00")
    report({"a": 1}, name, client=node)
    wait_until(lambda: len(fleet.cloud.get_updated_objects(name)) == 2)
    with pytest.warns(UserWarning, match=f"{name}/odd"):
        assert collect(name, client=fleet.cloud)["a"].tolist() == [1]
    assert [m.object_id for m in fleet.cloud.get_updated_objects(name)] == ["odd"]


@pytest.mark.parametrize("values", [{}, [], [{}], "text", {1: 2}, {"node": "me"}, {"a": object()}])
def test_bad_report_is_refused_before_anything_is_sent(values: Any) -> None:
    """Names of other columns, and what JSON does not have."""
    with pytest.raises(InvalidMetaDataError):
        report(values, "stats", client=SyncServiceClient("http://127.0.0.1:1"))


def test_report_and_collect_on_the_wrong_side_send_nothing() -> None:
    """A report of the cloud would go to every node, and a node would collect nothing for ever."""
    cloud = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(WrongSideError, match=r"^report is .* Edge Sync Service"):
        report({"fps": 1.0}, "stats", client=cloud)
    with pytest.raises(WrongSideError, match=r"^collect is .* Cloud Sync Service"):
        collect("stats", client=SyncServiceClient("http://127.0.0.1:1"))


@pytest.mark.parametrize("function", [publish_model, publish_dataframe, publish_file])
def test_options_of_publishing_functions_can_be_seen(function: Any, tmp_path: Path) -> None:
    """For completion, and so that an error about a mistyped one names the function."""
    options = {k: p for k, p in signature(publish).parameters.items() if p.default is not p.empty}
    own = signature(function).parameters
    assert {name: own[name] for name in options} == options
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) .*'dest'"):
        function(tmp_path, name="a", dest="edge")


def test_what_a_node_publishes_is_said_to_be_in_the_cloud(fleet: LocalFleet) -> None:
    """No node will ever appear in its table, so nothing waits for one."""
    publication = publish(b"x", fresh(), "a", client=fleet.node("node1"))
    for shown in (repr(publication), publication._repr_html_()):
        assert "It went to the cloud" in shown
        assert "No nodes yet" not in shown
    assert publication.done()
    with pytest.raises(WrongSideError, match=r"^Publication\.wait is .* Cloud Sync Service"):
        publication.wait(timeout=20)


def test_update_says_what_it_is() -> None:
    """In a notebook and in a log."""
    from syncnb import ObjectMetaData

    meta = ObjectMetaData(object_type="model", object_id="a", version="2", deleted=True)
    assert repr(Update(meta, SyncServiceClient("http://x"))) == "<Update model/a 2 (deleted)>"
