"""Estimators of scikit-learn: the same predictions, and no file that does harm."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN, Birch, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from syncnb import LocalFleet, publish_model
from syncnb.codecs import default_registry
from syncnb.codecs.audit import in_words
from syncnb.errors import LoadError, ModelError, UntrustedDataError

from .fitted import Touches, read, said, written

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": ["x", "y", "z"] * 20})
TEXTS = ["good day", "bad rain", "good sun", "bad fog, bad day", "gut é ü", ""] * 10
LABELS = ["good", "bad", "good", "bad", "good", "bad"] * 10
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["kind"])])
FOREST = RandomForestClassifier(n_estimators=5, random_state=0)
TREE = "sklearn.tree._tree.Tree"


class Own:
    """Of somebody."""


@pytest.mark.parametrize(
    ("model", "rows", "labels"),
    [
        pytest.param(LogisticRegression(), X, Y, id="linear"),
        pytest.param(make_pipeline(COLUMNS, LogisticRegression()), FRAME, Y, id="columns"),
        pytest.param(FOREST, X, np.where(Y, "yes", "no"), id="forest"),
        pytest.param(GradientBoostingRegressor(n_estimators=5), X, X[:, 1], id="boosting"),
        pytest.param(HistGradientBoostingClassifier(max_iter=5), X, Y, id="hist-boosting"),
        pytest.param(IsolationForest(n_estimators=5, random_state=0), X, None, id="isolation"),
        pytest.param(make_pipeline(TfidfVectorizer(), SGDClassifier()), TEXTS, LABELS, id="text"),
        pytest.param(
            FeatureUnion([("w", CountVectorizer()), ("h", HashingVectorizer(n_features=16))]),
            TEXTS, None, id="vectorizers",
        ),
        pytest.param(KMeans(3, n_init=1, random_state=0), X, None, id="clusters"),
        pytest.param(KNeighborsClassifier(3), X, Y, id="neighbors"),
        pytest.param(LocalOutlierFactor(5, novelty=True), X, None, id="outliers"),
        pytest.param(SVC(), X, Y, id="kernel"),
        pytest.param(GaussianProcessRegressor(), X, X[:, 1], id="process"),
        pytest.param(MLPRegressor(hidden_layer_sizes=(4,), max_iter=2000, tol=1.0), X, X[:, 1], id="network"),
        pytest.param(
            StackingClassifier([("a", SVC()), ("b", FOREST)], cv=2), X, Y, id="stack"
        ),
        pytest.param(GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2), X, Y, id="search"),
        pytest.param(PCA(2), X, None, id="transformer"),
        pytest.param(
            FeatureUnion([
                *((f"t{i}", FunctionTransformer([np.log1p, np.sin][i == 13])) for i in range(20)),
                ("forest", SelectFromModel(FOREST)),
            ]), abs(X), Y, id="many",
        ),
    ],
)  # fmt: skip
def test_model_says_the_same_after_a_round_trip(
    tmp_path: Path, model: Any, rows: Any, labels: Any
) -> None:
    """Bit for bit, the probabilities too."""
    model.fit(rows, labels)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        name, path = written(model, tmp_path)
    assert name == "skops"
    unknown = skops.io.get_untrusted_types(file=path)
    assert [f"load(trusted={unknown!r})" in str(one.message) for one in told] == [True] * bool(
        unknown
    )
    loaded = read(name, path, trusted=True)
    assert type(loaded) is type(model)
    expected = said(name, model, rows)
    assert expected.size > 0
    assert np.array_equal(said(name, loaded, rows), expected)
    for method in ("predict_proba", "decision_function", "score_samples"):
        if hasattr(model, method):
            assert np.array_equal(getattr(loaded, method)(rows), getattr(model, method)(rows))


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(FOREST.fit(X, Y), id="arrays"),
        pytest.param(KNeighborsClassifier(3).fit(csr_array(X), Y), id="sparse"),
        pytest.param(FunctionTransformer(kw_args={"file": b"x", "__id__": "y"}).fit(X), id="bytes"),
    ],
)
def test_same_model_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    """A cell that runs again publishes the same version, and not another model of that name."""
    (tmp_path / "later").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, path = written(model, tmp_path)
        monkeypatch.setattr("time.time", lambda: 1_900_000_000.0)  # what zipfile asks
        _, later = written(deepcopy(model), tmp_path / "later")
    assert path.read_bytes() == later.read_bytes()
    loaded = read("skops", path, trusted=True)
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()


def test_warning_names_the_line_that_publishes(fleet: LocalFleet) -> None:
    """And no line of syncnb, which a notebook would show."""
    with pytest.warns(UserWarning, match="skops does not vouch for") as warned:
        publish_model(FOREST.fit(X, Y), name="warned", dest_type="none", client=fleet.cloud)
    assert warned[0].filename == __file__


def test_model_that_cannot_predict_is_asked_nothing(tmp_path: Path) -> None:
    """Some clusterings only have labels."""
    model = DBSCAN().fit(X)
    name, path = written(model, tmp_path)
    loaded = read(name, path)
    assert said(name, loaded, X) is None
    assert np.array_equal(loaded.labels_, model.labels_)


def test_boosting_libraries_keep_their_own_formats() -> None:
    """Their estimators derive from scikit-learn's, also those that a user derived."""
    import lightgbm
    import xgboost

    class Mine(xgboost.XGBClassifier):
        """A user's own."""

    codec = default_registry().for_format("skops")
    assert codec is not None
    for model in (xgboost.XGBClassifier(), lightgbm.LGBMRegressor(), Mine()):
        assert not codec.accepts(model)
    assert codec.accepts(make_pipeline(StandardScaler(), xgboost.XGBClassifier()))


def test_audit_is_in_words_for_publisher_and_receiver(tmp_path: Path) -> None:
    """What a forest holds is scikit-learn's own; it is said what it could do all the same."""
    with pytest.warns(UserWarning, match=r"a compiled part of scikit-learn itself") as warned:
        name, path = written(FOREST.fit(X, Y), tmp_path)
    assert f"load(trusted=['{TREE}'])" in str(warned[0].message)
    with pytest.raises(UntrustedDataError, match="loading it runs no code") as refused:
        read(name, path)
    assert f"load(trusted=['{TREE}'])" in str(refused.value)
    assert read(name, path, trusted=[TREE]).predict(X[:1]) == FOREST.predict(X[:1])


def test_odd_one_of_many_is_found_by_the_audit(tmp_path: Path) -> None:
    """They are not looked at one by one where they differ in numbers alone."""
    kinds = [StandardScaler(with_std=bool(i % 2)) for i in range(30)]
    parts: list[Any] = [(f"s{i}", kind) for i, kind in enumerate(kinds)]
    parts.insert(20, ("odd", FunctionTransformer(len, kw_args={"by": [1, Own()]})))
    with pytest.warns(UserWarning, match="holds what skops does not vouch for") as told:
        _, path = written(FeatureUnion(parts).fit(X), tmp_path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert f"{__name__}.Own" in unknown
    assert f"load(trusted={unknown!r})" in str(told[0].message)


def test_refusal_names_all_that_has_to_be_trusted(tmp_path: Path) -> None:
    """Also what was trusted already, so that its advice can be copied."""
    model = make_pipeline(FunctionTransformer(json.dumps), FOREST.fit(X, Y))
    with pytest.warns(UserWarning, match=r"json\.dumps \(from outside scikit-learn"):
        name, path = written(model, tmp_path)
    with pytest.raises(UntrustedDataError) as refused:
        read(name, path, trusted=[TREE])
    assert f"load(trusted=['json.dumps', '{TREE}'])" in str(refused.value)
    assert f"{TREE} (" not in str(refused.value)


def test_skops_that_is_asked_in_another_way_reads_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is handed the schema that was looked at, by names that are not public."""
    with pytest.warns(UserWarning, match="holds what skops"):
        name, path = written(FOREST.fit(X, Y), tmp_path)
    expected = read(name, path, trusted=True).predict(X)
    monkeypatch.setitem(sys.modules, "skops.io._audit", None)
    np.testing.assert_array_equal(read(name, path, trusted=True).predict(X), expected)
    with pytest.raises(UntrustedDataError):
        read(name, path)


def test_bound_method_is_named_and_can_be_trusted(tmp_path: Path) -> None:
    """In the way that the refusal says, or with all else."""
    model = FunctionTransformer(StandardScaler().fit(X).transform).fit(X)
    scaler = "sklearn.preprocessing._data.StandardScaler"
    method = f"{scaler}.transform"
    with pytest.warns(UserWarning, match=method):
        name, path = written(model, tmp_path)
    with pytest.raises(UntrustedDataError, match=method):
        read(name, path)
    for trusted in ([scaler, method], True):
        assert np.array_equal(read(name, path, trusted).transform(X), model.transform(X))


def test_audit_puts_the_most_dangerous_first() -> None:
    """A reader may stop there."""
    words = in_words([TREE, "mine.Model", "numpy.mean", "__main__.f", "subprocess.Popen"])
    places = [
        words.index(name) for name in ("subprocess", "__main__", "mine.Model", "numpy.mean", TREE)
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        pytest.param(FunctionTransformer(lambda x: x).fit(X), "named function", id="lambda"),
        pytest.param(Birch().fit(X), "format='joblib'", id="not-supported"),
    ],
)
def test_model_that_skops_cannot_hold_says_what_to_do(
    tmp_path: Path, model: Any, words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(ModelError, match=words):
        written(model, tmp_path)


# Files that another program made.


def forged(path: Path, schema: Any, **members: bytes) -> Path:
    """A skops file with this schema and these files."""
    if isinstance(schema, dict):
        schema = json.dumps({"protocol": 2, "_skops_version": "0.14.0", **schema})
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", schema)
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def node(loader: str, kind: str = "builtins.list", **fields: Any) -> dict[str, Any]:
    module, _, name = kind.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **fields}


def array(name: str) -> dict[str, Any]:
    return node("NdArrayNode", "numpy.ndarray", type="numpy", file=name)


def text(value: object) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def npy(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


Forgery = Callable[[Path], dict[str, Any]]
CALLS: list[tuple[str, Forgery]] = [
    (
        "reduce",
        lambda to: node(
            "ConstructorFromReduceNode", "os.mkdir",
            content=node("TupleNode", "builtins.tuple", content=[text(str(to))]),
        ),
    ),
    (
        "partial",
        lambda to: node(
            "DefaultDictNode", "collections.defaultdict",
            content={
                "main": node(
                    "DictNode", "builtins.dict", content={},
                    key_types=node("ListNode", content=[]),
                ),
                "default_factory": node(
                    "ConstructorFromReduceNode", "os.mkdir",
                    content=node("TupleNode", "builtins.tuple", content=[text(str(to))]),
                ),
            },
        ),
    ),
    (
        "key-type",
        lambda to: node(
            "DictNode", "builtins.dict", content={str(to): text(1)},
            key_types=node("ListNode", content=[node("TypeNode", "os.mkdir")]),
        ),
    ),
    (
        "array-type",
        lambda to: node("NdArrayNode", "os.mkdir", type="numpy", file="a.npy"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("forge", [pytest.param(forge, id=name) for name, forge in CALLS])
def test_forged_schema_calls_nothing(tmp_path: Path, forge: Forgery) -> None:
    """Unless the caller trusts what it names; the last lines show that the file is dangerous."""
    marker = tmp_path / "marker"
    path = forged(tmp_path / "m.skops", forge(marker), **{"a.npy": npy(np.array(str(marker)))})
    with pytest.raises(UntrustedDataError, match=r"os\.mkdir \(can run commands"):
        read("skops", path)
    assert not marker.exists()
    with pytest.raises(UntrustedDataError):
        read("skops", path, trusted=[TREE])
    assert not marker.exists()
    if forge is CALLS[0][1]:
        assert read("skops", path, trusted=["os.mkdir"]) is None
        assert marker.exists()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param("not JSON", "JSONDecodeError", id="no-json"),
        pytest.param("[]", "no object", id="no-object"),
        pytest.param({"protocol": 99}, "protocol 99", id="protocol"),
        pytest.param(node("NoSuchNode"), "NoSuchNode", id="unknown-loader"),
        pytest.param(node("ListNode", content=[array("gone.npy")]), "gone.npy", id="no-file"),
        pytest.param(node("CachedNode", __id__=7), "unknown object id", id="no-such-node"),
        pytest.param("[" * 200_000 + "]" * 200_000, "Recursion", id="deep"),
        pytest.param(
            node("ObjectNode", "sklearn.svm._classes.SVC", content=text([1])),
            "cannot read its data",
            id="state",
        ),
        pytest.param(array("empty.npy"), "EOFError|ValueError", id="empty-array"),
    ],
)
def test_lying_schema_is_refused(tmp_path: Path, schema: Any, words: str) -> None:
    """With the reason of whoever found it."""
    with pytest.raises(LoadError, match=words):
        read("skops", forged(tmp_path / "m.skops", schema, **{"empty.npy": b""}))


@pytest.mark.parametrize("packed", ["npy", "npz"])
def test_array_of_pickled_objects_runs_nothing(tmp_path: Path, packed: str) -> None:
    """What numpy would unpickle if it were let; refused before it is asked."""
    marker = tmp_path / "marker"
    data = npy(np.array([Touches(marker)], dtype=object), allow_pickle=True)
    if packed == "npz":
        file = io.BytesIO()
        with ZipFile(file, "w") as archive:
            archive.writestr("format.npy", data)
        data, schema = file.getvalue(), node(
            "SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="a"
        )  # fmt: skip
    else:
        schema = array("a")
    path = forged(tmp_path / "m.skops", schema, a=data)
    with pytest.raises(LoadError, match="an array of it holds pickled objects"):
        read("skops", path, trusted=True)
    assert not marker.exists()


def zeros(size: int) -> bytes:
    return npy(np.zeros(size, dtype="u1"))


def packed_zeros(size: int) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, data=np.zeros(size, dtype="u1"))
    return file.getvalue()


def claiming(size: int) -> bytes:
    """The header of an array of `size` bytes, and none of them."""
    head = zeros(1)[:-1]
    return head.replace(b"(1,)", f"({size},)".encode()).replace(b" " * (len(str(size)) - 1), b"", 1)


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("schema", "member"),
    [
        pytest.param(array("a"), zeros(64 * MEGABYTE), id="one-array"),
        pytest.param(
            node("ListNode", content=[array("a")] * 200), zeros(MEGABYTE), id="many-times"
        ),
        pytest.param(
            node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="a"),
            packed_zeros(64 * MEGABYTE), id="zip-in-zip",
        ),
        pytest.param(array("a"), claiming(1 << 40), id="header"),
        pytest.param(
            node("ListNode", content=[array("a")] * 20), claiming(4 * MEGABYTE), id="many-headers"
        ),
        pytest.param(array("a"), b"PK\3\4" + bytes(64 * MEGABYTE), id="not-even-opened"),
        pytest.param(
            node("BytesNode", "builtins.bytes", file="a"), bytes(64 * MEGABYTE), id="bytes"
        ),
        pytest.param("{" + " " * 64 * MEGABYTE + "}", b"", id="schema"),
    ],
)  # fmt: skip
def test_zip_bomb_does_not_fill_the_memory(tmp_path: Path, schema: Any, member: bytes) -> None:
    """The limit is kept before anything is unpacked, also if all is trusted."""
    path = forged(tmp_path / "m.skops", schema, a=member)
    assert path.stat().st_size < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match="would take more than 33554432 bytes of memory"):
            read("skops", path, trusted=True, limit=32 * MEGABYTE)
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_limit_lets_real_models_through(tmp_path: Path) -> None:
    """The estimate is no more than a few times the file."""
    model = TfidfVectorizer().fit([f"word{i} other{i}" for i in range(2000)])
    name, path = written(model, tmp_path)
    read(name, path, limit=30 * path.stat().st_size)
