"""The example of a model: exact on the way, small, and compared where it arrives."""

from __future__ import annotations

import json
import uuid
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from sklearn.cluster import DBSCAN
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from syncnb import LocalFleet, Manifest, publish_model, updates
from syncnb.codecs import default_registry
from syncnb.codecs.comparing import difference
from syncnb.codecs.examples import check_example, describe, pack_example, signature
from syncnb.codecs.packing import pack, same, unpack
from syncnb.errors import InvalidMetaDataError, SelfCheckError
from syncnb.signing import make_key

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ [1.0, -2.0, 3.0]
SKOPS: Any = default_registry().for_format("skops")
LINEAR = LinearRegression().fit(X, Y)


def manifest(example: Any) -> Manifest:
    """As a receiver reads it off the wire."""
    sent = Manifest(format="skops", codec="skops/1", sha256="", size=1, example=example)
    received = Manifest.from_description(sent.to_description())
    assert received is not None
    return received


def there_and_back(value: Any) -> Any:
    packed = pack(value)
    assert packed is not None
    return unpack(json.loads(json.dumps(packed, allow_nan=False)))


@given(
    arrays.arrays(
        dtype=st.one_of(
            arrays.floating_dtypes(endianness="="), arrays.integer_dtypes(endianness="="),
            arrays.unsigned_integer_dtypes(endianness="="), arrays.boolean_dtypes(),
            arrays.unicode_string_dtypes(max_len=5, endianness="="),
            arrays.datetime64_dtypes(endianness="="), arrays.timedelta64_dtypes(endianness="="),
        ),
        shape=arrays.array_shapes(min_dims=0, min_side=0, max_side=3),
    )
)  # fmt: skip
def test_arrays_come_back_exactly(value: Any) -> None:
    """Each width of float, nan and infinities, times; a shape with a 0 in it."""
    assert same(there_and_back(value), value)


class Frame(pd.DataFrame):
    """As geopandas has one."""


FRAME = pd.DataFrame(
    {
        "float": [0.1, float("nan"), float("inf")],
        "float32": np.array([0.1, 1e-40, -0.0], dtype="f4"),
        "int": [1, -2, 2**62],
        "bool": [True, False, True],
        "text": ["a", "é <x>", ""],
        "object": pd.Series(["a", 1, None], dtype=object),
        "missing": pd.array([1, None, 3], dtype="Int64"),
        "float64": pd.array([1.5, None, 3], dtype="Float64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "kind": pd.Categorical(["b", None, "a"], categories=["b", "a", "c"], ordered=True),
        "when": pd.DatetimeIndex(["2030-01-01", "NaT", "1969-12-31"]),
        "zoned": pd.DatetimeIndex(["2030-06-01", "NaT", "2030-12-01"]).tz_localize("Europe/Berlin"),
        "took": pd.to_timedelta(["1 day", None, "1 ns"]),
        7: [1.0, 2.0, 3.0],
    }
)
POLARS = pl.DataFrame(
    {
        "float": [0.1, None, float("nan")],
        "int": pl.Series([1, None, 3], dtype=pl.UInt8),
        "text": ["a", None, "é"],
        "flag": [True, None, False],
    }
).with_columns(
    when=pl.Series([0, None, 10**15], dtype=pl.Int64).cast(pl.Datetime("us", "Europe/Berlin")),
    day=pl.Series([0, None, 20000], dtype=pl.Int32).cast(pl.Date),
)


@pytest.mark.parametrize(
    "value",
    [
        *(pytest.param(FRAME[[name]], id=f"pandas-{name}") for name in FRAME),
        *(pytest.param(POLARS[[name]], id=f"polars-{name}") for name in POLARS.columns),
        pytest.param(FRAME["kind"], id="series"),
        pytest.param(["a", "é"], id="texts"),
        pytest.param([{"a": 1.5, "b": [None, "x"]}], id="mappings"),
        pytest.param({"x": X[:1], "ids": np.array([[1]])}, id="inputs"),
        pytest.param(np.array(["a", None, 1, float("nan")], dtype=object), id="objects"),
    ],
)
def test_rows_of_all_kinds_come_back_exactly(value: Any) -> None:
    """A model may look at any of it."""
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(np.array([1j]), id="complex"),
        pytest.param(np.array([object()]), id="any-object"),
        pytest.param(np.array([(1, 2.0)], dtype="i4,f8"), id="record"),
        pytest.param(sparse.csr_array(np.eye(2)), id="sparse"),
        pytest.param(pd.DataFrame([[1, 2]], columns=["a", "a"]), id="columns-of-one-name"),
        pytest.param(pd.DataFrame({("a", "b"): [1]}), id="columns-of-levels"),
        pytest.param(
            pd.DataFrame({"a": pd.period_range("2030", periods=2, freq="D")}), id="period"
        ),
        pytest.param(pl.DataFrame({"a": [[1, 2]]}), id="polars-list"),
        pytest.param([{"float": "nan"}], id="ours"),
        pytest.param([(1, 2)], id="tuple"),
        pytest.param(np.ma.array([1, 2], mask=[True, False]), id="masked"),
        pytest.param(Frame({"a": [1]}), id="frame-of-another-class"),
    ],
)
def test_what_would_not_be_exact_is_left_out(value: Any) -> None:
    """A receiver would compare something else."""
    assert pack(value) is None


@pytest.mark.parametrize(
    "packed",
    [
        {}, [], None, {"new-kind": 1}, {"values": [1], "dtype": "float64"},
        {"values": [1], "dtype": "S1000000000", "shape": [1]},
        {"values": ["x"], "dtype": "V1000000000", "shape": [1]},
        {"values": [1], "dtype": "float64", "shape": [1 << 60]},
        {"values": ["a"], "dtype": "float64", "shape": [1]},
        {"values": [2**70], "dtype": "int64", "shape": [1]},
        {"values": [1], "dtype": "M8[xx]", "shape": [1]},
        {"pandas": [["a", "Sparse[int]", [1]]]}, {"pandas": 5}, {"pandas": [["a", "Int64", ["x"]]]},
        {"polars": [["a", "Object", [1]]]}, {"polars": [["a", {"unit": "xx", "zone": ""}, [1]]]},
        {"pandas": [["a", "datetime64[ns, No/Where]", [1]]]}, {"list": 5}, {"inputs": {"a": {}}},
    ],
)  # fmt: skip
def test_forged_example_is_a_failed_check(packed: Any) -> None:
    """It comes from the wire, and is read before the model is asked."""
    example = {"input": packed, "output": {"dtype": "float64", "shape": [1], "values": [1.0]}}
    with pytest.raises(SelfCheckError, match="cannot be read"):
        check_example(SKOPS, LINEAR, manifest(example), "object model/m")


def test_good_model_passes_and_another_does_not() -> None:
    """The reason says where and how much."""
    _, example = describe(SKOPS, LINEAR, X)
    check_example(SKOPS, LINEAR, manifest(example), "object model/m")
    other = LinearRegression().fit(X, Y + np.eye(1, 40, 0).ravel())
    with pytest.raises(
        SelfCheckError, match=r"row 0 gives .* the largest difference is 0\."
    ) as error:
        check_example(SKOPS, other, manifest(example), "object model/m")
    assert str(error.value).startswith("object model/m: it predicts other values")


def test_model_that_cannot_predict_its_example_fails_the_check() -> None:
    """As one that was fitted on other columns."""
    _, example = describe(SKOPS, LINEAR, X)
    narrow = LinearRegression().fit(X[:, :2], Y)
    with pytest.raises(SelfCheckError, match=r"cannot predict its own example.*3 features"):
        check_example(SKOPS, narrow, manifest(example), "object model/m")


def test_nothing_is_compared_where_there_is_nothing() -> None:
    """No example, or data that predict nothing."""
    check_example(SKOPS, None, manifest({}), "object model/m")
    bytes_codec: Any = default_registry().for_format("bytes")
    assert describe(bytes_codec, b"", X)[1] == {}
    signed, example = describe(SKOPS, DBSCAN().fit(X), X)
    assert signed == {"input": {"dtype": "float64", "shape": [None, 3]}}
    assert example == {}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        pytest.param([1.0, 2.0], [1.0, 2.0 + 1e-9], "", id="rounding"),
        pytest.param([1.0, 2.0], [1.0, 2.001], "row 1 gives 2.001 and not 2.0", id="float"),
        pytest.param(
            np.array([1, 2], "f4"), np.array([1, 2.00001], "f4"), "", id="rounding-of-32-bits"
        ),
        pytest.param(np.array([1, 2], "f4"), np.array([1, 2.01], "f4"), "row 1", id="float-of-32-bits"),
        pytest.param([1e9, 1e-3], [1e9, 2e-3], "", id="small-beside-large"),
        pytest.param([0.0], [1e-3], "row 0", id="zero"),
        pytest.param([float("nan")], [float("nan")], "", id="nan"),
        pytest.param([float("nan")], [1.0], "row 0 gives 1.0 and not nan", id="no-nan"),
        pytest.param([float("inf")], [float("inf")], "", id="infinity"),
        pytest.param([1, 2], [1, 3], "row 1 gives 3 and not 2", id="label"),
        pytest.param(["a"], ["b"], "row 0 gives 'b' and not 'a'", id="text"),
        pytest.param([True], [False], "row 0", id="bool"),
        pytest.param([1, 2], [1, 2, 3], "their shape is (3,) and not (2,)", id="shape"),
        pytest.param([["a", "b"], ["c", "d"]], [["a", "b"], ["c", "x"]], "row 1", id="matrix"),
    ],
)  # fmt: skip
def test_difference_is_none_or_says_where(one: Any, other: Any, found: str) -> None:
    """Floats by more than rounding, all else at all."""
    said = difference(np.asarray(one), np.asarray(other))
    assert said.startswith(found) if found else said == ""


@pytest.mark.parametrize(
    ("example", "found"),
    [
        pytest.param(X, {"dtype": "float64", "shape": [None, 3]}, id="array"),
        pytest.param(
            pd.DataFrame({"a": [1], "b": ["x"]}),
            {"columns": [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "str"}]},
            id="pandas",
        ),
        pytest.param(
            pl.DataFrame({"a": [1]}), {"columns": [{"name": "a", "dtype": "Int64"}]}, id="polars"
        ),
        pytest.param(["a"], {"dtype": "str", "shape": [None]}, id="texts"),
        pytest.param([[1, 2]], {"dtype": "int64", "shape": [None, 2]}, id="lists"),
        pytest.param([{"a": 1}], {"dtype": "object", "shape": [None]}, id="mappings"),
        pytest.param(
            sparse.csr_array(np.eye(2)),
            {"dtype": "float64", "shape": [None, 2], "sparse": "csr"}, id="sparse",
        ),
        pytest.param(
            {"x": X}, {"inputs": {"x": {"dtype": "float64", "shape": [None, 3]}}}, id="inputs"
        ),
    ],
)  # fmt: skip
def test_signature_names_what_a_model_takes(example: Any, found: Any) -> None:
    """Names, dtypes, shapes; the sample axis is open."""
    assert signature(example) == {"input": found}


@pytest.mark.parametrize(
    "example",
    [
        pytest.param("text", id="text"), pytest.param([], id="empty"), pytest.param(5, id="number"),
        pytest.param([[1], [1, 2]], id="ragged"), pytest.param(X[:, :2], id="other-columns"),
        pytest.param(np.array(["a"]), id="other-type"), pytest.param({"x": 1}, id="mapping"),
    ],
)  # fmt: skip
def test_example_that_the_model_cannot_take_names_the_argument(example: Any) -> None:
    """At the publisher, where it can be put right."""
    with pytest.raises(InvalidMetaDataError, match=r"(?s)^example = .*rows of the model's input"):
        describe(SKOPS, LINEAR, example)


def test_wide_example_has_one_row_and_a_very_wide_one_none() -> None:
    """The manifest has 8 KB in all; the signature is there all the same."""
    for width, rows in ((10, 5), (60, 1), (400, 0)):
        x = np.random.default_rng(0).normal(size=(9, width))
        with pytest.warns(match="left out") if not rows else nullcontext():
            signed, example = describe(SKOPS, LinearRegression().fit(x, x[:, 0]), x)
        assert signed["input"]["shape"] == [None, width]
        assert signed["output"] == {"dtype": "float64", "shape": [None]}
        assert (example["output"]["shape"] if example else [0]) == [rows]
        manifest(example)
    assert pack_example(["x" * 1900], np.array([1]))
    assert not pack_example(["x" * 2048], np.array([1]))


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        pytest.param(LogisticRegression().fit(X, np.where(Y > 0, "yes", "no")), X, id="labels"),
        pytest.param(
            make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["a good", "a bad"], [0, 1]),
            ["a good day", "é"], id="texts",
        ),
        pytest.param(LinearRegression().fit(pd.DataFrame(X, columns=[*"abc"]), Y),
                     pd.DataFrame(X, columns=[*"abc"]), id="frame"),
        pytest.param(RandomForestRegressor(3).fit(X, np.stack([Y, -Y], 1)), X, id="two-outputs"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:this RandomForestRegressor holds:UserWarning")  # of its trees
def test_example_arrives_with_the_model(fleet: LocalFleet, model: Any, rows: Any) -> None:
    """From the publisher to the check on a node."""
    name = f"n{uuid.uuid4().hex}"
    publish_model(
        model, name=name, object_type=name, dest_type="edge", example=rows, client=fleet.cloud
    )
    with next(updates(name, client=fleet.node("node1"), timeout=20)) as update:
        found = update.manifest
        assert found is not None
        assert found.example
        assert "output" in found.signature
        check_example(SKOPS, update.load(trusted=True), found, "object model/m")


@pytest.mark.parametrize("signed", [False, True])
def test_example_goes_before_what_people_wrote(
    signed: bool, fleet: LocalFleet, tmp_path: Path
) -> None:
    """A manifest that is too long with it travels without it, at any length of the rest."""
    name, model = f"n{uuid.uuid4().hex}", LinearRegression().fit(X, Y)
    signer = make_key(tmp_path / "key.pem") if signed else False

    def published(length: int) -> Manifest:
        return publish_model(
            model, name=name, object_type=name, dest_type="edge", example=X, client=fleet.cloud,
            extra={"notes": "x" * length}, signer=signer,
        ).manifest  # fmt: skip

    kept = []
    for length in range(5400, 6750 if signed else 7050, 150):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = published(length)
        assert found.signature["output"] == {"dtype": "float64", "shape": [None]}
        assert bool(found.example) is not any("do not compare" in str(w.message) for w in said)
        kept.append(bool(found.example))
    assert kept == sorted(kept, reverse=True)
    assert set(kept) == {True, False}
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(InvalidMetaDataError, match=r"(?s)^extra = .*8192 bytes"),
    ):
        published(9000)
