"""What is published in each format, and how the library of that format saves and loads it itself."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

Save = Callable[[Any, Path], object]
Load = Callable[[Path], Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One object in one format.

    Parameters
    ----------
    name : str
        Of the row of the report.
    make : callable
        Makes the object, of a realistic size or of a small one, in a folder of its own.
    save, load : callable
        The library's own; what `publish` is compared with writes the same kind of file.
    use : callable
        Looks at all that was loaded: what is mapped into memory has not been read before.
    suffix : str
        Of the library's file.
    options : mapping
        Of `publish`.
    trusted : bool
        Whether `load` is told to trust the data.
    """

    name: str
    make: Callable[[bool, Path], Any]
    save: Save
    load: Load
    use: Callable[[Any], object] = lambda _: None
    suffix: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    trusted: bool = False


def cases() -> Iterator[Case]:
    """All formats whose libraries are installed."""
    yield from _tables()
    yield from _arrays()
    yield from _plain()
    yield from _estimators()
    yield from _onnx()
    yield from _boosted()
    if find_spec("torch"):
        yield from _torch()


# ------------------------------------------------------------------------ data


def _columns(rows: int) -> dict[str, Any]:
    """Sensor readings: numbers, counters, a time, a short text that repeats and one that does not."""
    draw = np.random.default_rng(0)
    return {
        **{f"x{i}": draw.standard_normal(rows) for i in range(5)},
        "count": draw.integers(0, 1000, rows),
        "at": np.datetime64("2030-01-01", "us") + np.arange(rows) * np.timedelta64(20, "ms"),
        "line": np.array(["north", "south", "east", "west"])[draw.integers(0, 4, rows)],
        "part": [f"part-{n}" for n in draw.integers(0, 10**9, rows)],
    }


def _pandas(rows: int, large: bool, _: Path) -> Any:
    import pandas as pd

    return pd.DataFrame(_columns(rows if large else 1000))


def _polars(rows: int, large: bool, _: Path) -> Any:
    import polars as pl

    return pl.DataFrame(_columns(rows if large else 1000))


def _arrow(rows: int, large: bool, folder: Path) -> Any:
    return _polars(rows, large, folder).to_arrow()


def _sum_of_arrow(table: Any) -> None:
    import pyarrow.compute as pc

    for column in table.columns:
        pc.count(column) if "string" in str(column.type) else pc.max(column)


def _tables() -> Iterator[Case]:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write_ipc(table: Any, path: Path) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    def read_ipc(path: Path) -> Any:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    rows = 500_000
    yield Case(
        name="parquet, pandas", make=partial(_pandas, rows), load=pd.read_parquet,
        save=lambda frame, path: frame.to_parquet(path),
    )  # fmt: skip
    yield Case(
        name="parquet, polars", make=partial(_polars, rows), load=pl.read_parquet,
        save=lambda frame, path: frame.write_parquet(path),
    )  # fmt: skip
    yield Case(
        name="parquet, arrow", make=partial(_arrow, rows), save=pq.write_table, load=pq.read_table
    )
    arrow = {"format": "arrow"}
    yield Case(
        name="arrow, arrow", make=partial(_arrow, rows), options=arrow, use=_sum_of_arrow,
        save=write_ipc, load=read_ipc,
    )  # fmt: skip
    yield Case(
        name="arrow, pandas", make=partial(_pandas, rows), options=arrow,
        save=lambda frame, path: write_ipc(pa.Table.from_pandas(frame), path),
        load=lambda path: read_ipc(path).to_pandas(),
    )  # fmt: skip
    yield Case(
        name="arrow, polars", make=partial(_polars, rows), options=arrow,
        save=lambda frame, path: frame.write_ipc(path, compression="uncompressed"),
        load=pl.read_ipc,
    )  # fmt: skip
    yield Case(
        name="csv, pandas", make=partial(_pandas, 200_000), options={"format": "csv"},
        save=lambda frame, path: frame.to_csv(path, index=False), load=pd.read_csv,
    )  # fmt: skip
    yield Case(
        name="csv, polars", make=partial(_polars, 200_000), options={"format": "csv"},
        save=lambda frame, path: frame.write_csv(path), load=pl.read_csv,
    )  # fmt: skip
    yield Case(
        name="json, pandas", make=partial(_pandas, 100_000), options={"format": "json"},
        save=lambda frame, path: frame.to_json(path, orient="records", date_format="iso"),
        load=lambda path: pd.read_json(path, orient="records"),
    )  # fmt: skip


def _arrays() -> Iterator[Case]:
    def array(large: bool, _: Path) -> Any:
        return np.random.default_rng(0).standard_normal((8_000, 1000) if large else (100, 100))

    def named(large: bool, folder: Path) -> Any:
        whole = array(large, folder)
        return {"train": whole[len(whole) // 4 :], "test": whole[: len(whole) // 4]}

    def read_npz(path: Path) -> Any:
        with np.load(path) as file:
            return dict(file)

    yield Case(
        name="npy", make=array, suffix=".npy", use=np.max, load=np.load,
        save=lambda one, path: np.save(path, one),
    )  # fmt: skip
    yield Case(
        name="npz", make=named, suffix=".npz", load=read_npz,
        save=lambda arrays, path: np.savez(path, **arrays),
    )  # fmt: skip
    if find_spec("safetensors"):
        from safetensors.numpy import load_file, save_file

        yield Case(
            name="safetensors, numpy", make=named, options={"format": "safetensors"},
            use=lambda arrays: [np.max(one) for one in arrays.values()],
            save=save_file, load=load_file,
        )  # fmt: skip


def _plain() -> Iterator[Case]:
    draw = random.Random(0)  # of a benchmark

    def text(large: bool, _: Path) -> Any:
        line = "Der Prüfstand meldet: alles in Ordnung.\n"
        return line * (1_000_000 if large else 1000)

    def value(large: bool, _: Path) -> Any:
        return [
            {
                "id": i,
                "name": f"part {i}",
                "ok": i % 7 > 0,
                "limits": [draw.random() for _ in "abcde"],
            }
            for i in range(100_000 if large else 200)
        ]

    def data(large: bool, _: Path) -> Any:
        return draw.randbytes(64 << 20 if large else 64 << 10)

    def file(large: bool, folder: Path) -> Any:
        path = folder / "firmware.bin"
        path.write_bytes(data(large, folder))
        return path

    def tree(large: bool, folder: Path) -> Any:
        root = folder / "tree"
        root.mkdir()
        for i in range(64):
            (root / f"{i}.bin").write_bytes(draw.randbytes(1 << 20 if large else 1024))
        return root

    def zipped(root: Path, path: Path) -> None:
        with ZipFile(path, "w") as archive:
            for one in sorted(root.iterdir()):
                archive.write(one, one.name)

    def unzipped(path: Path) -> Any:
        root = path.with_suffix(".unpacked")
        shutil.rmtree(root, ignore_errors=True)
        with ZipFile(path) as archive:
            archive.extractall(root)
        return root

    yield Case(
        name="text", make=text, save=lambda one, path: path.write_text(one, "utf-8"),
        load=lambda path: path.read_text("utf-8"),
    )  # fmt: skip
    yield Case(
        name="json, values", make=value, load=lambda path: json.loads(path.read_text("utf-8")),
        save=lambda one, path: path.write_text(json.dumps(one), "utf-8"),
    )  # fmt: skip
    yield Case(
        name="bytes", make=data, save=lambda one, path: path.write_bytes(one),
        load=lambda path: path.read_bytes(),
    )  # fmt: skip
    yield Case(
        name="file", make=file, save=lambda one, path: path.symlink_to(one), load=lambda path: path,
    )  # fmt: skip
    yield Case(name="folder", make=tree, suffix=".zip", save=zipped, load=unzipped)


# ---------------------------------------------------------------------- models


def _labelled(rows: int, columns: int) -> tuple[Any, Any]:
    from sklearn.datasets import make_classification

    return make_classification(rows, columns, n_informative=8, random_state=0)  # type: ignore[no-any-return]


def _forest(trees: int, large: bool, _: Path) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    x, y = _labelled(20_000 if large else 200, 20)
    return RandomForestClassifier(trees if large else 5, random_state=0, n_jobs=2).fit(x, y)


def _neighbours(large: bool, _: Path) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier().fit(*_labelled(100_000 if large else 200, 20))


def _texts(large: bool, _: Path) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline

    draw = np.random.default_rng(0)
    words = np.array([f"word{n}" for n in range(20_000 if large else 500)])
    count = 10_000 if large else 100
    texts = [" ".join(words[draw.integers(0, len(words), 50)]) for _ in range(count)]
    return make_pipeline(TfidfVectorizer(), SGDClassifier(random_state=0)).fit(
        texts, draw.integers(0, 2, count)
    )


def _estimators() -> Iterator[Case]:
    import joblib
    import skops.io

    trees = ["sklearn.tree._tree.Tree"]
    trusted: dict[str, list[str]] = {}

    def reading(kind: str) -> Load:
        def read(path: Path) -> Any:
            if kind not in trusted:  # in the round that does not count
                trusted[kind] = skops.io.get_untrusted_types(file=path)
            return skops.io.load(path, trusted=trusted[kind])

        return read

    yield Case(
        name="skops, forest", make=partial(_forest, 50), save=skops.io.dump, trusted=True,
        load=lambda path: skops.io.load(path, trusted=trees),
    )  # fmt: skip
    yield Case(
        name="skops, neighbours", make=_neighbours, save=skops.io.dump, trusted=True, load=reading("neighbours"),
    )  # fmt: skip
    yield Case(
        name="skops, TF-IDF", make=_texts, save=skops.io.dump, trusted=True, load=reading("texts"),
    )  # fmt: skip
    yield Case(
        name="joblib, forest", make=partial(_forest, 100), save=joblib.dump, load=joblib.load,
        options={"format": "joblib"}, trusted=True,
    )  # fmt: skip
    yield Case(
        name="pickle, forest", make=partial(_forest, 100), trusted=True,
        options={"format": "pickle"}, save=_pickle, load=lambda path: pickle.loads(path.read_bytes()),  # noqa: S301
    )  # fmt: skip


def _pickle(obj: Any, path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(obj, file)


def _onnx() -> Iterator[Case]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    def net(large: bool, _: Path) -> Any:
        width, depth = (2048, 3) if large else (64, 3)
        draw = np.random.default_rng(0)
        weights = [
            numpy_helper.from_array(draw.standard_normal((width, width), np.float32), f"w{i}")
            for i in range(depth)
        ]
        nodes = []
        for i in range(depth):
            nodes.append(helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"m{i}"]))
            nodes.append(helper.make_node("Relu", [f"m{i}"], [f"h{i + 1}"]))
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
            for name in ("h0", f"h{depth}")
        ]
        graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
        return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])

    def forest(large: bool, folder: Path) -> Any:
        from skl2onnx import to_onnx

        model = _forest(20, large, folder)
        return to_onnx(model, np.zeros((1, 20), np.float32), options={"zipmap": False})

    def session(path: Path) -> Any:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def save(model: Any, path: Path) -> None:
        onnx.save_model(model, str(path))

    yield Case(name="onnx, net", make=net, save=save, load=session, suffix=".onnx")
    yield Case(name="onnx, forest", make=forest, save=save, load=session, suffix=".onnx")


def _boosted() -> Iterator[Case]:
    if find_spec("xgboost"):
        import xgboost

        def fitted(large: bool, _: Path) -> Any:
            x, y = _labelled(20_000 if large else 200, 20)
            return xgboost.XGBClassifier(n_estimators=800 if large else 10, max_depth=8).fit(x, y)

        def load(path: Path) -> Any:
            model = xgboost.XGBClassifier()
            model.load_model(path)
            return model

        for name, trusted in (("xgboost, trusted", True), ("xgboost, unknown", False)):
            yield Case(
                name=name, make=fitted, load=load, suffix=".ubj", trusted=trusted,
                save=lambda model, path: model.save_model(path),
            )  # fmt: skip
    if find_spec("lightgbm"):
        import lightgbm

        def boosted(large: bool, _: Path) -> Any:
            x, y = _labelled(20_000 if large else 200, 20)
            settings: dict[str, Any] = {"n_estimators": 500 if large else 10, "verbose": -1}
            return lightgbm.LGBMClassifier(num_leaves=127, **settings).fit(x, y)

        for name, trusted in (("lightgbm, trusted", True), ("lightgbm, unknown", False)):
            yield Case(
                name=name, make=boosted, load=lambda path: lightgbm.Booster(model_file=path),
                save=lambda model, path: model.booster_.save_model(path), trusted=trusted,
            )  # fmt: skip
    if find_spec("catboost"):
        import catboost

        def grown(large: bool, _: Path) -> Any:
            x, y = _labelled(5_000 if large else 200, 20)
            count = 300 if large else 10
            return catboost.CatBoostClassifier(
                count, depth=10 if large else 4, verbose=0, allow_writing_files=False
            ).fit(x, y)

        yield Case(
            name="catboost", make=grown, suffix=".cbm",
            save=lambda model, path: model.save_model(str(path)),
            load=lambda path: catboost.CatBoostClassifier().load_model(str(path)),
        )  # fmt: skip


def _torch() -> Iterator[Case]:
    import torch
    from safetensors.torch import load_file, save_file

    def state(large: bool, _: Path) -> Any:
        width = 2048 if large else 64
        return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(8))).state_dict()

    yield Case(
        name="safetensors, torch", make=state, save=save_file, load=load_file,
        use=lambda tensors: [one.max() for one in tensors.values()],
    )  # fmt: skip
