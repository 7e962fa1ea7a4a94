"""Hugging Face: models, tokenizers and pipelines, made here and small."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    TextClassificationPipeline,
    pipeline,
)

from syncnb.codecs import Codec
from syncnb.errors import LoadError, ModelError, UntrustedDataError

Write = Callable[[Any], tuple[Codec, Path]]
Load = Callable[..., Any]
WORDS = ["[PAD]", "[UNK]", "good", "bad", "news"]


def model() -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, id2label={0: "fine", 1: "poor"}, label2id={"fine": 0, "poor": 1},
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


def tokenizer() -> Any:
    inner = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]")


def changed(path: Path, **files: bytes | None) -> None:
    """The archive with other files; None removes one."""
    with zipfile.ZipFile(path) as archive:
        content = {info.filename: archive.read(info) for info in archive.infolist()}
    content |= {name.replace("__", "."): data for name, data in files.items() if data is not None}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            if files.get(name.replace(".", "__"), b"") is not None:
                archive.writestr(name, data)


def test_model_answers_the_same(written: Write, loaded: Load) -> None:
    """Bit for bit, labels and all."""
    made, rows = model(), torch.tensor([[2, 4], [3, 4]])
    codec, path = written(made)
    assert codec.name == "transformers"
    with zipfile.ZipFile(path) as archive:
        assert "model.safetensors" in archive.namelist()
    back = loaded(codec, path)
    assert type(back) is BertForSequenceClassification
    assert torch.equal(back(rows).logits, made(rows).logits)
    assert back.config.id2label == {0: "fine", 1: "poor"}


def test_same_model_makes_the_same_bytes(written: Write, tmp_path: Path) -> None:
    """So that identical ones are not sent again."""
    _, path = written(model())
    first = path.read_bytes()
    _, path = written(model())
    assert path.read_bytes() == first


def test_tokenizer_answers_the_same(written: Write, loaded: Load) -> None:
    """Words and numbers of them."""
    made = tokenizer()
    back = loaded(*written(made))
    assert back("good old news")["input_ids"] == made("good old news")["input_ids"]


def test_pipeline_answers_the_same(written: Write, loaded: Load) -> None:
    """Model, tokenizer and task in one."""
    made = pipeline("text-classification", model=model(), tokenizer=tokenizer())
    back = loaded(*written(made))
    assert type(back) is TextClassificationPipeline
    assert back("good news") == made("good news")


class OwnModel(BertForSequenceClassification):
    """A class of a user."""


def test_class_of_a_user_is_refused(written: Write) -> None:
    """Its code does not travel."""
    with pytest.raises(ModelError, match="code does not travel"):
        written(OwnModel(model().config))


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "modeling.py", "x.pkl", "adapter_config.json"]
)
def test_folder_with_pickles_or_code_is_refused(name: str, written: Write, loaded: Load) -> None:
    """Whatever transformers would do with it."""
    codec, path = written(model())
    changed(path, **{name.replace(".", "__"): b"{}"})
    with pytest.raises(UntrustedDataError, match=name.partition(".")[0]):
        loaded(codec, path)


def test_pickled_weights_are_never_read(written: Write, loaded: Load) -> None:
    """Also under the name of weights that are not pickled."""
    data = io.BytesIO()
    torch.save(model().state_dict(), data)
    codec, path = written(model())
    changed(path, model__safetensors=data.getvalue())
    with pytest.raises(LoadError, match="safetensors"):
        loaded(codec, path)


def test_code_that_the_configuration_names_is_not_fetched(written: Write, loaded: Load) -> None:
    """``auto_map`` names a module of a repository."""
    codec, path = written(model())
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["auto_map"] = {
        "AutoConfig": "evil/repo--configuration.C",
        "AutoModelForSequenceClassification": "evil/repo--modeling.M",
    }
    changed(path, config__json=json.dumps(config).encode())
    assert type(loaded(codec, path)) is BertForSequenceClassification


@pytest.mark.parametrize("architecture", ["Trainer", "__builtins__", "Nowhere"])
def test_unknown_architecture_comes_out_as_a_folder(
    architecture: str, written: Write, loaded: Load
) -> None:
    """It is data, and nothing is called."""
    codec, path = written(model())
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    changed(path, config__json=json.dumps(config | {"architectures": [architecture]}).encode())
    back = loaded(codec, path)
    assert isinstance(back, Path)
    assert (back / "model.safetensors").is_file()
