"""What statements about keys change, and who may make them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from syncnb.metadata import format_time
from syncnb.signing.statements import Statement
from syncnb.trust.file import Pin, Revoked, State


def apply(state: State, statements: Sequence[Statement], now: datetime) -> tuple[State, list[str]]:
    """Do what statements say, in whichever order they came.

    Parameters
    ----------
    state : State
        Before.
    statements : sequence of Statement
        Properly signed by those that they name; whether those may say it is decided here.
    now : datetime
        Aware.

    Returns
    -------
    state : State
        After.
    done : list of str
        What changed, a sentence each.
    """
    done: list[str] = []
    while True:  # one may make another count, such as the next link of a chain
        before = len(done)
        # Revocations first: a key that was stolen is not to name its successor.
        for statement in sorted(statements, key=lambda one: one.kind == "rotate"):
            act = _revoke if statement.kind == "revoke" else _rotate
            changed = act(state, statement, format_time(now))
            if changed is not None:
                state, sentence = changed
                done.append(sentence)
        if len(done) == before:
            return state, done


def _revoke(state: State, said: Statement, now: str) -> tuple[State, str] | None:
    if said.key in state.revoked:
        return None
    entitled = state.roots if state.rooted else {said.key, *_successors(state, said.key)}
    by = _signer(said, entitled, state)
    if by is None:
        return None
    pin = state.pins.get(said.key, Pin(key=said.key))
    entry = Revoked(
        key=said.key, name=pin.name, root=pin.root, reason=said.reason, by=by, since=now
    )
    return state.with_revoked(entry), f"the key {said.key} is revoked, says {by}"


def _rotate(state: State, said: Statement, now: str) -> tuple[State, str] | None:
    new, old = said.new, state.pins.get(said.key)
    if new is None or new.fingerprint in state.revoked:
        return None
    if new.fingerprint not in said.signers:
        return None  # somebody would give out the key of another as theirs
    if old is not None and old.successor:
        return None  # who has an old key is not to name another successor
    there = state.pins.get(new.fingerprint)
    if there is not None and (old is None or there.root):
        return None
    root = old is not None and old.root
    # The place of a root key is given by itself alone.
    entitled = state.roots if state.rooted and not root else {said.key}
    by = _signer(said, entitled, state)
    if by is None:
        return None
    model = old or replace(state.pins[by], name="")
    pin = there or Pin(
        key=new.fingerprint,
        name=model.name,
        org_id=model.org_id,
        root=root,
        public_key=base64.b64encode(new.der).decode(),
        by=by,
        since=now,
    )
    state = state.with_pin(pin)
    if old is not None and root:
        state = state.without_pin(old.key)
    elif old is not None:
        end = format_time(said.until)
        state = state.with_pin(replace(old, until=end, successor=pin.key))
    place = f" in the place of {said.key}" if said.key else ""
    return state, f"the key {pin.key} is pinned{place}, says {by}"


def _signer(said: Statement, entitled: set[str] | frozenset[str], state: State) -> str | None:
    """One of those who may say it, if they did."""
    found = entitled & said.signers.keys() & state.pins.keys()
    return min(found, default=None)


def _successors(state: State, key: str) -> Iterator[str]:
    seen = {key}
    while (pin := state.pins.get(key)) is not None and pin.successor not in ("", *seen):
        key = pin.successor
        seen.add(key)
        yield key
