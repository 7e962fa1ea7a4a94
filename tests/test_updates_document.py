"""The examples of docs/updates.md run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

import syncnb
from syncnb import LocalFleet, Update, publish

DOCUMENT = (Path(__file__).parent.parent / "docs" / "updates.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_runs(fleet: LocalFleet, tmp_path: Path, number: int) -> None:
    """With one object that waits, which it takes."""
    example = EXAMPLES[number].replace('"model"', f'"model{number}"')
    publication = publish(b"1", f"model{number}", "one", dest_type="edge", client=fleet.cloud)
    publication.wait("delivered", nodes=2)
    names: dict[str, Any] = {"client": fleet.node("node1"), "folder": tmp_path, "models": []}
    exec("import asyncio, syncnb", names)  # noqa: S102
    exec(example, names)  # noqa: S102
    if "first_model" in names:
        names["model"] = asyncio.run(names["first_model"]())
    if "newest" in names:
        assert [update.name for update in names["newest"]] == ["one"]
        assert [update.name for update in names["of_a_kind"]] == ["one"]
    if "model" in names:
        assert names["model"] == b"1"


def test_exception_ends_the_loop_unless_it_is_caught_inside(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the document says; the update is not acknowledged, and comes again."""
    loop = next(example for example in EXAMPLES if "syncnb.updates" in example)
    going_on = next(example for example in EXAMPLES if "except Exception" in example)
    publish(b"1", "failing", "one", dest_type="edge", client=fleet.cloud).wait("delivered", nodes=2)
    names: dict[str, Any] = {"client": fleet.node("node1")}
    load, faults = Update.load, [OSError("disk full"), OSError("disk full")]

    def failing(update: Update) -> Any:
        if faults:
            raise faults.pop()
        return load(update)

    monkeypatch.setattr(Update, "load", failing)
    with pytest.raises(OSError, match="disk full"):
        exec(loop.replace('"model"', '"failing"'), names)  # noqa: S102
    exec(going_on.replace('"model"', '"failing"'), {"syncnb": syncnb, **names}, names)  # noqa: S102
    assert (names["model"], faults) == (b"1", [])
