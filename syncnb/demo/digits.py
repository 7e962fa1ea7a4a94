"""The data of the demonstration: 1,797 images of digits, which scikit-learn ships."""

from __future__ import annotations

from typing import Any

_TRAINING = 1200  # the first so many images; the rest is what the cameras see


def training() -> tuple[Any, Any]:
    """Images and digits to learn from.

    Returns
    -------
    tuple of numpy.ndarray
        Images, (1200, 64) with values from 0 to 1, and digits, (1200,).
    """
    images, digits = _all()
    return images[:_TRAINING], digits[:_TRAINING]


def seen_by(number: int, of: int) -> tuple[Any, Any]:
    """What one of the nodes sees.

    Parameters
    ----------
    number : int
        Of the node, from 0.
    of : int
        Number of nodes.

    Returns
    -------
    tuple of numpy.ndarray
        Images, (n, 64), and what they are, (n,).
    """
    images, digits = _all()
    return images[_TRAINING + number :: of], digits[_TRAINING + number :: of]


def _all() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    return images / 16.0, digits
