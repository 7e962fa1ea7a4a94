"""What to do about a refusal, where the service's own words say more than its status."""

from __future__ import annotations

import re

_UNKNOWN_NODE = re.compile(
    r"destination\b.*(not registered|not found|n't exist|not exist|unknown|invalid)"
    r"|(invalid|unknown|no such) destination\b"
)
_CHANGED = re.compile(r"\b(add|remove|exist[ae]nce)\b")


def remedy_of(status: int, operation: str, said: str) -> str:
    """What to do.

    Parameters
    ----------
    status : int
        HTTP status.
    operation : str
        The client's method that was called.
    said : str
        The service's own text, which each make of service words in its own way.

    Returns
    -------
    str
        Empty where no more is known than the status; then the usual remedy holds.

    Examples
    --------
    >>> remedy_of(400, "update_object", "destination edge:nope is not registered")
    'See client.get_destinations() for the nodes that are registered.'
    >>> remedy_of(400, "update_object", "wrong state")
    ''
    """
    text = said.lower()
    if status == 404 and operation == "update_object_data":
        return "Call update_object first, which creates the object that the data belong to."
    if status not in (400, 500):
        return ""
    if "destination" in text and "policy" in text:
        if operation == "update_object" and _CHANGED.search(text):
            return "Delete the object first, or use another ID."
    elif _UNKNOWN_NODE.search(text):
        return "See client.get_destinations() for the nodes that are registered."
    return ""
