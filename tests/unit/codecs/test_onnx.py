"""ONNX: checked, one file, open in any runtime, and never with weights from elsewhere."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from syncnb.codecs import default_registry
from syncnb.codecs.onnx import outputs
from syncnb.codecs.onnx_scan import SIZES, has_external_data, without_weights
from syncnb.errors import LoadError, ModelError

from .fitted import read, said, written

X = np.random.default_rng(0).normal(size=(40, 3)).astype("f4")
Y = (X[:, 0] > 0).astype(int)
WEIGHTS = np.arange(3000, dtype="f4").reshape(3, 1000)


def classifier() -> Any:
    model = LogisticRegression().fit(X, Y)
    return skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})


def network(numbers: Any = WEIGHTS) -> Any:
    """A product of matrices, with weights large enough to lie in a file of their own."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1000])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y],
        [numpy_helper.from_array(numbers, "w")],
    )  # fmt: skip
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def with_external_data(folder: Path) -> Path:
    """The network, and its weights in a file beside it."""
    folder.mkdir(parents=True)
    onnx.save_model(
        network(), folder / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    return folder / "m.onnx"


def pointing_to(path: Path, location: str) -> Path:
    """The network, with weights in another file."""
    model = network()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    return path


SOURCES: list[Any] = [
    pytest.param(lambda model, path: model, None, id="model"),
    pytest.param(lambda model, path: path, None, id="path"),
    pytest.param(lambda model, path: str(path), None, id="text"),
    pytest.param(lambda model, path: path.read_bytes(), "onnx", id="bytes"),
]


@pytest.mark.parametrize(("source", "asked"), SOURCES)
def test_model_becomes_a_session_that_says_the_same(
    tmp_path: Path, source: Callable[[Any, Path], Any], asked: str | None
) -> None:
    """However it is given; rows of other widths and frames are made what the model takes."""
    model, path = classifier(), tmp_path / "source.onnx"
    path.write_bytes(model.SerializeToString())
    given = source(model, path)
    name, file = written(given, tmp_path, asked)
    assert name == "onnx"
    assert path.read_bytes() == file.read_bytes() == model.SerializeToString()
    session = read(name, file)
    assert isinstance(session, onnxruntime.InferenceSession)
    expected = LogisticRegression().fit(X, Y).predict(X)
    for rows in (X, X.astype("f8"), X.tolist(), pd.DataFrame(X), {"X": X}):
        assert np.array_equal(said(name, session, rows), expected)
        assert np.array_equal(said(name, given, rows), expected)


def test_bytes_are_a_model_only_on_request() -> None:
    """They could be anything."""
    assert default_registry().for_object(b"").name == "bytes"
    assert default_registry().for_object(b"", "onnx").name == "onnx"
    assert default_registry().for_object("a text that ends in something else").name == "text"


def test_all_outputs_and_several_inputs_are_taken_by_name() -> None:
    """A frame for a model with an input a column."""
    kinds = {"a": TensorProto.FLOAT, "n": TensorProto.INT64}
    inputs = [helper.make_tensor_value_info(k, kind, [None, 1]) for k, kind in kinds.items()]
    y, z = (
        helper.make_tensor_value_info(n, kinds[i], [None, 1]) for n, i in (("y", "a"), ("z", "n"))
    )
    nodes = [helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Neg", ["n"], ["z"])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, [y, z]),
        ir_version=10, opset_imports=[helper.make_opsetid("", 20)],
    )  # fmt: skip
    frame = pd.DataFrame({"n": [1, 2], "unused": ["x", "y"], "a": [0.5, 1.5]})
    first, second = outputs(model, frame)
    assert first.ravel().tolist() == [-0.5, -1.5]
    assert second.ravel().tolist() == [-1, -2]


def test_weights_beside_the_model_are_packed_into_it(tmp_path: Path) -> None:
    """So that one object is the whole model."""
    source = with_external_data(tmp_path / "source")
    assert source.stat().st_size < 1000
    name, file = written(source, tmp_path)
    assert not has_external_data(file)
    assert np.array_equal(said(name, read(name, file), X), X @ WEIGHTS)


@pytest.fixture(params=["absolute", "parent", "link", "hard-link", "not-there"])
def reaching_out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model whose weights are a file that is none of its business."""
    secret, folder = tmp_path / "secret", tmp_path / "inner"
    secret.write_bytes(WEIGHTS.tobytes())
    folder.mkdir()
    location = "w.bin"
    if request.param == "absolute":
        location = str(secret)
    elif request.param == "parent":
        location = "../secret"
    elif request.param == "link":
        (folder / "w.bin").symlink_to(secret)
    elif request.param == "hard-link":
        os.link(secret, folder / "w.bin")
    return pointing_to(folder / "m.onnx", location)


def test_publisher_packs_nothing_from_elsewhere(reaching_out: Path, tmp_path: Path) -> None:
    """A model from the internet must not take a file of this machine along to all nodes."""
    with pytest.raises(ModelError, match=r"weights (that it has )?in other files"):
        written(reaching_out, tmp_path)
    codec: Any = default_registry().for_format("onnx")
    with pytest.raises(ModelError, match="weights that it has in other files cannot be read"):
        codec.dump(reaching_out, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_receiver_reads_no_other_file(reaching_out: Path) -> None:
    """Not even one beside the model; onnxruntime would."""
    with pytest.raises(LoadError, match="takes weights from other files"):
        read("onnx", reaching_out, trusted=True)


def test_receiver_refuses_weights_in_the_folder_of_the_model(tmp_path: Path) -> None:
    """There they could be whatever another object left; the last line shows what would happen."""
    path = with_external_data(tmp_path / "source")
    with pytest.raises(LoadError, match="takes weights from other files"):
        read("onnx", path)
    assert onnxruntime.InferenceSession(path).run(None, {"x": X})


@pytest.mark.parametrize("place", ["initializer", "attribute", "sparse", "function", "training"])
@pytest.mark.parametrize("key", [None, "other", "location"])
def test_model_in_memory_whose_weights_are_elsewhere_is_refused(
    tmp_path: Path, place: str, key: str | None
) -> None:
    """It says where, or not, or in another way: nobody who receives it could load it."""
    weights = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    if key is not None:
        weights.external_data.add(key=key, value="w.bin")
    indices = helper.make_tensor("i", TensorProto.INT64, [2], [0, 1])
    sparse = helper.make_sparse_tensor(weights, indices, [2])
    holder = {
        "attribute": helper.make_node("Constant", [], ["c"], value=weights),
        "sparse": helper.make_node("Constant", [], ["c"], sparse_value=sparse),
    }.get(place)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    nodes = [helper.make_node("Neg", ["x"], ["y"]), *([holder] if holder is not None else [])]
    graph = helper.make_graph(
        nodes, "g", values[:1], values[1:], [weights] if place == "initializer" else []
    )
    opset = helper.make_opsetid("", 20)
    model = helper.make_model(graph, ir_version=10, opset_imports=[opset])
    if place == "function":
        constant = helper.make_node("Constant", [], ["b"], value=weights)
        model.functions.append(helper.make_function("d", "F", [], ["b"], [constant], [opset]))
        model.opset_import.append(helper.make_opsetid("d", 1))
    if place == "training":
        model.training_info.add().algorithm.initializer.append(weights)
    with pytest.raises(
        ModelError, match=r"stored externally|should be stored|for training in other"
    ):
        written(model, tmp_path)


def tensors(model: Any) -> dict[str, Any]:
    """Every place of a model that holds a tensor; each is made and returned."""
    graph = model.graph
    attribute = graph.node[0].attribute
    sparse, inner = graph.sparse_initializer.add(), attribute.add(name="g").g
    function, training = model.functions.add(), model.training_info.add()
    return {
        "initializer": graph.initializer[0],
        "sparse-values": sparse.values,
        "sparse-indices": sparse.indices,
        "attribute": attribute.add(name="t").t,
        "attributes": attribute.add(name="ts").tensors.add(),
        "attribute-sparse": attribute.add(name="s").sparse_tensor.values,
        "attributes-sparse": attribute.add(name="ss").sparse_tensors.add().indices,
        "branch": inner.initializer.add(),
        "branches": attribute.add(name="gs").graphs.add().initializer.add(),
        "branch-in-branch": inner.node.add().attribute.add(name="g").g.initializer.add(),
        "function": function.node.add().attribute.add(name="t").t,
        "function-default": function.attribute_proto.add(name="t").t,
        "training": training.initialization.initializer.add(),
        "training-step": training.algorithm.initializer.add(),
    }


@pytest.mark.parametrize("place", tensors(network()))
@pytest.mark.parametrize("how", ["located", "named"])
def test_pointer_is_found_wherever_a_model_holds_tensors(
    tmp_path: Path, place: str, how: str
) -> None:
    """The list is compared with the definition of the format below."""
    model, path = network(), tmp_path / "m.onnx"
    tensor = tensors(model)[place]
    path.write_bytes(model.SerializeToString())
    assert not has_external_data(path)
    if how == "located":
        tensor.data_location = TensorProto.EXTERNAL
    else:
        tensor.external_data.add(key="location", value="w.bin")
    path.write_bytes(model.SerializeToString())
    assert has_external_data(path)


LIES: dict[str, Callable[[Any], object]] = {
    "nothing": lambda weights: None,
    "a byte less": lambda weights: setattr(weights, "raw_data", weights.raw_data[:-1]),
    "a byte more": lambda weights: setattr(weights, "raw_data", weights.raw_data + b"x"),
    "another shape": lambda weights: weights.dims.append(2),
    "no number": lambda weights: weights.dims.append(0),
    "negative": lambda weights: weights.dims.extend([-1, -1]),
    "two kinds of numbers": lambda weights: weights.float_data.append(1.0),
    "another type": lambda weights: setattr(weights, "data_type", TensorProto.DOUBLE),
    "no type": lambda weights: weights.ClearField("data_type"),
    "texts": lambda weights: setattr(weights, "data_type", TensorProto.STRING),
    "elsewhere": lambda weights: setattr(weights, "data_location", TensorProto.EXTERNAL),
    "no name": lambda weights: weights.ClearField("name"),
}


@pytest.mark.parametrize("lie", LIES)
def test_large_weights_are_checked_as_onnx_checks_them(lie: str, tmp_path: Path) -> None:
    """It is only shown that they are as long as they should be."""
    model = network(np.zeros((3, 100_000), "f4"))
    assert len(without_weights(model.SerializeToString())) < 1000
    LIES[lie](model.graph.initializer[0])
    try:
        onnx.checker.check_model(model.SerializeToString())
    except onnx.checker.ValidationError as error:
        with pytest.raises(ModelError, match=re.escape(str(error).strip().splitlines()[0])):
            written(model, tmp_path)
    else:
        _, path = written(model, tmp_path)
        assert path.read_bytes() == model.SerializeToString()


def test_sizes_of_numbers_are_those_of_onnx() -> None:
    """Types that share bytes are not among them."""
    for number, size in SIZES.items():
        assert helper.tensor_dtype_to_np_dtype(number).itemsize == size


def test_every_message_that_can_hold_a_tensor_is_looked_into() -> None:
    """By the definition of the format that the installed onnx has."""
    from syncnb.codecs.onnx_scan import FIELDS

    def leads(kind: Any, seen: frozenset[str] = frozenset()) -> bool:
        if kind.name == "TensorProto":
            return True
        return kind.name not in seen and any(
            leads(field.message_type, seen | {kind.name})
            for field in kind.fields
            if field.message_type
        )

    waiting, found = [onnx.ModelProto.DESCRIPTOR], {}
    while waiting:
        kind = waiting.pop()
        if kind.name in found:
            continue
        inner = [f for f in kind.fields if f.message_type and leads(f.message_type)]
        found[kind.name] = {f.number: f.message_type.name for f in inner}
        waiting += [f.message_type for f in inner]
    assert found == FIELDS


def test_numbers_and_texts_of_a_forest_hide_no_pointer(tmp_path: Path) -> None:
    """Runs of them are skipped, and what is between and behind them is not."""
    forest = RandomForestClassifier(n_estimators=20, random_state=0).fit(X, Y)
    model, path = skl2onnx.to_onnx(forest, X[:1], options={"zipmap": False}), tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert not has_external_data(path)
    attribute = model.graph.node[0].attribute.add(name="more")
    attribute.floats.extend([1.0, float("nan"), -0.0] * 9)
    attribute.ints.extend([0, -1, 2**40] * 9)
    attribute.strings.extend([b"x" * size for size in range(300)])
    path.write_bytes(model.SerializeToString())
    assert not has_external_data(path)
    attribute.tensors.add().external_data.add(key="location", value="w.bin")  # behind all of them
    path.write_bytes(model.SerializeToString())
    assert has_external_data(path)
    data = attribute.SerializeToString()
    tensor = attribute.tensors[0].SerializeToString()
    pointer = bytes([10 << 3 | 2, len(tensor)]) + tensor
    assert data.endswith(pointer)
    before = pointer + data.removesuffix(pointer)  # and in front of them, as another writer may
    node = field(5, before)
    path.write_bytes(field(7, field(1, node)))
    assert has_external_data(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"no model at all", "wire type|number|field", id="text"),
        pytest.param(bytes(100), "the number 0", id="zeros"),
        pytest.param(b"\xff" * 100, "a number is too long", id="ones"),
        pytest.param(b"\x08\x0a", "no graph", id="no-graph"),
        pytest.param(b"\x3a\xff\xff\xff\xff\x07", "middle of a field", id="claims-2-gb"),
        pytest.param(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "middle of a f", id="claims-eb"),
        pytest.param(b"\x3b\x3c", "wire type 3", id="group"),
        pytest.param(b"\x3a\x02\x08\x01", "onnxruntime refuses", id="odd-graph"),
        pytest.param(b"PK\x03\x04" + bytes(50), "no ONNX file", id="zip"),
    ],
)
def test_garbage_is_refused_with_its_reason(tmp_path: Path, data: bytes, words: str) -> None:
    """By the receiver, and by the publisher."""
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(LoadError, match=words):
        read("onnx", path)
    with pytest.raises(ModelError, match=r"onnx\.checker refuses it"):
        written(path, tmp_path)


def test_damaged_models_are_refused_or_loaded_and_nothing_else(tmp_path: Path) -> None:
    """A few hundred of them, each with some bytes changed."""
    data, path, rnd = (
        bytearray(classifier().SerializeToString()),
        tmp_path / "m.onnx",
        random.Random(0),
    )
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rnd.choice([1, 1, 3])):
            damaged[rnd.randrange(len(damaged))] = rnd.randrange(256)
        path.write_bytes(damaged[: rnd.choice([len(damaged), rnd.randrange(len(damaged))])])
        try:
            read("onnx", path)
        except LoadError:
            continue


def nested(depth: int) -> bytes:
    """A graph in a node in a graph, and so on."""
    data = b""
    for _ in range(depth):
        for number in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            data = field(number, data)
    return field(7, data)


def field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def test_deep_and_crowded_files_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the stack nor the time of a reader is theirs."""
    path = tmp_path / "m.onnx"
    path.write_bytes(nested(2000))
    with pytest.raises(LoadError, match="nested more than 100 deep"):
        read("onnx", path)
    monkeypatch.setattr("syncnb.codecs.onnx_scan.MOST_FIELDS", 1000)
    path.write_bytes(field(7, field(1, b"") * 2000))
    with pytest.raises(LoadError, match="more than 1000 fields"):
        read("onnx", path)


def test_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    """Whatever it is."""
    _, path = written(network(), tmp_path)
    with pytest.raises(LoadError, match="too large"):
        read("onnx", path, limit=10_000)


BOMB = """
import resource, sys
from pathlib import Path
from syncnb.codecs import Loading, default_registry
import onnxruntime
registry = default_registry()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = Path(sys.argv[1])
registry.load(registry.for_format("onnx"), path, Loading(subject="m", folder=path.parent))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_constant_of_a_gigabyte_does_not_unfold(tmp_path: Path) -> None:
    """A few hundred bytes that say "a constant of 1 GB" stay that while they are loaded."""
    size = numpy_helper.from_array(np.array([1 << 28], dtype="i8"), "size")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in "xy")
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=1),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], [size])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    _, path = written(model, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", BOMB, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300 * 1024  # KB


def test_session_has_no_other_provider_than_the_cpu(tmp_path: Path) -> None:
    """What an accelerator computes may differ from what was published."""
    name, path = written(network(), tmp_path)
    assert read(name, path).get_providers() == ["CPUExecutionProvider"]


def test_regression_from_a_frame(tmp_path: Path) -> None:
    """A frame for a model with one input is its matrix."""
    model = LinearRegression().fit(X, X @ [1.0, 2.0, 3.0])
    name, path = written(skl2onnx.to_onnx(model, X[:1]), tmp_path)
    found = said(name, read(name, path), pd.DataFrame(X, columns=list("abc")))
    assert np.allclose(found.ravel(), model.predict(X), atol=1e-5)
