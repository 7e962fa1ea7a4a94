"""Files that are made to do harm: what is in them, and what their manifest calls them."""

from __future__ import annotations

import io
import json
import pickle
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from syncnb.codecs.zips import entry
from tests.unit.codecs.fitted import Touches

Make = Callable[[Path], bytes]  # of the marker that it would make
_CLAIMED = 64 << 20  # bytes


def _bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def joblib_that_runs(marker: Path) -> bytes:
    return _bytes(lambda out: joblib.dump(Touches(marker), out))


def pickle_that_runs(marker: Path) -> bytes:
    return pickle.dumps(Touches(marker))


def _skops(schema: dict[str, Any], **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "schema.json", json.dumps({"protocol": 2, "_skops_version": "0.14.0", **schema})
        )
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _node(loader: str, kind: str, **fields: Any) -> dict[str, Any]:
    module, _, name = kind.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **fields}


def skops_that_calls(marker: Path) -> bytes:
    text = _node("JsonNode", "builtins.str", content=json.dumps(str(marker)), is_json=True)
    arguments = _node("TupleNode", "builtins.tuple", content=[text])
    return _skops(_node("ConstructorFromReduceNode", "os.mkdir", content=arguments))


def skops_bomb(marker: Path) -> bytes:
    """64 MB of zeros, packed to 64 KB, named three hundred times."""
    zeros = _bytes(lambda out: np.save(out, np.zeros(_CLAIMED, "u1")))
    array = _node("NdArrayNode", "numpy.ndarray", type="numpy", file="a")
    return _skops(_node("ListNode", "builtins.list", content=[array] * 300), a=zeros)


def _zip(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return out.getvalue()


def zip_that_climbs(marker: Path) -> bytes:
    return _zip((entry("good"), b"1"), (entry(f"a/../../../{marker.name}"), b"2"))


def zip_with_an_absolute_path(marker: Path) -> bytes:
    return _zip((entry(str(marker)), b"1"))


def _special(name: str, kind: int, data: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    info = entry(name)
    info.external_attr = (kind | 0o777) << 16
    return info, data


def zip_with_a_link(marker: Path) -> bytes:
    link = _special("a", stat.S_IFLNK, str(marker.parent).encode())
    return _zip(link, (entry(f"a/{marker.name}"), b"1"))


def zip_with_a_device(marker: Path) -> bytes:
    return _zip(_special(marker.name, stat.S_IFCHR, b""))


def zip_with_a_reserved_name(marker: Path) -> bytes:
    return _zip((entry("good"), b"1"), (entry("nul.txt"), b"2"))


def zip_bomb(marker: Path) -> bytes:
    """64 MB of zeros, packed to 64 KB, which three hundred entries of the directory share."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("000", bytes(_CLAIMED))
    whole = out.getvalue()
    start = whole.index(b"PK\x01\x02")
    first, end = whole[start : whole.index(b"PK\x05\x06")], bytearray(whole[-22:])
    listed = b"".join(first.replace(b"000", b"%03d" % number) for number in range(300))
    end[8:16] = struct.pack("<HHI", 300, 300, len(listed))
    return whole[:start] + listed + bytes(end)


def tar_that_climbs(marker: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(f"../{marker.name}"))
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, str(marker.parent)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(f"a/{marker.name}"))
    return out.getvalue()


def parquet_with_a_lying_footer(marker: Path) -> bytes:
    """It says that it has two gigabytes."""
    whole = _bytes(lambda out: pq.write_table(pa.table({"a": [1]}), out))
    return whole[:-8] + struct.pack("<I", (1 << 31) - 1) + b"PAR1"


def parquet_bomb(marker: Path) -> bytes:
    """A text of a megabyte, a million times."""
    column = pa.DictionaryArray.from_arrays(np.zeros(1_000_000, "i4"), pa.array(["x" * 1_000_000]))
    return _bytes(lambda out: pq.write_table(pa.table({"a": column}), out))


def safetensors_with_a_header_of_10_gb(marker: Path) -> bytes:
    return (10 << 30).to_bytes(8, "little") + b"{}"


def onnx_with_data_elsewhere(marker: Path) -> bytes:
    """Its weights are a file of the node."""
    secret = marker.with_name("secret")
    secret.write_bytes(bytes(12))
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in "xy")
    weights = numpy_helper.from_array(np.zeros(3, "f4"), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=str(secret))
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weights]
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    return bytes(model.SerializeToString())
