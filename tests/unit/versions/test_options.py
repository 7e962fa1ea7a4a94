"""The options of the publishing functions: written once, seen everywhere."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import pytest

from syncnb import publish, publish_dataframe, publish_file, publish_model
from syncnb.options import DEFAULTS, Options


@pytest.mark.parametrize("function", [publish, publish_model, publish_dataframe, publish_file])
def test_every_option_is_in_the_signature_with_its_default(function: Any) -> None:
    """What shift-tab shows and what completion offers in a notebook."""
    found = signature(function).parameters
    assert all(one.kind is not Parameter.VAR_KEYWORD for one in found.values())
    assert {name: found[name].default for name in Options.__annotations__} == dict(DEFAULTS)
    assert function.__doc__


def test_completion_of_ipython_offers_every_option() -> None:
    """As somebody types them."""
    from IPython.core.interactiveshell import InteractiveShell

    make: Any = InteractiveShell
    shell = make()
    shell.user_ns["publish_model"] = publish_model
    completer = shell.Completer
    offered = set(completer._default_arguments(publish_model))
    assert {"version", "archive", "signer", "expires", "dest_type", "name"} <= {
        one.rstrip("=") for one in offered
    }


def test_every_option_is_described() -> None:
    """Once in the type, once for readers of the function."""
    for text in (Options.__doc__, publish.__doc__):
        assert text is not None
        for name in DEFAULTS:
            assert name in text
