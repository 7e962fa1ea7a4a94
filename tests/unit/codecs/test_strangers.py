"""What a node serves opens in programs that never heard of syncnb, each by its own library.

Each program is an interpreter of its own in isolated mode. It fetches the data of the object from
the node with the standard library's HTTP, and prints what it made of them, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from syncnb import LocalFleet, publish

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
NUMBERS = X[:, 0] * 2 + X[:, 1]
TWO = (NUMBERS > 0).astype(int)
ROWS = X[:5].astype(float).tolist()
FRAME = pd.DataFrame(
    {"text": ["a", "ü,\n", None], "number": [1.5, None, -2.0], "whole": [1, 2, 3]},
    index=pd.Index([10, 20, 30], name="row"),
)

FETCH = """
import base64, json, os, sys, urllib.request
path, kind, rows = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
login = f"{os.environ['SYNCNB_KEY']}:{os.environ['SYNCNB_SECRET']}".encode()
request = urllib.request.Request(
    f"{os.environ['SYNCNB_URL']}/api/v1/objects/{kind}/thing/data",
    headers={"Authorization": "Basic " + base64.b64encode(login).decode()},
)
with urllib.request.urlopen(request, timeout=30) as answer, open(path, "wb") as file:
    file.write(answer.read())
"""
FOUND = """
assert not any(name.partition(".")[0] == "syncnb" for name in sys.modules)
print(json.dumps(found))
"""
ONNXRUNTIME = """
import numpy, onnxruntime
session = onnxruntime.InferenceSession(path)
found = session.run(None, {session.get_inputs()[0].name: numpy.array(rows, "f4")})[0].tolist()
"""
XGBOOST = """
import ctypes, glob
from importlib.util import find_spec
root = os.path.dirname(find_spec("xgboost").origin)
lib = ctypes.CDLL(glob.glob(os.path.join(root, "lib", "*xgboost*"))[0])
handle, data, out = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.POINTER(ctypes.c_float)()
assert lib.XGBoosterCreate(None, 0, ctypes.byref(handle)) == 0
assert lib.XGBoosterLoadModel(handle, path.encode()) == 0
flat, size = [x for row in rows for x in row], ctypes.c_uint64()
values, nan = (ctypes.c_float * len(flat))(*flat), ctypes.c_float(float("nan"))
shape = ctypes.c_uint64(len(rows)), ctypes.c_uint64(len(rows[0]))
assert lib.XGDMatrixCreateFromMat(values, *shape, nan, ctypes.byref(data)) == 0
assert lib.XGBoosterPredict(handle, data, 0, 0, 0, ctypes.byref(size), ctypes.byref(out)) == 0
found = [out[i] for i in range(size.value)]
"""
LIGHTGBM = """
import ctypes, glob
from importlib.util import find_spec
root = os.path.dirname(find_spec("lightgbm").origin)
lib = ctypes.CDLL(glob.glob(os.path.join(root, "lib", "*lightgbm*"))[0])
handle, rounds, size = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int64()
assert lib.LGBM_BoosterCreateFromModelfile(
    path.encode(), ctypes.byref(rounds), ctypes.byref(handle)) == 0
flat = [x for row in rows for x in row]
values, out = (ctypes.c_double * len(flat))(*flat), (ctypes.c_double * len(rows))()
assert lib.LGBM_BoosterPredictForMat(
    handle, values, 1, len(rows), len(rows[0]), 1, 0, 0, -1, b"", ctypes.byref(size), out) == 0
found = list(out)
"""
CATBOOST = """
import catboost
found = catboost.CatBoost().load_model(path).predict(rows).tolist()
"""
SKOPS = """
import skops.io
found = skops.io.load(path).predict(rows).tolist()
"""
DUCKDB = """
import duckdb
found = duckdb.execute(f"select text, number, whole, row from read_parquet('{path}') order by row").fetchall()
"""
ARROW = """
import polars
found = polars.read_ipc(path).select("text", "number", "whole", "row").rows()
"""
CSV = """
import csv
found = list(csv.reader(open(path, newline="", encoding="utf-8")))
"""
SAFETENSORS = """
from safetensors import safe_open
assert "torch" not in sys.modules
with safe_open(path, framework="numpy") as file:
    found = {name: file.get_tensor(name).tolist() for name in file.keys()}
"""
NUMPY = """
import numpy
found = numpy.load(path, allow_pickle=False).tolist()
"""
ZIP = """
import zipfile
found = {name: zipfile.ZipFile(path).read(name).decode() for name in zipfile.ZipFile(path).namelist()}
"""


TABLE = [["a", 1.5, 1, 10], ["ü,\n", None, 2, 20], [None, -2.0, 3, 30]]
LINEAR = make_pipeline(StandardScaler(), LinearRegression()).fit(X, NUMBERS)
LABELS = LogisticRegression().fit(X, TWO)
XGB = xgboost.XGBRegressor(n_estimators=5).fit(X, NUMBERS)
LGB = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, NUMBERS)
CAT = catboost.CatBoostRegressor(iterations=5, verbose=0, allow_writing_files=False).fit(X, NUMBERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder" / "a").mkdir(parents=True)
    (tmp_path / "folder" / "a" / "b.txt").write_text("text")
    (tmp_path / "folder" / "c").write_text("é")
    return tmp_path / "folder"


TO_ONNX = {"convert": "onnx", "example": X}
TENSORS = {"w": X, "half": X[:1].astype("float16")}
WHOLE = FRAME[["whole"]].reset_index(drop=True)


@pytest.mark.parametrize(
    ("obj", "options", "program", "expected"),
    [
        pytest.param(LABELS, TO_ONNX, ONNXRUNTIME, LABELS.predict(X[:5]), id="onnx"),
        pytest.param(XGB, {}, XGBOOST, XGB.predict(X[:5]), id="xgboost-c-api"),
        pytest.param(LGB, {}, LIGHTGBM, LGB.predict(X[:5]), id="lightgbm-c-api"),
        pytest.param(CAT, {}, CATBOOST, CAT.predict(X[:5]), id="catboost"),
        pytest.param(LINEAR, {}, SKOPS, LINEAR.predict(ROWS), id="skops"),
        pytest.param(FRAME, {}, DUCKDB, TABLE, id="parquet-duckdb"),
        pytest.param(FRAME, {"format": "arrow"}, ARROW, TABLE, id="arrow-polars"),
        pytest.param(WHOLE, {"format": "csv"}, CSV, [["whole"], ["1"], ["2"], ["3"]], id="csv"),
        pytest.param(
            TENSORS, {"format": "safetensors"}, SAFETENSORS,
            {name: array.tolist() for name, array in TENSORS.items()}, id="safetensors",
        ),
        pytest.param(X, {}, NUMPY, X, id="numpy"),
        pytest.param("folder", {}, ZIP, {"a/": "", "a/b.txt": "text", "c": "é"}, id="zip"),
    ],
)  # fmt: skip
def test_what_a_node_serves_opens_elsewhere(
    obj: Any, options: Any, program: str, expected: Any,
    fleet: LocalFleet, folder: Path, tmp_path: Path,
) -> None:  # fmt: skip
    """The same numbers, texts and rows, to the last bit."""
    kind = f"s{uuid.uuid4().hex}"
    given = folder if isinstance(obj, str) else obj
    publish(given, kind, "thing", dest_type="edge", client=fleet.cloud, **options).wait(
        "delivered", timeout=60
    )
    said = subprocess.run(
        [sys.executable, "-I", "-c", FETCH + program + FOUND, tmp_path / "file", kind, json.dumps(ROWS)],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
        env=os.environ | fleet.environment("node1"),
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    found = json.loads(said.stdout.splitlines()[-1])
    np.testing.assert_equal(found, expected.tolist() if hasattr(expected, "tolist") else expected)
