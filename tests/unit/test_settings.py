"""Where to connect is found in order, a login goes to its own service only, a mistake is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.errors import SettingsError
from syncnb.settings import ServiceUrl, Settings, config_path, find_settings
from syncnb.settings.sources import environment

CLOUD = {
    "HZN_FSS_CSSURL": "https://hub/edge-css/",
    "HZN_ORG_ID": "acme",
    "HZN_EXCHANGE_USER_AUTH": "ann:hidden:too",
}
FULL = {
    "SYNCNB_URL": "http://env", "SYNCNB_ORG_ID": "o", "SYNCNB_KEY": "k", "SYNCNB_SECRET": "hidden",
}  # fmt: skip
PROFILES = """
[default]
url = "http://file"
key = "file-key"
secret = "file-secret"
[prod]
url = "https://prod"
org_id = "acme"
key = "prod-key"
secret_file = "prod.secret"
ca = "ca.pem"
"""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    """An environment with a configuration file."""
    (tmp_path / "config.toml").write_text(PROFILES)
    (tmp_path / "prod.secret").write_text("from-a-file\n")
    return {"SYNCNB_CONFIG": str(tmp_path / "config.toml")}


@pytest.fixture
def edge(tmp_path: Path) -> dict[str, str]:
    """What Open Horizon sets in the container of a service."""
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"id": "acme/svc", "token": "hidden", "version": "1.0.0"}))
    return {
        "HZN_ESS_API_PROTOCOL": "secure-unix",
        "HZN_ESS_API_ADDRESS": "/run/essapi.sock",
        "HZN_ESS_API_PORT": "0",
        "HZN_ESS_AUTH": str(auth),
        "HZN_ESS_CERT": "/ess-cert/cert.pem",
    }


def test_sources_are_asked_in_order(config: dict[str, str], edge: dict[str, str]) -> None:
    """Argument, named profile, SYNCNB_*, its profile, edge, cloud, default profile."""
    everything = {**config, **FULL, **CLOUD, **edge}
    found = find_settings("http://arg/", key="k", secret="s", environ=everything)
    assert (found.url, found.key, found.sources["url"]) == ("http://arg", "k", "argument url")
    assert find_settings(profile="prod", environ=everything).url == "https://prod"
    assert find_settings(environ=everything).url == "http://env"
    del everything["SYNCNB_URL"], everything["SYNCNB_KEY"], everything["SYNCNB_SECRET"]
    assert find_settings(environ={**everything, "SYNCNB_PROFILE": "prod"}).url == "https://prod"
    assert find_settings(environ=everything).url == "unix+tls:/run/essapi.sock"
    del everything["HZN_ESS_API_ADDRESS"]
    assert find_settings(environ=everything).url == "https://hub/edge-css"
    del everything["HZN_FSS_CSSURL"]
    assert find_settings(environ=everything).url == "http://file"


def test_every_value_remembers_its_source(config: dict[str, str]) -> None:
    """So that `syncnb doctor` can say it."""
    found = find_settings(environ={**config, "SYNCNB_PROFILE": "prod", "SYNCNB_ORG_ID": "other"})
    assert found.sources["url"] == f"[prod] in {config['SYNCNB_CONFIG']}"
    assert found.sources["org_id"] == "SYNCNB_ORG_ID"
    assert found.secret == "from-a-file"
    assert "prod.secret" in found.sources["secret"]
    assert found.ca == str(Path(config["SYNCNB_CONFIG"]).parent / "ca.pem")
    assert found.sources["cert"] == "default"


@pytest.mark.parametrize("url", ["http://other", "http://env:81", "https://env"])
def test_login_of_one_service_is_not_sent_to_another(url: str, config: dict[str, str]) -> None:
    """It would hand a secret to whoever is at that URL."""
    with pytest.raises(
        SettingsError, match=r"SYNCNB_KEY belongs to SYNCNB_URL.*Give key= and"
    ) as e:
        find_settings(url, environ={**config, **FULL})
    assert "hidden" not in str(e.value)
    found = find_settings("http://env/", environ=FULL)  # the same place, written otherwise
    assert (found.key, found.org_id) == ("k", "o")


def test_source_shows_no_secret() -> None:
    """As in a traceback that shows what is in its frames."""
    assert "hidden" not in repr(environment({"SYNCNB_KEY": "me", "SYNCNB_SECRET": "hidden"}))


def test_login_of_a_profile_without_a_url_is_not_lent(tmp_path: Path) -> None:
    """The file may be another's; the error names the profile."""
    (tmp_path / "config.toml").write_text('[p]\nkey = "k"\nsecret = "hidden"\n')
    environ = {"SYNCNB_CONFIG": str(tmp_path / "config.toml")}
    with pytest.raises(SettingsError, match=r"\[p\] in .* has no url beside it") as caught:
        find_settings("http://arg", profile="p", environ=environ)
    assert "hidden" not in str(caught.value)


def test_login_without_a_url_serves_the_url_that_is_given() -> None:
    """Secrets in the environment, the host in the program."""
    environ = {"SYNCNB_KEY": "k", "SYNCNB_SECRET": "s", **CLOUD}
    found = find_settings("http://arg", environ=environ)
    assert (found.key, found.secret, found.org_id) == ("k", "s", "")
    found = find_settings(environ=environ)
    assert (found.url, found.key, found.org_id) == ("https://hub/edge-css", "k", "acme")


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ({"key": "k"}, FULL),
        ({"secret": "s"}, FULL),
        ({"url": "http://x"}, {"SYNCNB_KEY": "k"}),
        ({"url": "http://x", "secret": "s"}, {"SYNCNB_KEY": "k"}),
        ({"url": "http://x", "cert_key": "k.pem"}, {"SYNCNB_CERT": "c.pem"}),
    ],
)
def test_half_a_login_is_not_completed_from_elsewhere(
    arguments: dict[str, str], environ: dict[str, str]
) -> None:
    """A key with the secret of another is a riddle, or a leak."""
    with pytest.raises(SettingsError, match=r"Give both"):
        find_settings(**arguments, environ={"HOME": "/nowhere", **environ})


@pytest.mark.parametrize(
    ("user", "key"),
    [("ann", "acme/ann"), ("root/root", "root/root"), ("iamapikey", "acme/iamapikey")],
)
def test_login_of_the_cloud_has_its_organisation_as_hzn_writes_it(user: str, key: str) -> None:
    """Only before the colon is there an organisation; a password may have both signs."""
    environ = {**CLOUD, "HZN_EXCHANGE_USER_AUTH": f"{user}:pass/word:1"}
    found = find_settings(environ={**environ, "HZN_MGMT_HUB_CERT_PATH": "/hub.crt"})
    assert (found.key, found.secret, found.ca) == (key, "pass/word:1", "/hub.crt")
    assert found.org_id == "acme"


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"HZN_ESS_API_PROTOCOL": "unix"}, "unix:/run/essapi.sock"),
        ({"HZN_ESS_API_PROTOCOL": ""}, "unix+tls:/run/essapi.sock"),
        (
            {"HZN_ESS_API_PROTOCOL": "secure", "HZN_ESS_API_ADDRESS": "agent-service.ns.svc"},
            "https://agent-service.ns.svc:8443",
        ),
        (
            {
                "HZN_ESS_API_PROTOCOL": "unsecure",
                "HZN_ESS_API_ADDRESS": "h",
                "HZN_ESS_API_PORT": "1",
            },
            "http://h:1",
        ),
    ],
)
def test_edge_node_is_found_by_each_protocol(
    changes: dict[str, str], url: str, edge: dict[str, str]
) -> None:
    """With the login of the service, and its certificate to trust."""
    found = find_settings(environ=edge | changes)
    assert found.url == url
    assert (found.org_id, found.key, found.secret) == ("", "acme/svc", "hidden")
    assert found.ca == "/ess-cert/cert.pem"


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"HZN_ESS_AUTH": "/nowhere"}, "HZN_ESS_AUTH"),
        ({"HZN_ESS_AUTH": ""}, "HZN_ESS_AUTH"),
        ({"HZN_ESS_AUTH": "ess-auth-46e44a7d"}, "HZN_ESS_AUTH.*name of a secret"),
        ({"HZN_ESS_AUTH": __file__}, "HZN_ESS_AUTH.*no JSON"),
        ({"HZN_ESS_API_PROTOCOL": "mqtt"}, "HZN_ESS_API_PROTOCOL.*secure-unix"),
        (
            {"HZN_ESS_API_PROTOCOL": "secure", "HZN_ESS_API_ADDRESS": "h", "HZN_ESS_API_PORT": "x"},
            "HZN_ESS_API_PORT",
        ),
        ({"HZN_ESS_API_ADDRESS": "", "HZN_FSS_CSSURL": "http://h"}, "HZN_ORG_ID"),
        (
            {"HZN_ESS_API_ADDRESS": "", **CLOUD, "HZN_EXCHANGE_USER_AUTH": "nocolon"},
            "HZN_EXCHANGE_USER_AUTH.*user:password",
        ),
    ],
)
def test_bad_variable_of_open_horizon_is_named(
    changes: dict[str, str], setting: str, edge: dict[str, str]
) -> None:
    """With what it should be."""
    with pytest.raises(SettingsError, match=setting):
        find_settings(environ=edge | changes)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "SYNCNB_URL"),
        ("127.0.0.1:8080", "http://host:port"),
        ("ftp://x", "http://host:port"),
        ("http://", "http://host:port"),
        ("http://h:99999", "http://host:port"),
        ("http://h/?a=b", "more than a path"),
        ("http://h\r\nX: y", "control characters"),
        ("unix:relative.sock", "absolute path"),
        ("unix:/" + "x" * 200, "shorter"),
        ("http://me:secret@host", "key= and secret="),
    ],
)
def test_bad_url_is_refused_with_the_remedy(url: str | None, words: str, tmp_path: Path) -> None:
    """Before anything is sent, and without showing a secret."""
    with pytest.raises(SettingsError, match=words) as caught:
        find_settings(url, environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert "secret@" not in str(caught.value)


@given(
    st.text()
    | st.builds(
        "{}:{}{}".format,
        st.sampled_from(["http", "https", "unix", "unix+tls", "http+unix", "https+unix"]),
        st.sampled_from(["", "/", "//", "///", "////", "//[", "//@", "//h:", "//%2F"]),
        st.text(max_size=8),
    )
)
def test_any_url_is_read_or_refused(url: str) -> None:
    """What is accepted is accepted again in the form that is shown, and means the same."""
    try:
        place = ServiceUrl.parse(url)
    except SettingsError:
        return
    assert place.base.startswith(("http://", "https://"))
    assert "@" not in place.base.split("/")[2]
    assert ServiceUrl.parse(place.text) == place


@pytest.mark.parametrize(
    "url",
    [
        "unix:/run/a.sock", "unix:///run/a.sock", "http+unix://%2Frun%2Fa.sock", "UNIX:/run/a.sock",
        "http+unix:///run/a.sock",
    ],
)  # fmt: skip
def test_unix_sockets_may_be_written_as_others_write_them(url: str) -> None:
    """And are shown as the embedded service prints them."""
    assert ServiceUrl.parse(url) == ServiceUrl(
        "unix:/run/a.sock", "http://localhost", "/run/a.sock"
    )
    secure = url.replace("http+", "https+") if "+" in url else f"unix+tls:{url[5:]}"
    assert ServiceUrl.parse(secure).text == "unix+tls:/run/a.sock"
    assert ServiceUrl.parse(secure).tls


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[default", "config.toml"),
        ('[default]\nulr = "http://x"\n', "ulr"),
        ("[default]\nurl = 5\n", "Put it in quotes"),
        ('default = "x"\n', r"no table \[default\]"),
        ('[default]\nurl = "http://x"\nsecret_file = "none"\n', "none cannot be read"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, content: str, words: str) -> None:
    """Whether it is no TOML, has an unknown key, or names what is not there."""
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=words):
        find_settings(environ={"SYNCNB_CONFIG": str(path)})


def test_profile_that_is_not_there_is_an_error(config: dict[str, str], tmp_path: Path) -> None:
    """Never another one instead of it."""
    with pytest.raises(SettingsError, match="Use one of: default, prod"):
        find_settings(profile="pord", environ=config)
    with pytest.raises(SettingsError, match="SYNCNB_PROFILE"):
        find_settings(environ={**config, "SYNCNB_PROFILE": "pord"})
    with pytest.raises(SettingsError, match="does not exist"):
        find_settings(profile="prod", environ={"XDG_CONFIG_HOME": str(tmp_path / "none")})


def test_broken_file_does_not_matter_to_whoever_needs_none(tmp_path: Path) -> None:
    """All that is needed is said before it."""
    (tmp_path / "config.toml").write_text("[broken")
    environ = {**FULL, "SYNCNB_CONFIG": str(tmp_path / "config.toml")}
    assert find_settings(environ=environ).url == "http://env"


@pytest.mark.parametrize(
    ("platform", "environ", "path"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config/syncnb/config.toml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "rel"}, "/h/.config/syncnb/config.toml"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/syncnb/config.toml"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/syncnb/config.toml"),
        ("win32", {"APPDATA": "/a"}, "/a/syncnb/config.toml"),
    ],
)
def test_file_is_where_the_platform_keeps_such_files(
    platform: str, environ: dict[str, str], path: str
) -> None:
    """Unless SYNCNB_CONFIG names it."""
    assert config_path(environ, platform).as_posix() == path


def test_secret_is_not_shown() -> None:
    """Not in a repr, so not in a log or a notebook."""
    found = find_settings("http://x", key="k", secret="hidden", environ={})
    assert "hidden" not in repr(found)
    assert found == Settings("http://x", key="k", secret="hidden")  # sources do not count
    assert hash(found)
