"""What Open Horizon tells the programs that it runs, and its users tell the ``hzn`` command."""

from __future__ import annotations

import json
from collections.abc import Mapping

from syncnb.errors import SettingsError
from syncnb.settings.sources import Source, read_text

_SCHEMES = {
    "secure-unix": "unix+tls",
    "unix": "unix",
    "secure": "https",
    "https": "https",
    "unsecure": "http",
    "http": "http",
}
_PORTS = {"https": "8443", "http": "8080"}  # the defaults of an edge sync service
_PROTOCOL, _ADDRESS, _PORT = "HZN_ESS_API_PROTOCOL", "HZN_ESS_API_ADDRESS", "HZN_ESS_API_PORT"
_CLOUD_USER = "HZN_EXCHANGE_USER_AUTH"


def edge(environ: Mapping[str, str]) -> Source | None:
    """The edge sync service of the node on which Open Horizon runs this program.

    The agent sets five variables in every service container: ``HZN_ESS_API_PROTOCOL``
    (``secure-unix``; ``secure`` on an edge cluster), ``HZN_ESS_API_ADDRESS`` (the socket file, or
    a host), ``HZN_ESS_API_PORT`` (ignored with a socket), ``HZN_ESS_AUTH`` (a JSON file with the
    ``id`` and the ``token`` of the service) and ``HZN_ESS_CERT`` (the certificate to trust).

    Parameters
    ----------
    environ : mapping of str to str
        The environment.

    Returns
    -------
    Source or None
        None without ``HZN_ESS_API_ADDRESS``.

    Raises
    ------
    SettingsError
        One of the variables is missing or cannot be used.

    Examples
    --------
    >>> edge({}) is None
    True
    """
    address = environ.get(_ADDRESS)
    if not address:
        return None
    protocol = environ.get(_PROTOCOL) or ("secure-unix" if address.startswith("/") else "secure")
    scheme = _SCHEMES.get(protocol.lower())
    if scheme is None:
        raise SettingsError(_PROTOCOL, f"it is {protocol!r}", f"use one of {', '.join(_SCHEMES)}")
    url, label = f"{scheme}:{address}", f"{_PROTOCOL} and {_ADDRESS}"
    if scheme in _PORTS:
        port = environ.get(_PORT) or "0"
        port = _PORTS[scheme] if port == "0" else port
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise SettingsError(_PORT, f"{port!r} is no port", "use a number up to 65535")
        url, label = f"{scheme}://{address}:{port}", f"{_PROTOCOL}, {_ADDRESS} and {_PORT}"
    key, secret = _login_of_service(environ)
    values = {"url": url, "org_id": "", "key": key, "secret": secret}
    labels = {"url": label, "org_id": f"{_ADDRESS} (a node has just one)"}
    labels |= dict.fromkeys(("key", "secret"), f"HZN_ESS_AUTH ({environ['HZN_ESS_AUTH']})")
    if cert := environ.get("HZN_ESS_CERT"):
        values["ca"], labels["ca"] = cert, "HZN_ESS_CERT"
    return Source(values, labels)


def cloud(environ: Mapping[str, str]) -> Source | None:
    """The cloud sync service of a management hub, as the ``hzn`` command finds it.

    ``HZN_FSS_CSSURL`` is its URL, ``HZN_ORG_ID`` the organisation, ``HZN_EXCHANGE_USER_AUTH`` the
    login as ``user:password``, ``org/user:password`` or ``iamapikey:key``; a user without an
    organisation is one of ``HZN_ORG_ID``. ``HZN_MGMT_HUB_CERT_PATH`` is the certificate of a hub
    that has one of its own.

    Parameters
    ----------
    environ : mapping of str to str
        The environment.

    Returns
    -------
    Source or None
        None without ``HZN_FSS_CSSURL``.

    Raises
    ------
    SettingsError
        One of the variables is missing or cannot be used.

    Examples
    --------
    >>> found = cloud({
    ...     "HZN_FSS_CSSURL": "https://hub.example.com/edge-css/",
    ...     "HZN_ORG_ID": "acme",
    ...     "HZN_EXCHANGE_USER_AUTH": "iamapikey:hidden",
    ... })
    >>> found.values["key"]
    'acme/iamapikey'
    """
    url = environ.get("HZN_FSS_CSSURL")
    if not url:
        return None
    org_id, login = environ.get("HZN_ORG_ID", ""), environ.get(_CLOUD_USER, "")
    if not org_id:
        raise SettingsError("HZN_ORG_ID", "it is not set", "set it beside HZN_FSS_CSSURL")
    user, separator, secret = login.partition(":")
    if not separator or not user:
        raise SettingsError(
            _CLOUD_USER,
            "it is not set" if not login else "it has no colon between user and password",
            "write it as user:password or iamapikey:key",
        )
    values = {
        "url": url,
        "org_id": org_id,
        "key": user if "/" in user else f"{org_id}/{user}",
        "secret": secret,
    }
    labels = {
        "url": "HZN_FSS_CSSURL",
        "org_id": "HZN_ORG_ID",
        "key": _CLOUD_USER if "/" in user else f"{_CLOUD_USER} and HZN_ORG_ID",
        "secret": _CLOUD_USER,
    }
    if cert := environ.get("HZN_MGMT_HUB_CERT_PATH"):
        values["ca"], labels["ca"] = cert, "HZN_MGMT_HUB_CERT_PATH"
    return Source(values, labels)


def _login_of_service(environ: Mapping[str, str]) -> tuple[str, str]:
    setting, path = "HZN_ESS_AUTH", environ.get("HZN_ESS_AUTH", "")
    remedy = 'name a JSON file with "id" and "token"'
    if not path:
        raise SettingsError(setting, f"it is not set, but {_ADDRESS} is", remedy)
    if "/" not in path and not path.endswith(".json"):
        remedy += "; on an edge cluster it is the name of a secret: mount that and name the file"
    try:
        content = json.loads(read_text(path, setting))
    except SettingsError as error:
        raise SettingsError(setting, error.problem, remedy) from error
    except ValueError as error:
        raise SettingsError(setting, f"{path} is no JSON", remedy) from error
    found = [content.get(name) if isinstance(content, dict) else None for name in ("id", "token")]
    if not all(isinstance(value, str) and value for value in found):
        raise SettingsError(setting, f"{path} has no id or no token", remedy)
    return str(found[0]), str(found[1])
