"""The commands ``syncnb css`` and ``syncnb ess``: their options are the settings of a service."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import groupby
from pathlib import Path

from syncnb.errors import MissingDependencyError, SettingsError
from syncnb.service.config import Role, ServiceConfig, settings_for
from syncnb.service.fields import Setting
from syncnb.service.sources import Resolved, resolve

EPILOG = """\
Each option can also stand in the file of --config, as name = value in its table [css] or [ess], and
in the environment, as SYNCNB_CSS_NAME or SYNCNB_ESS_NAME. Options outweigh the environment, which
outweighs the file. docs/configuration.md lists them all.

exit codes:
  0 stopped as it was told   1 failed   2 a setting is missing or wrong

signals:
  SIGTERM, SIGINT  stop: requests under way finish (--stop-grace); a second one ends at once
  SIGHUP           read certificates again"""

_METAVARS = {str: "TEXT", Path: "PATH", int: "N", float: "X"}
_OF_UNIT = {"s": "TIME", "bytes": "SIZE", "bytes/s": "RATE"}


def add_options(parser: argparse.ArgumentParser, role: Role) -> None:
    """Give a parser one option for each setting of a role.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command.
    role : {"css", "ess"}
        Whose settings.
    """
    general = parser.add_argument_group("Where settings come from")
    general.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    general.add_argument(
        "--print-config", action="store_true",
        help="print every setting, its value and where that came from, and exit",
    )  # fmt: skip
    if role == "css":
        _add_keeping(parser)
    general.add_argument(
        "--json", action="store_true", help="--print-config for a machine: a JSON array"
    )
    by_group = groupby(settings_for(role).values(), key=lambda setting: setting.described.group)
    for title, settings in by_group:
        group = parser.add_argument_group(title)
        for setting in settings:
            _add_option(group, setting, role)


def run(options: argparse.Namespace) -> int:
    """Run the service that the options of `add_options` describe."""
    if getattr(options, "action", None) == "hash-secret":
        return _hash_secret()
    resolved = _resolved(options)
    if options.print_config:
        print(json.dumps(resolved.rows(), indent=2) if options.json else _table(resolved))
        resolved.config()  # the reader learns what is wrong, after all that is there
        return 0
    config = resolved.config()
    if getattr(options, "action", None) is not None:
        return _keep(config, options)
    try:
        from syncnb.service.logs import set_up
        from syncnb.service.server import serve
    except ImportError as error:
        raise MissingDependencyError(
            error.name or "it", "The embedded service", "service"
        ) from None
    set_up(config.log_format, "debug" if options.verbose else config.log_level)

    def ready(urls: list[str]) -> None:
        print(f"{config.role.upper()} listens on {', '.join(urls)}", flush=True)

    serve([config], on_ready=ready)
    return 0


def _add_keeping(parser: argparse.ArgumentParser) -> None:
    """What can be done for a service instead of running it."""
    keeping = parser.add_argument_group("Backups (docs/storage.md) and credentials")
    keeping.add_argument(
        "action", nargs="?", choices=("backup", "restore", "hash-secret"),
        help="back up, also while the service runs; restore, while it does not; or read a secret "
        "and print what the credentials file may hold instead of it",
    )  # fmt: skip
    keeping.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the backup")
    keeping.add_argument(
        "--replace", action="store_true", help="restore also over records that are there"
    )


def _keep(config: ServiceConfig, options: argparse.Namespace) -> int:
    if options.folder is None:
        raise SettingsError("DIR", "it is missing", f"write: syncnb css {options.action} DIR ...")
    try:
        from syncnb.service.backup import backup, restore
    except ImportError as error:
        raise MissingDependencyError(error.name or "it", "A backup", "service") from None
    if options.action == "backup":
        print(f"{options.folder} holds {backup(config, options.folder)}")
    else:
        print(f"restored {restore(config, options.folder, replace=options.replace)}")
    return 0


def _hash_secret() -> int:
    """Ask for a secret, or read one line, and print the value of ``"secretHash"`` for it."""
    from getpass import getpass

    from syncnb.service.credentials import hash_secret

    interactive = sys.stdin.isatty()
    secret = getpass("Secret: ") if interactive else sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise SettingsError("secret", "it is empty", "give one, as a line of the standard input")
    print(hash_secret(secret))
    return 0


def _resolved(options: argparse.Namespace) -> Resolved:
    role: Role = options.command
    names = settings_for(role)
    given = {name: value for name, value in vars(options).items() if name in names}
    return resolve(role, given, file=options.config)


def _add_option(group: argparse._ArgumentGroup, setting: Setting, role: Role) -> None:
    about = setting.described
    default = "" if setting.required else setting.show(setting.default)
    if "(CSS)" in default:  # "a (CSS), b (ESS)"
        default = default.split(", ")[role == "ess"].partition(" (")[0]
    help_text = f"{about.about}" + (f" (default {default})" if default else "")
    help_text = help_text.replace("%", "%%")
    if setting.kind is bool:
        group.add_argument(
            *setting.options, dest=setting.name, action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS, help=help_text,
        )  # fmt: skip
        return
    metavar = about.metavar or _OF_UNIT.get(about.unit) or _METAVARS[setting.kind]
    if setting.choices:
        metavar = f"{{{','.join(setting.choices)}}}"
    if setting.many:
        help_text += "; may be given several times"
    group.add_argument(
        *setting.options, dest=setting.name, action="append" if setting.many else "store",
        default=argparse.SUPPRESS, metavar=metavar, help=help_text,
    )  # fmt: skip


def _table(resolved: Resolved) -> str:
    rows = [(row["setting"], row["shown"], row["source"]) for row in resolved.rows()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    widths[1] = min(widths[1], 60)
    lines = [("SETTING", "VALUE", "SOURCE"), *rows]
    return "\n".join(
        f"{name:{widths[0]}}  {value:{widths[1]}}  {source}".rstrip()
        for name, value, source in lines
    )
