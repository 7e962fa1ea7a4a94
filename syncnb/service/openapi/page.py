"""The operations as a page, without scripts."""

from __future__ import annotations

import re
from functools import cache
from html import escape

from syncnb.service.openapi.description import description

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc }
details { margin: .5rem 0 } summary { cursor: pointer }
code { font: 14px/1.5 ui-monospace, monospace }
b { display: inline-block; width: 4.5em; font: bold 14px ui-monospace, monospace }
table { border-collapse: collapse; margin: .5rem 0 .5rem 1.5rem }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #181818 }
  h2 { border-color: #555 } a { color: #8ab4f8 } }
"""


@cache
def page(*, is_css: bool) -> str:
    """HTML that lists every operation of a CSS, or of an ESS."""
    described = description(is_css=is_css)
    info = described["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(info['title'])}</h1><p>{_text(info['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>',
    ]
    for tag in described["tags"]:
        parts.append(f"<h2>{_text(tag['name'])}</h2><p>{_text(tag['description'])}</p>")
        for path, methods in described["paths"].items():
            for method, one in methods.items():
                if tag["name"] in one["tags"]:
                    parts.append(_operation(path, method, one))
    return "\n".join([*parts, "</body></html>\n"])


def _operation(path: str, method: str, one: dict[str, object]) -> str:
    rows = [
        (f"<code>{escape(p['name'])}</code> ({p['in']})", _text(p.get("description", "")))
        for p in _items(one["parameters"])
    ]
    answers = one["responses"]
    assert isinstance(answers, dict)  # noqa: S101  (for the type checker)
    rows += [(status, _text(answer["description"])) for status, answer in answers.items()]
    table = "".join(f"<tr><td>{name}<td>{what}" for name, what in rows)
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{_text(one['summary'])}</summary><p>{_text(one['description'])}</p>"
        f"<table>{table}</table></details>"
    )


def _items(value: object) -> list[dict[str, str]]:
    return list(value) if isinstance(value, list) else []


def _text(value: object) -> str:
    """Text with `` `code` `` in it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(str(value), quote=False))
