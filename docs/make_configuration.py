"""Writes the tables of docs/configuration.md from the settings themselves; --check only looks."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from syncnb.service.config import ServiceConfig
from syncnb.service.fields import Setting, settings_of

DOCUMENT = Path(__file__).parent / "configuration.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


def tables() -> str:
    """One table a group."""
    lines = []
    settings = settings_of(ServiceConfig).values()
    for group, members in groupby(settings, key=lambda setting: setting.described.group):
        lines += [
            f"### {group}",
            "",
            "| setting | option | what it is | default |",
            "|---|---|---|---|",
        ]
        lines += [_row(setting) for setting in members]
        lines.append("")
    return "\n".join(lines)


def _row(setting: Setting) -> str:
    about = setting.described
    whose = {"css": " (CSS only)", "ess": " (ESS only)", "": ""}[about.role]
    text = about.about + whose
    if setting.choices:
        text += f"; one of {', '.join(f'`{choice}`' for choice in setting.choices)}"
    if setting.many:
        text += "; a list"
    if about.unit:
        text += f"; in {about.unit}"
    default = "must be given" if setting.required else setting.show(setting.default) or "none"
    options = ", ".join(f"`{option}`" for option in setting.options)
    return f"| `{setting.name}` | {options} | {text} | {default} |"


def main() -> int:
    """Rewrite the document, or say whether that would change it."""
    before = DOCUMENT.read_text("utf-8")
    head, rest = before.split(BEGIN)
    after = head + BEGIN + tables() + END + rest.split(END)[1]
    if "--check" not in sys.argv:
        DOCUMENT.write_text(after, "utf-8")
        return 0
    if before != after:
        print("docs/configuration.md is out of date: run python docs/make_configuration.py")
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main())
