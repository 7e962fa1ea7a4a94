"""Keys take a while to make: each once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from syncnb.signing.keys import FileSigner

Keys = Callable[[str], FileSigner]


@cache
def key(name: str) -> FileSigner:
    """The key of somebody; the same for the same name."""
    assert name
    return FileSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="session")
def keys() -> Keys:
    """A signer by the name of its owner."""
    return key
