"""The words for how far an object is (rest-api.md, 8.1 and 8.5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class _Word(StrEnum):
    """A word of the protocol; words of a newer service are members too, without a constant.

    Each is a `str`, equal to the word as the service spells it.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_, word._value_ = value, value
        return word

    def __repr__(self) -> str:
        return repr(str(self))


class ObjectState(_Word):
    """How far an object is at one service (rest-api.md, 8.1).

    Examples
    --------
    >>> ObjectState("ready") == ObjectState.READY == "ready"
    True
    >>> ObjectState("somethingNew")
    'somethingNew'
    """

    NOT_READY = "notReady"  # sent from here; its data are missing
    VERIFYING = "verifying"  # its signature is being checked, or its data put together
    VERIFICATION_FAILED = "verificationFailed"  # the signature is wrong, the data are gone
    READY = "ready"  # complete: delivered, or being delivered
    CONSUMED_BY_DEST = "consumedByDest"  # of an ESS: the CSS consumed it
    PARTIALLY_RECEIVED = "partiallyreceived"  # received here; its data are still to come
    RECEIVER_VERIFYING = "receiverVerifying"
    RECEIVER_VERIFICATION_FAILED = "receiverVerificationFailed"
    COMPLETELY_RECEIVED = "completelyReceived"  # complete, and new for applications
    RECEIVED = "objreceived"  # every application took note of it
    CONSUMED = "objconsumed"  # every application is done with it
    DELETED = "objdeleted"  # deleted; somebody still has to hear of it


class DestinationState(_Word):
    """How far an object is at one of its destinations (rest-api.md, 8.5).

    Examples
    --------
    >>> DestinationState("delivered") is DestinationState.DELIVERED
    True
    """

    PENDING = "pending"  # not announced yet
    DELIVERING = "delivering"  # announced
    DELIVERED = "delivered"  # the node has all of it
    CONSUMED = "consumed"  # the node's applications are done with it
    ERROR = "error"  # the node says why in `message`; it is tried again
    DELETED = "deleted"  # the node acknowledged the deletion
