"""Settings from all sources, none of which lends its login to the service of another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from syncnb.errors import SettingsError
from syncnb.settings import horizon
from syncnb.settings.profiles import read_profile
from syncnb.settings.sources import Source, arguments, check_texts, environment
from syncnb.settings.urls import check_url

_Reading = Callable[[], Source | None]
_TOGETHER = (("org_id",), ("key", "secret"), ("ca",), ("cert", "cert_key"))
_NOWHERE = "default"


@dataclass(frozen=True)
class Settings:
    """Everything that a client needs to know.

    Parameters
    ----------
    url : str
        Where the service is, as `ServiceUrl.parse` reads it.
    org_id : str
        Organisation at a CSS; empty for an ESS.
    key, secret : str
        App key and app secret.
    ca : str
        File with the certificates of a private CA; empty for the usual ones.
    cert, cert_key : str
        Files with the client certificate and its private key, where the service asks for one.
    sources : mapping of str to str
        Where each value is from, for people.

    Examples
    --------
    >>> Settings("http://127.0.0.1:8080", key="me", secret="hidden")
    Settings(url='http://127.0.0.1:8080', org_id='', key='me', ca='', cert='', cert_key='')
    """

    url: str
    org_id: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)
    ca: str = ""
    cert: str = ""
    cert_key: str = ""
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


def find_settings(
    url: str | None = None,
    *,
    org_id: str | None = None,
    key: str | None = None,
    secret: str | None = None,
    ca: str | None = None,
    cert: str | None = None,
    cert_key: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Put the settings together from their sources; the first that has a URL says where.

    The sources are, in this order: the arguments; the profile that the argument `profile` names;
    the variables ``SYNCNB_URL``, ``SYNCNB_ORG_ID``, ``SYNCNB_KEY``, ``SYNCNB_SECRET`` (or
    ``SYNCNB_SECRET_FILE``), ``SYNCNB_CA``, ``SYNCNB_CERT`` and ``SYNCNB_CERT_KEY``; the profile
    that ``SYNCNB_PROFILE`` names; what Open Horizon sets on an edge node (``HZN_ESS_*``); what its
    users set in the cloud (``HZN_FSS_CSSURL``, ``HZN_ORG_ID``, ``HZN_EXCHANGE_USER_AUTH``); the
    profile ``default``. Profiles are tables of the file that `syncnb.settings.config_path` names.

    Every other setting comes from the source of the URL, from a source before it, or from
    arguments and ``SYNCNB_*`` that have no URL of their own: what belongs to another URL is never
    used. Key and secret come from one source together.

    Parameters
    ----------
    url, org_id, key, secret, ca, cert, cert_key : str, optional
        As in `Settings`; None looks at the other sources.
    profile : str, optional
        A table of the configuration file.
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    Settings
        With a URL; the rest may be empty.

    Raises
    ------
    SettingsError
        No source has a URL; it is none; an argument is no text; a key has no secret; a file cannot
        be read; or the only credentials that there are belong to another URL.

    Examples
    --------
    >>> found = find_settings("http://127.0.0.1:8080", environ={"SYNCNB_KEY": "me",
    ...     "SYNCNB_SECRET": "hidden"})
    >>> found.key, found.sources["key"]
    ('me', 'SYNCNB_KEY')
    """
    environ = os.environ if environ is None else environ
    given = {
        "url": url, "org_id": org_id, "key": key, "secret": secret, "ca": ca, "cert": cert,
        "cert_key": cert_key,
    }  # fmt: skip
    check_texts(given | {"profile": profile})
    explicit = [arguments(given), environment(environ)]
    if profile is not None:
        named = read_profile(environ, profile, "profile")
        explicit[1:1] = [named] if named else []
    sources = [*explicit]
    home = next((source for source in sources if source.values.get("url")), None)
    for reading in () if home else _others(environ):
        if (source := reading()) is not None:
            sources.append(source)
            if source.values.get("url"):
                home = source
                break
    if home is None:
        raise SettingsError(
            "url",
            "no source says where the service is",
            'call syncnb.connect("http://host:port", ...), set SYNCNB_URL, or write a profile',
        )
    return _joined(home, sources)


def _others(environ: Mapping[str, str]) -> Iterator[_Reading]:
    """Sources that are looked at only if none before them has a URL."""
    if name := environ.get("SYNCNB_PROFILE"):
        yield lambda: read_profile(environ, name, "SYNCNB_PROFILE")
    yield lambda: horizon.edge(environ)
    yield lambda: horizon.cloud(environ)
    yield lambda: read_profile(environ, None)


def _joined(home: Source, sources: list[Source]) -> Settings:
    place = check_url(home.values["url"])
    values, labels = {"url": place}, {"url": home.labels["url"]}
    before = list(takewhile(lambda source: source is not home, sources))
    serving = [source for source in sources if source in before or _serves(source, home, place)]
    for group in _TOGETHER:
        for name in group:
            values[name], labels[name] = "", _NOWHERE
        source = next((one for one in serving if any(name in one.values for name in group)), None)
        if source is None:
            continue
        _complete(group, source)
        for name in group:
            if name in source.values:
                values[name], labels[name] = source.values[name], source.labels[name]
    foreign = [s for s in sources if s not in serving and s.values.get("key")]
    if labels["key"] == _NOWHERE and foreign:
        its = foreign[0].labels
        owner = f"belongs to {its['url']}" if "url" in its else "has no url beside it"
        raise SettingsError(
            "key",
            f"there is none for {place} ({labels['url']}); {its['key']} {owner}",
            "give key= and secret= with the URL",
        )
    return Settings(**values, sources=labels)


def _serves(source: Source, home: Source, place: str) -> bool:
    url = source.values.get("url")
    return source is home or (source.lends and not url) or bool(url and check_url(url) == place)


def _complete(group: tuple[str, ...], source: Source) -> None:
    """A half of a login is never completed from another source."""
    if group[0] == "cert" and "cert" not in source.values:
        label = source.labels["cert_key"]
        raise SettingsError(label, "it gives a key but no certificate", "give both")
    if group != ("key", "secret") or all(name in source.values for name in group):
        return
    has, lacks = group if "key" in source.values else group[::-1]
    if source.values[has]:
        raise SettingsError(
            source.labels[has],
            f"it gives a {has} without a {lacks} beside it",
            f"give both in one place; a {lacks} of another source is not used with it",
        )
