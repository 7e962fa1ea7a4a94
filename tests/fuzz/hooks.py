"""What the description cannot say: the metadata name the object of the URL."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Let most bodies fit their URL, so that more than the first rule is tried."""
    body, names = case.body, case.path_parameters
    meta = body.get("meta", body) if isinstance(body, dict) else None
    if not isinstance(meta, dict) or len(str(meta)) % 8 == 0:  # some go as they are
        return
    for member in ("objectType", "objectID"):
        if member in meta and isinstance(names.get(member), str):
            meta[member] = names[member]


@schemathesis.check
def failure_is_one_that_the_protocol_has(context: Any, response: Any, case: Any) -> None:
    """500 says that a signature does not fit, and nothing else."""
    assert response.status_code != 500 or "the signature does not fit" in response.text
