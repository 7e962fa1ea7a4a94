"""The command ``syncnb keys``: keys that sign, and whose objects are taken here."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.errors import InvalidMetaDataError, SettingsError
from syncnb.signing.signers import KEY, PASSPHRASE
from syncnb.trust.file import VARIABLE

if TYPE_CHECKING:
    from syncnb.client import SyncServiceClient
    from syncnb.signing import PublicKey, Signer, Statement
    from syncnb.trusting import Trust

_Client = Callable[[argparse.Namespace], "SyncServiceClient"]
EPILOG = f"""\
A publisher makes a key, once, and signs with it:
  syncnb keys make publisher.pem
  export {KEY}=publisher.pem

Each node pins it, and takes nothing else from then on:
  syncnb keys pin publisher.pem.pub --name "data science"

Later, the next key takes its place; nodes follow by themselves:
  syncnb keys make next.pem
  syncnb keys rotate next.pem --old publisher.pem --out rotation.json
  syncnb keys publish rotation.json

{KEY} holds the path of a private key or its PEM text, {PASSPHRASE}
its passphrase. {VARIABLE} names the file of pins instead of the user's own.
docs/trust.md tells it all."""


def add_commands(
    parser: argparse.ArgumentParser,
    connecting: Callable[[argparse.ArgumentParser], None],
    client: _Client,
) -> None:
    """Give a parser the commands about keys.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of ``syncnb keys``.
    connecting : callable
        Adds the options that say where the service is.
    client : callable
        Makes a client of those options.
    """
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], about: str, example: str
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"example:\n  syncnb keys {name} {example}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.set_defaults(act=run, client=client)
        return one

    one = command("make", _make, "make a key that signs", "publisher.pem")
    one.add_argument("file", type=Path, help="the private key; FILE.pub is the public one")
    one.add_argument(
        "--encrypt",
        action="store_true",
        help=f"by the passphrase of {PASSPHRASE}, or ask",
    )
    one.add_argument("--bits", type=int, default=3072, metavar="N", help="length (default 3072)")
    one.add_argument("--json", action="store_true", help="for a machine")

    one = command("show", _show, "what a key is", "publisher.pem.pub")
    one.add_argument("file", nargs="?", help=f"private or public key (default: {KEY})")
    one.add_argument("--json", action="store_true", help="for a machine")

    one = command("list", _list, "the keys that are pinned and revoked here", "--json")
    one.add_argument("--json", action="store_true", help="for a machine")
    _trusting(one)

    one = command("pin", _pin, "take what a key signs, and nothing else", "publisher.pem.pub")
    one.add_argument("key", help="public key, or its fingerprint")
    one.add_argument("--name", default="", help="whose it is")
    one.add_argument("--org", default="", help="the only organisation for which it counts")
    one.add_argument(
        "--root", action="store_true", help="it signs statements about keys, and no objects"
    )
    _trusting(one)

    one = command("unpin", _unpin, "do not take any more what a key signs", "3f9a01c2")
    one.add_argument("key", help="fingerprint, or eight digits of its beginning")
    _trusting(one)

    one = command(
        "revoke", _revoke, "never take again what a key signed, here or everywhere",
        "3f9a01c2 --reason 'laptop stolen'",
    )  # fmt: skip
    one.add_argument("key", help="fingerprint")
    one.add_argument("--reason", default="", help="for people")
    one.add_argument(
        "--by", metavar="FILE", help="private key that says it to all nodes: make a statement"
    )
    one.add_argument("--out", type=Path, metavar="FILE", help="write the statement there")
    _trusting(one)

    one = command(
        "rotate", _rotate, "state that a new key takes the place of an old one",
        "next.pem --old publisher.pem --out rotation.json",
    )  # fmt: skip
    one.add_argument("new", help="the new private key")
    one.add_argument("--old", metavar="FILE", help="the old private key")
    one.add_argument(
        "--old-key", default="", metavar="FINGERPRINT", help="of the old key, for --root"
    )
    one.add_argument("--root", metavar="FILE", help="private root key, where nodes pinned one")
    one.add_argument("--days", type=float, default=30.0, help="that the old one still counts (30)")
    one.add_argument("--reason", default="", help="for people")
    one.add_argument("--out", type=Path, metavar="FILE", help="write the statement there")

    one = command("publish", _publish, "send statements about keys to all nodes", "rotation.json")
    one.add_argument("files", nargs="+", metavar="FILE", type=Path, help="of rotate or revoke")
    connecting(one)

    one = command("follow", _follow, "do what statements about keys say", "rotation.json")
    one.add_argument("files", nargs="*", metavar="FILE", type=Path, help="default: ask the service")
    _trusting(one)
    connecting(one)


def run(options: argparse.Namespace) -> int:
    """Do what was asked for.

    Parameters
    ----------
    options : argparse.Namespace
        Of a parser to which `add_commands` added its own.

    Returns
    -------
    int
        Exit code.
    """
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)


# -------------------------------------------------------------------- commands


def _make(options: argparse.Namespace) -> int:
    from syncnb.signing import make_key

    passphrase = _new_passphrase() if options.encrypt else None
    signer = make_key(options.file, passphrase, bits=options.bits)
    if options.json:
        files = {"file": str(options.file), "public": f"{options.file}.pub"}
        print(json.dumps({"key": signer.fingerprint, **files}, indent=2))
        return 0
    print(
        f"{signer.fingerprint}\n\n"
        f"{options.file} signs: keep it, and a copy of it, where only its owner gets\n"
        f"{options.file}.pub is for the nodes: syncnb keys pin {options.file}.pub"
    )
    return 0


def _show(options: argparse.Namespace) -> int:
    key = _key(options.file)
    if options.json:
        print(json.dumps({"key": key.fingerprint, "bits": key.bits, "pem": key.pem()}, indent=2))
    else:
        print(f"{key.fingerprint}\nRSA, {key.bits} bits\n{key.pem()}", end="")
    return 0


def _list(options: argparse.Namespace) -> int:
    trust = _trust(options)
    if options.json:
        from syncnb.trusting import COLUMNS

        rows = [dict(zip(COLUMNS, row, strict=True)) for row in trust.rows()]
        print(json.dumps(rows, indent=2))
    elif trust.state.closed:
        print(trust.show())
    else:
        print(f"{trust.path}: no key is pinned, so nothing has to be signed")
    return 0


def _pin(options: argparse.Namespace) -> int:
    trust = _trust(options)
    pin = trust.pin(options.key, name=options.name, org_id=options.org, root=options.root)
    print(f"{pin.key} is pinned in {trust.path}")
    return 0


def _unpin(options: argparse.Namespace) -> int:
    trust = _trust(options)
    print(f"{trust.unpin(options.key).key} is not pinned any more")
    if not trust.state.closed:
        print("syncnb: it was the last one: unsigned objects are taken now", file=sys.stderr)
    return 0


def _revoke(options: argparse.Namespace) -> int:
    from syncnb.signing import revocation

    if options.by is not None:
        by = _signer(options.by)
        return _state(revocation(options.key, by=by, reason=options.reason), options.out)
    if options.out is not None:
        raise InvalidMetaDataError("--out", str(options.out), "a statement needs a key: give --by")
    print(f"{_trust(options).revoke(options.key, options.reason).key} is revoked here")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from syncnb.signing import rotation

    try:
        until = datetime.now(UTC) + timedelta(days=options.days)
    except (OverflowError, ValueError):
        raise InvalidMetaDataError("--days", options.days, "give some days, such as 30") from None
    statement = rotation(
        _signer(options.new),
        old=_signer(options.old) if options.old is not None else None,
        old_key=options.old_key,
        root=_signer(options.root) if options.root is not None else None,
        until=until,
        reason=options.reason,
    )
    return _state(statement, options.out)


def _publish(options: argparse.Namespace) -> int:
    from syncnb.key_statements import publish_statements

    statements = [one for file in options.files for one in _statements(file)]
    with options.client(options) as client:
        everything = publish_statements(client, statements)
    print(f"statements about keys that go to every node: {len(everything)}")
    return 0


def _follow(options: argparse.Namespace) -> int:
    from syncnb.key_statements import fetch_statements

    trust = _trust(options)
    if options.files:
        done = trust.follow([one for file in options.files for one in _statements(file)])
    else:
        with options.client(options) as client:
            done = trust.follow(fetch_statements(client))
    print("\n".join(done) or "nothing changes")
    return 0


# --------------------------------------------------------------------- helpers


def _trusting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", type=Path, metavar="FILE", help=f"pins (default: {VARIABLE}, or the user's)"
    )


def _trust(options: argparse.Namespace) -> Trust:
    from syncnb.trusting import Trust

    return Trust(options.trust)


def _key(file: str | None) -> PublicKey:
    """The public key in a file of either kind."""
    from syncnb.signing import PublicKey, read_public_key
    from syncnb.signing.public_keys import read_source

    if file is not None and b"PRIVATE KEY-----" not in read_source(file, "file")[0]:
        return read_public_key(file)
    return PublicKey(_signer(file).public_key)


def _signer(source: str | None) -> Signer:
    from syncnb.signing import signer_from

    signer = signer_from(source)
    if signer is None:
        raise SettingsError(KEY, "no key is named", f"name a file, or set {KEY}")
    return signer


def _new_passphrase() -> str:
    if given := os.environ.get(PASSPHRASE):
        return given
    if not sys.stdin.isatty():
        raise SettingsError(PASSPHRASE, "it is not set, and there is nobody to ask", "set it")
    first = getpass.getpass("Passphrase: ")
    if first != getpass.getpass("Again: "):
        raise SettingsError("passphrase", "the second was another one", "try again")
    return first


def _state(statement: Statement, out: Path | None) -> int:
    text = json.dumps([statement.to_json()], indent=1)
    if out is None:
        print(text)
        return 0
    try:
        out.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(
            "--out", f"{out}: {error.strerror}", "name a file that can be written"
        ) from error
    print(f"{out} holds the statement: send it with `syncnb keys publish {out}`")
    return 0


def _statements(path: Path) -> list[Statement]:
    """The statements of a file, all of them right: what a person hands in is not to be ignored."""
    from syncnb.signing import Statement

    try:
        content = json.loads(path.read_text("utf-8"))
        return [Statement.from_json(one) for one in content]
    except OSError as error:
        raise SettingsError("FILE", f"{path}: {error.strerror}", "name a readable file") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise SettingsError(
            "FILE", f"{path} holds no statements ({error})", "make one with `syncnb keys rotate`"
        ) from error
