"""PyTorch: state dicts, TorchScript, exported programs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from syncnb.codecs import Codec
from syncnb.errors import LoadError, ModelError, UntrustedDataError

Write = Callable[[Any], tuple[Codec, Path]]
Load = Callable[..., Any]


class Net(nn.Module):
    """Two layers of one weight, a buffer, and a type that numpy does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4)
        self.short = nn.Parameter(torch.rand(3, dtype=torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.second(torch.relu(self.first(x))))


def trained() -> Net:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (net(torch.rand(8, 4)) - 1).pow(2).mean().backward()
        optimizer.step()
    return net.eval()


def test_module_is_made_again_from_its_state(written: Write, loaded: Load) -> None:
    """Bit for bit, shared weights and all."""
    net, rows = trained(), torch.rand(5, 4)
    codec, path = written(net)
    state = loaded(codec, path)
    assert codec.name == "safetensors"
    assert state["first.weight"].data_ptr() == state["second.weight"].data_ptr()
    assert state["short"].dtype == torch.bfloat16
    other = Net()
    other.load_state_dict(state, strict=True)
    assert torch.equal(other.eval()(rows), net(rows))
    path.unlink()
    assert torch.equal(state["short"], net.short)


READER = """
import json, sys
sys.modules["torch"] = None  # as if it was not installed
from safetensors import safe_open
with safe_open(sys.argv[1], framework="numpy") as file:
    weight = file.get_tensor("first.weight")
    print(json.dumps([sorted(file.keys()), file.metadata(), str(weight.dtype), weight.tolist()]))
"""


def test_state_dict_opens_without_torch_and_syncnb(written: Write) -> None:
    """In the reader of safetensors itself."""
    net = trained()
    _, path = written(net)
    said = subprocess.run(
        [sys.executable, "-I", "-c", READER, path],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    names, about, dtype, weight = json.loads(said)
    assert set(names) == set(net.state_dict()) - {"second.weight"}
    assert about == {"format": "pt", "second.weight": "first.weight"}
    assert dtype == "float32"
    assert weight == net.first.weight.detach().tolist()


def test_state_dict_with_views_of_one_storage(written: Write, loaded: Load) -> None:
    """Each comes out with its own values."""
    base = torch.arange(12.0).reshape(3, 4)
    state = OrderedDict(
        all=base, turned=base.T, row=base[1], empty=torch.zeros(0, 3), one=torch.tensor(7)
    )
    back = loaded(*written(state))
    assert set(back) == set(state)
    for name, tensor in state.items():
        assert torch.equal(back[name], tensor)


def test_small_view_of_a_large_tensor_is_a_small_file(written: Write) -> None:
    """Not the tensor behind it."""
    _, path = written({"row": torch.zeros(1_000_000, 2)[:1]})
    assert path.stat().st_size < 1000


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ({"a": torch.eye(3).to_sparse()}, "sparse"),
        ({"a": torch.empty(3, device="meta")}, "meta"),
    ],
)
def test_what_has_no_plain_values_is_refused(state: Any, problem: str, written: Write) -> None:
    """Before anything is written."""
    with pytest.raises(ModelError, match=problem):
        written(state)


def test_module_without_tensors_is_refused(written: Write) -> None:
    """There is nothing to publish."""
    with pytest.raises(ModelError, match="no tensors"):
        written(nn.ReLU())


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch calls it old
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_torchscript_runs_after_the_journey_if_trusted(written: Write, loaded: Load) -> None:
    """And only then."""
    net, rows = trained(), torch.rand(5, 4)
    codec, path = written(torch.jit.script(net))
    assert codec.name == "torchscript"
    with pytest.raises(UntrustedDataError):
        loaded(codec, path)
    back = loaded(codec, path, trusted=True)
    assert torch.equal(back(rows), net(rows))
    np.testing.assert_array_equal(codec.predict(back, rows.numpy()), net(rows).detach().numpy())  # type: ignore[attr-defined]


def test_exported_program_runs_after_the_journey_if_trusted(written: Write, loaded: Load) -> None:
    """And only then."""
    net, rows = trained(), torch.rand(5, 4)
    codec, path = written(torch.export.export(net, (rows,)))
    assert codec.name == "torch-export"
    with pytest.raises(UntrustedDataError):
        loaded(codec, path)
    back = loaded(codec, path, trusted=True)
    np.testing.assert_array_equal(codec.predict(back, rows.numpy()), net(rows).detach().numpy())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["torchscript", "torch-export"])
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_garbage_is_refused(name: str, tmp_path: Path, loaded: Load) -> None:
    """With the object's name."""
    path = tmp_path / "data.pt"
    path.write_bytes(b"PK\x03\x04" + b"garbage" * 100)
    with pytest.raises(LoadError, match="model/m"):
        loaded(name, path, trusted=True)
