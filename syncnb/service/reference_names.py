"""The environment variables of the existing service, for those who come from it.

The names are those of sync-http.md, 14, and rest-api.md; what they say is put into our own
settings. They weigh less than any ``SYNCNB_*`` variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.service.config import Role

_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True)
class Value:
    """What a variable says.

    Parameters
    ----------
    value : object
        As a setting reads it.
    names : str
        The variables that it came from.
    """

    value: object
    names: str


_PLAIN: Mapping[str, tuple[str, float]] = {  # variable: setting, and what its unit is worth
    "HTTP_POLLING_INTERVAL": ("poll_interval", 1),
    "RESEND_INTERVAL": ("resend_interval", 1),
    "ESS_PING_INTERVAL": ("ping_interval", _HOUR),
    "HTTPESSClientTimeout": ("call_timeout", 1),
    "MAX_DATA_CHUNK_SIZE": ("chunk_size", 1),
    "HTTPServerReadHeaderTimeout": ("header_timeout", 1),
    "SHUTDOWN_QUIESCE_TIME": ("stop_grace", 1),
    "ESS_CONSUMED_OBJECTS_KEPT": ("consumed_kept", 1),
    "REMOVE_ESS_REGISTRATION_TIME": ("forget_after", _DAY),
    "ORG_ID": ("org_id", 0),
}


def from_reference(environ: Mapping[str, str], role: Role) -> dict[str, Value]:
    """Our settings, as far as the variables of the existing service say something about them.

    Parameters
    ----------
    environ : mapping of str to str
        The environment.
    role : {"css", "ess"}
        Whose settings.

    Returns
    -------
    dict
        Setting -> value; only settings that somebody gave a value.

    Raises
    ------
    SettingsError
        A variable has a value that the existing service would not take either.

    Examples
    --------
    >>> from_reference({"ESS_PING_INTERVAL": "2"}, "ess")["ping_interval"]
    Value(value=7200.0, names='ESS_PING_INTERVAL')
    """
    found: dict[str, Value] = {}
    for name, (setting, worth) in _PLAIN.items():
        if name in environ:
            found[setting] = Value(_scaled(name, environ[name], worth), name)
    _maintenance(environ, found)
    _paths(environ, found)
    _listening(environ, role, found)
    if role == "ess":
        _css(environ, found)
        if "DESTINATION_TYPE" in environ and "DESTINATION_ID" in environ:
            node = f"{environ['DESTINATION_TYPE']}/{environ['DESTINATION_ID']}"
            found["node"] = Value(node, "DESTINATION_TYPE, DESTINATION_ID")
    return found


def _maintenance(environ: Mapping[str, str], found: dict[str, Value]) -> None:
    names = ("STORAGE_MAINTENANCE_INTERVAL", "OBJECT_ACTIVATION_INTERVAL")
    given = {name: _scaled(name, environ[name], 1) for name in names if name in environ}
    if given:  # one look serves both here
        shortest = min(given, key=lambda name: float(given[name]))
        found["maintenance_interval"] = Value(given[shortest], shortest)


def _paths(environ: Mapping[str, str], found: dict[str, Value]) -> None:
    root = environ.get("PERSISTENCE_ROOT_PATH", "")
    if root:
        found["data"] = Value(root, "PERSISTENCE_ROOT_PATH")
    for name, setting in (
        ("SERVER_CERTIFICATE", "tls_cert"),
        ("SERVER_KEY", "tls_key"),
        ("HTTP_CSS_CA_CERTIFICATE", "css_ca"),
    ):
        if environ.get(name):
            if environ[name].lstrip().startswith("-----BEGIN"):
                raise SettingsError(
                    f"${name}",
                    "it holds PEM text itself",
                    "put that into a file, and name the file",
                )
            found[setting] = Value(str(Path(root) / environ[name]), name)


def _listening(environ: Mapping[str, str], role: Role, found: dict[str, Value]) -> None:
    names = (
        "LISTENING_TYPE",
        "LISTENING_ADDRESS",
        "UNSECURE_LISTENING_PORT",
        "SECURE_LISTENING_PORT",
    )
    given = [name for name in names if environ.get(name)]
    if not given:
        return
    kind = environ.get("LISTENING_TYPE", "").lower() or ("unsecure" if role == "css" else "secure")
    where = environ.get("LISTENING_ADDRESS", "")
    host = where or "127.0.0.1"  # the existing service takes 0.0.0.0; ours opens up only when told
    host = f"[{host}]" if ":" in host else host
    plain = f"{host}:{environ.get('UNSECURE_LISTENING_PORT', '8080')}"
    secure = f"https://{host}:{environ.get('SECURE_LISTENING_PORT', '8443')}"
    forms = {
        "unsecure": [plain],
        "secure": [secure],
        "both": [plain, secure],
        "unix": [f"unix:{where}"],
        "secure-unix": [f"unix+tls:{where}"],
    }
    if kind not in forms:
        raise SettingsError(
            "$LISTENING_TYPE", f"{kind!r} is not possible", f"take one of {', '.join(forms)}"
        )
    found["listen"] = Value(forms[kind], ", ".join(given))


def _css(environ: Mapping[str, str], found: dict[str, Value]) -> None:
    host, port = environ.get("HTTP_CSS_HOST", ""), environ.get("HTTP_CSS_PORT", "")
    if host and port:
        secure = environ.get("HTTP_CSS_USE_SSL", "").lower() in ("1", "t", "true")
        host = f"[{host}]" if ":" in host else host
        url = f"http{'s' if secure else ''}://{host}:{port}"
        found["css_url"] = Value(url, "HTTP_CSS_HOST, HTTP_CSS_PORT, HTTP_CSS_USE_SSL")


def _scaled(name: str, text: str, worth: float) -> str | float:
    if not worth:
        return text
    try:
        return float(text) * worth
    except ValueError:
        raise SettingsError(
            f"${name}", f"{text!r} is no number", "write a number, or unset it"
        ) from None
