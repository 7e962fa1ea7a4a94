"""The command ``syncnb``: parse, call one function, print."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb import __version__, collect_cli, keys_cli, service_cli
from syncnb.cli_parser import Parser
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    InvalidMetaDataError,
    MissingDependencyError,
    ObjectNotFoundError,
    SettingsError,
    SyncError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from syncnb.client import SyncServiceClient
    from syncnb.settings import Settings
    from syncnb.update import Update

_CODES: tuple[tuple[type[SyncError], int], ...] = (
    (SettingsError, 2),
    (InvalidMetaDataError, 2),
    (ConnectionFailedError, 3),
    (AccessDeniedError, 4),
    (ObjectNotFoundError, 5),
    (WaitTimeoutError, 6),
)
_EPILOG = """exit codes:
  0 done   1 failed, or red health   2 wrong arguments   3 nothing answers   4 access denied
  5 no such object   6 not in time   130 interrupted

The client commands find the service by --url, --org, --key and --secret-file, or by SYNCNB_URL,
SYNCNB_ORG_ID, SYNCNB_KEY and SYNCNB_SECRET, or by what Open Horizon sets (HZN_...), or by a profile
of the configuration file. `syncnb doctor` says what they find, and what of it works."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> main(["status", "model", "no such name", "--url", "http://127.0.0.1:1"])
    2
    """
    options = _parser().parse_args(arguments)
    if options.run is not service_cli.run:  # a service has settings for its log
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        if options.verbose:
            logging.getLogger().setLevel(logging.INFO)
            logging.getLogger("syncnb").setLevel(logging.DEBUG)  # each exchange with the service
        else:
            logging.getLogger("urllib3").setLevel(logging.ERROR)  # our own errors say it
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SyncError as error:
        print(f"syncnb: {error}", *getattr(error, "__notes__", ()), file=sys.stderr)
        return next((code for kind, code in _CODES if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        print("syncnb: interrupted; everything that it started is stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 0


# -------------------------------------------------------------------- commands


def _fleet(options: argparse.Namespace) -> int:
    from syncnb.fleet import LocalFleet

    with LocalFleet(nodes=options.nodes, processes=options.processes, org_id=options.org) as fleet:
        print(f"{fleet!r}\nCtrl-C ends it. To use it from another terminal:\n")
        for name in ("cloud", *fleet.nodes):
            print(f"source {fleet.environment_file(name)}")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


def _publish(options: argparse.Namespace) -> int:
    from syncnb.publishing import publish_file
    from syncnb.widgets import drawn

    with _client(options) as client:
        publication = publish_file(
            options.file,
            name=options.name,
            object_type=options.type,
            dest_type=options.dest_type,
            dest_id=options.dest_id,
            version=options.version,
            description=options.description,
            client=client,
        )
        if options.wait:
            with drawn(publication, live=_is_terminal()):
                publication.wait(options.wait, timeout=options.timeout)
        if not (options.wait and _is_terminal()):
            print(publication)
    return 0


def _versions(options: argparse.Namespace) -> int:
    from syncnb.history import versions

    with _client(options) as client:
        found = versions(options.name, options.type, client=client, archive=options.archive)
    if options.json:
        print(found.to_pandas().to_json(orient="records", indent=2, date_format="iso"))
        return 0
    for one in found:
        when = "" if one.published is None else one.published.isoformat(timespec="seconds")
        marks = [*(["current"] if one.current else []), *one.aliases]
        print(f"{one.version}\t{when}\t{one.size}\t{one.sha256[:12]}\t{', '.join(marks)}")
    return 0


def _promote(options: argparse.Namespace) -> int:
    from syncnb.history import promote

    with _client(options) as client:
        publication = promote(
            options.name,
            options.version,
            options.to,
            object_type=options.type,
            dest_type=options.dest_type,
            dest_id=options.dest_id,
            client=client,
            archive=options.archive,
        )
        print(publication)
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from syncnb.publication import Publication

    with _client(options) as client:
        found = Publication.of(options.type, options.name, client=client, archive=options.archive)
        print(found.rollback(options.to))
    return 0


def _status(options: argparse.Namespace) -> int:
    from syncnb.publication import Publication
    from syncnb.widgets import drawn

    with _client(options) as client:
        publication = Publication.of(options.type, options.name, client=client)
        if options.json:
            rows = publication.rows()
            print(json.dumps(rows, indent=2))
            if notice := publication.notice:
                print(f"syncnb: {notice}", file=sys.stderr)
        elif options.watch and _is_terminal():
            with drawn(publication, live=True):
                while not publication.done():
                    publication.wait_for_change(20.0)
        else:
            print(publication)
    return 0


def _updates(options: argparse.Namespace) -> int:
    from syncnb.receiving import updates

    timeout = options.timeout if options.timeout is not None else (0.5 if options.once else None)
    if options.save is not None:  # before anything is waited for
        with _written("--save", options.save, "name a folder that can be written"):
            options.save.mkdir(parents=True, exist_ok=True)
    with _client(options) as client:
        for update in updates(options.type, client=client, timeout=timeout):
            if options.save is None:
                print(update, flush=True)
                continue
            with update:
                where = "deleted" if update.deleted else _saved(update, options.save)
                print(f"{update.name}\t{update.version}\t{where}", flush=True)
    return 0


def _saved(update: Update, folder: Path) -> Path:
    with _written("--save", folder, "name a folder that can be written"):
        return update.save(folder)


@contextmanager
def _written(option: str, path: Path, remedy: str) -> Iterator[None]:
    """Say which option names a place that cannot be written."""
    try:
        yield
    except SyncError:  # some are OSErrors too
        raise
    except OSError as error:
        raise SettingsError(option, f"{path}: {error.strerror}", remedy) from error


def _health(options: argparse.Namespace) -> int:
    with _client(options) as client:
        report = client.health(details=options.details)
    print(json.dumps(report, indent=2))
    general = report.get("general")
    return int(isinstance(general, dict) and general.get("healthStatus") == "red")


def _doctor(options: argparse.Namespace) -> int:
    from syncnb.client.doctor import examine

    examination = examine(lambda: _settings(options))
    print(json.dumps(examination.to_json(), indent=2) if options.json else examination)
    return examination.code


def _demo(options: argparse.Namespace) -> int:
    try:
        from syncnb.demo import run
        from syncnb.demo.digits import training

        training()
    except ImportError as error:
        raise MissingDependencyError(error.name or "it", "The demonstration", "all") from None
    if options.nodes < 1:
        raise InvalidMetaDataError("nodes", options.nodes, "give at least one node")

    def say(line: str) -> None:
        if not options.json and (line or not _is_terminal()):
            print(line, flush=True)

    outcome = run(options.nodes, say=say, live=_is_terminal() and not options.json)
    if options.json:
        print(json.dumps(outcome.to_json(), indent=2))
    complete = all(count == options.nodes for count in outcome.consumed.values())
    return 0 if complete else 1


# --------------------------------------------------------------------- parsing


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="syncnb",
        description="Models and data to fleets of edge nodes, and what they learn back.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"syncnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str,
        run: Callable[[argparse.Namespace], int],
        about: str,
        example: str,
        more: str = "",
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"example:\n  {example}\n\n{more}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.set_defaults(run=run)
        one.add_argument("-v", "--verbose", action="store_true", help="log more")
        return one

    one = command("demo", _demo, "do the main job on this machine, once", "syncnb demo --nodes 5")
    one.add_argument("--nodes", type=int, default=3, metavar="N", help="how many (default 3)")
    one.add_argument("--json", action="store_true", help="print only the outcome, for a machine")

    one = command(
        "css", service_cli.run, "run a Cloud Sync Service",
        "syncnb css --listen 127.0.0.1:9080 --data /var/lib/css --auth auth.json",
        service_cli.EPILOG,
    )  # fmt: skip
    service_cli.add_options(one, "css")
    one = command(
        "ess", service_cli.run, "run an Edge Sync Service",
        "syncnb ess --listen 127.0.0.1:9081 --data /var/lib/ess --auth auth.json "
        "--css http://127.0.0.1:9080 --org myorg --node edge/node1",
        service_cli.EPILOG,
    )  # fmt: skip
    service_cli.add_options(one, "ess")

    one = command("fleet", _fleet, "run a CSS and nodes until Ctrl-C", "syncnb fleet --nodes 5")
    one.add_argument("--nodes", type=int, default=3, metavar="N", help="how many (default 3)")
    one.add_argument("--processes", type=int, metavar="N", help="that the nodes share")
    one.add_argument("--org", default="demo", help="organisation (default demo)")

    one = command(
        "publish", _publish, "publish a file",
        "syncnb publish model.onnx --type model --name defects --version 1.2.0 --dest-type camera",
    )  # fmt: skip
    one.add_argument("file", type=Path)
    one.add_argument("--type", default="file", help="type of the object (default file)")
    one.add_argument("--name", help="its ID (default: the name of the file)")
    one.add_argument("--version", help="its version (default: the next)")
    one.add_argument("--description", default="", help="for people")
    one.add_argument("--dest-type", default="", help="all nodes of this type (default: all nodes)")
    one.add_argument("--dest-id", default="", help="only this node of the type")
    one.add_argument("--wait", choices=("delivered", "consumed"), help="until every node is there")
    one.add_argument("--timeout", type=float, default=60.0, metavar="S", help="of --wait (60)")
    _connecting(one)

    one = command("versions", _versions, "which versions there are", "syncnb versions defects")
    one.add_argument("name", help="ID of the object")
    one.add_argument("--json", action="store_true", help="for a machine")
    _archived(one)

    one = command(
        "promote", _promote, "let an alias stand for a version",
        "syncnb promote defects 1.2.0 --to production --dest-type camera",
    )  # fmt: skip
    one.add_argument("name", help="ID of the object")
    one.add_argument("version", help="which of its versions")
    one.add_argument("--to", default="production", metavar="ALIAS", help="(default production)")
    one.add_argument("--dest-type", default="", help="where it goes, the first time")
    one.add_argument("--dest-id", default="", help="only this node of the type")
    _archived(one)

    one = command(
        "rollback", _rollback, "publish an older version again", "syncnb rollback defects"
    )
    one.add_argument("name", help="ID of the object")
    one.add_argument("--to", metavar="VERSION", help="which one (default: the one before)")
    _archived(one)

    one = command("status", _status, "how far an object got", "syncnb status model defects --watch")
    one.add_argument("type", help="type of the object")
    one.add_argument("name", help="its ID")
    one.add_argument("--watch", action="store_true", help="until every node consumed it")
    one.add_argument("--json", action="store_true", help="for a machine")
    _connecting(one)

    one = command(
        "updates", _updates, "what arrives at a node", "syncnb updates model --save models/"
    )
    one.add_argument("type", help="type of the objects")
    one.add_argument("--save", type=Path, metavar="DIR", help="save the data, and acknowledge")
    one.add_argument("--once", action="store_true", help="only what is there now")
    one.add_argument("--timeout", type=float, metavar="S", help="end after so long without any")
    _connecting(one)

    one = command(
        "collect", collect_cli.run, "what nodes reported", "syncnb collect stats --csv stats.csv",
        collect_cli.EPILOG,
    )  # fmt: skip
    collect_cli.add_options(one, _client)
    _connecting(one)

    one = command(
        "health", _health, "how a service is", "syncnb health --url http://127.0.0.1:9080"
    )
    one.add_argument("--details", action="store_true", help="with what it stores")
    _connecting(one)
    one = command(
        "doctor", _doctor, "what would be connected to, and what of it works",
        "syncnb doctor --profile production",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="for a machine")
    _connecting(one)

    one = command(
        "keys", keys_cli.run, "keys that sign, and whose objects are taken",
        "syncnb keys make key.pem", keys_cli.EPILOG,
    )  # fmt: skip
    keys_cli.add_commands(one, _connecting, _client)
    return parser


def _archived(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", default="model", help="type of the object (default model)")
    parser.add_argument("--archive", metavar="PLACE", help="folder, or s3://bucket/prefix")
    _connecting(parser)


def _connecting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="the service")
    parser.add_argument("--org", dest="org", help="organisation, for a CSS")
    parser.add_argument("--key", help="app key")
    parser.add_argument("--secret-file", type=Path, metavar="FILE", help="holds the app secret")
    parser.add_argument("--ca", metavar="FILE", help="certificates of a private CA")
    parser.add_argument("--cert", metavar="FILE", help="client certificate")
    parser.add_argument("--cert-key", metavar="FILE", help="its private key")
    parser.add_argument("--profile", metavar="NAME", help="table of the configuration file")


def _client(options: argparse.Namespace) -> SyncServiceClient:
    from syncnb.client.connecting import client_of

    return client_of(_settings(options))


def _settings(options: argparse.Namespace) -> Settings:
    from syncnb.settings import find_settings

    secret = None
    if options.secret_file is not None:
        try:
            secret = options.secret_file.read_text("utf-8").strip()
        except OSError as error:
            raise SettingsError(
                "--secret-file", f"{options.secret_file}: {error.strerror}", "name a readable file"
            ) from error
    return find_settings(
        options.url, org_id=options.org, key=options.key, secret=secret, ca=options.ca,
        cert=options.cert, cert_key=options.cert_key, profile=options.profile,
    )  # fmt: skip


def _is_terminal() -> bool:
    return sys.stdout.isatty()
