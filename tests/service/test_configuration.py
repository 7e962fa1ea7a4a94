"""Settings: where they come from, what is wrong with them, and what the documents say of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from syncnb.errors import SettingsError
from syncnb.service.config import ServiceConfig
from syncnb.service.fields import settings_of
from syncnb.service.sources import resolve

ROOT = Path(__file__).parent.parent.parent
BASICS = {"data": "d", "auth": "a"}
LINK = {"css_url": "http://css:1", "org_id": "acme", "node": "edge/node1"}


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SYNCNB_")}
    return subprocess.run(
        [sys.executable, "-m", "syncnb", *arguments],
        env=plain | environ, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_each_source_outweighs_those_before_it(tmp_path: Path) -> None:
    """Default, file, the existing service's variable, ours, option; a table outweighs the top."""
    file = tmp_path / "service.toml"
    file.write_text(
        "transfers = 2\nsmall_transfers = 3\nresend_interval = 11\nthreads = 5\n"
        "[ess]\nsmall_transfers = 4\nresend_interval = 12\nchunk_size = '1 MiB'\n"
        "[css]\nthreads = 9\n"
    )
    environ = {
        "RESEND_INTERVAL": "13", "MAX_DATA_CHUNK_SIZE": "4096", "SYNCNB_ESS_CHUNK_SIZE": "8 KiB",
        "SYNCNB_ESS_THREADS": "6", "SYNCNB_CSS_THREADS": "10",
    }  # fmt: skip
    options = BASICS | LINK | {"threads": "7"}
    resolved = resolve("ess", options, file=file, environ=environ)
    config = resolved.config()
    found = {row["setting"]: (row["value"], row["source"]) for row in resolved.rows()}
    assert found["poll_interval"] == (10.0, "default")
    assert found["transfers"] == (2, str(file))
    assert found["small_transfers"] == (4, f"{file} [ess]")
    assert found["resend_interval"] == (13.0, "$RESEND_INTERVAL")
    assert found["chunk_size"] == (8192, "$SYNCNB_ESS_CHUNK_SIZE")
    assert found["threads"] == (7, "--threads")
    assert (config.chunk_size, config.threads, config.resend_interval) == (8192, 7, 13.0)


def test_paths_of_a_file_are_relative_to_it_and_those_of_options_are_not(tmp_path: Path) -> None:
    """So that an installation can be moved."""
    file = tmp_path / "service.toml"
    file.write_text('auth = "auth.json"\nclient_ca = "/etc/ca.pem"\n')
    config = resolve("css", {"data": "d"}, environ={"SYNCNB_CSS_CONFIG": str(file)}).config()
    assert config.auth == tmp_path / "auth.json"
    assert config.client_ca == Path("/etc/ca.pem")
    assert config.data == Path("d")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("5 min", 300), ("2h", 7200), ("250ms", 0.25), ("1 d", 86400)],
)
def test_times_may_have_units(written: str, seconds: float) -> None:
    """In any text; a number is in seconds."""
    environ = {"SYNCNB_CSS_MAINTENANCE_INTERVAL": written}
    assert resolve("css", BASICS, environ=environ).config().maintenance_interval == seconds


@pytest.mark.parametrize(
    ("written", "size"), [("4096", 4096), ("64 KiB", 65536), ("1M", 1 << 20), ("1 MB", 1_000_000)]
)
def test_sizes_may_have_units(written: str, size: int) -> None:
    """Powers of 1024 or of 1000, as they are written."""
    environ = {"SYNCNB_CSS_CHUNK_SIZE": written}
    assert resolve("css", BASICS, environ=environ).config().chunk_size == size


def test_variables_of_the_existing_service_describe_a_node() -> None:
    """All that an installation of it sets (sync-http.md, 14; rest-api.md, 1.1)."""
    environ = {
        "HTTP_CSS_HOST": "css", "HTTP_CSS_PORT": "9443", "HTTP_CSS_USE_SSL": "true",
        "HTTP_CSS_CA_CERTIFICATE": "ca/css.pem", "PERSISTENCE_ROOT_PATH": "/var/persist",
        "ORG_ID": "acme", "DESTINATION_TYPE": "edge", "DESTINATION_ID": "node1",
        "LISTENING_TYPE": "secure-unix", "LISTENING_ADDRESS": "ess.sock",
        "HTTP_POLLING_INTERVAL": "3", "ESS_PING_INTERVAL": "2", "STORAGE_MAINTENANCE_INTERVAL": "40",
        "OBJECT_ACTIVATION_INTERVAL": "20",
    }  # fmt: skip
    config = resolve("ess", {"auth": "a"}, environ=environ).config()
    assert config.css_url == "https://css:9443"
    assert config.css_ca == Path("/var/persist/ca/css.pem")
    assert (config.data, config.org_id, config.node) == (Path("/var/persist"), "acme", "edge/node1")
    assert config.listen == ("unix+tls:ess.sock",)
    assert (config.poll_interval, config.ping_interval) == (3.0, 7200.0)
    assert config.maintenance_interval == 20.0
    both = {"LISTENING_TYPE": "both", "LISTENING_ADDRESS": "10.0.0.1", "SECURE_LISTENING_PORT": "9"}
    config = resolve("css", BASICS, environ=both).config()
    assert config.listen == ("10.0.0.1:8080", "https://10.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "environ", "content", "words"),
    [
        pytest.param((), {}, "", ("data", "--data", "$SYNCNB_CSS_DATA"), id="missing"),
        pytest.param(("--threads", "many"), {}, "", ("--threads", "'many'", "number"), id="option"),
        pytest.param(("--threads", "0"), {}, "", ("--threads", "from 1 up to 1000"), id="range"),
        pytest.param(("--data", "d", "--auth", "a", "--listen", "9080"), {}, "",
            ("--listen", "'9080'", "host:port"), id="listen"),
        pytest.param((), {"SYNCNB_CSS_CHUNK_SIZE": "5 apples"}, "",
            ("chunk_size", "$SYNCNB_CSS_CHUNK_SIZE", "64 KiB"), id="unit"),
        pytest.param((), {"SYNCNB_CSS_TREADS": "1"}, "",
            ("SYNCNB_CSS_TREADS", "SYNCNB_CSS_THREADS"), id="variable"),
        pytest.param((), {"RESEND_INTERVAL": "soon"}, "", ("$RESEND_INTERVAL", "'soon'"), id="theirs"),
        pytest.param((), {}, "chunksize = 1", ("chunksize", "chunk_size"), id="key"),
        pytest.param((), {}, "[css]\ncss_url = 'http://a'", ("css_url", "[css]"), id="other-role"),
        pytest.param((), {}, "[cs]\n", ("cs", "css"), id="table"),
        pytest.param((), {}, "threads = '", ("not TOML",), id="syntax"),
        pytest.param((), {}, "access_log = 'perhaps'", ("access_log", "true or false"), id="bool"),
        pytest.param((), {}, "data = 7", ("data", "quotes"), id="type"),
        pytest.param((), {}, "log_format = 'xml'", ("log_format", "text, json"), id="choice"),
    ],
)  # fmt: skip
def test_error_names_setting_value_source_and_remedy(
    tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str], content: str,
    words: tuple[str, ...],
) -> None:  # fmt: skip
    """And the service does not start."""
    file = tmp_path / "service.toml"
    file.write_text(content)
    done = command("css", "--config", str(file), *arguments, **environ)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stderr.count("\n") == 1
    if content and "TOML" not in words[0]:
        assert str(file) in done.stderr


def test_config_is_printed_with_sources_and_without_secrets(tmp_path: Path) -> None:
    """For people and for machines; what is missing is shown, and the code says so."""
    options = (
        "--data",
        str(tmp_path / "d"),
        "--listen",
        "https://me:pa55@host:1",
        "--print-config",
    )
    done = command("css", *options, "--chunk-size", "2MiB", SYNCNB_CSS_ACCESS_LOG="1")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert re.search(r"chunk_size +2 MiB +--chunk-size$", rows["chunk_size"])
    assert re.search(r"access_log +true +\$SYNCNB_CSS_ACCESS_LOG$", rows["access_log"])
    assert re.search(r"threads +8 +default$", rows["threads"])
    assert "(missing)" in rows["auth"]
    assert done.returncode == 2
    assert "pa55" not in done.stdout + done.stderr
    assert not (tmp_path / "d").exists()
    done = command("css", "--data", "d", "--auth", "a", "--print-config", "--json")
    assert done.returncode == 0
    machine = {row["setting"]: row for row in json.loads(done.stdout)}
    assert machine["keep_alive"]["value"] == 75.0
    assert machine["keep_alive"]["unit"] == "s"
    assert machine.keys() == rows.keys() - {"SETTING"}


def test_every_setting_can_be_given_in_every_way() -> None:
    """Each field is described, and has an option, a name in files and one in the environment."""
    settings = settings_of(ServiceConfig)
    derived = {"role", "addresses", "node_type", "node_id"}
    assert set(settings) == set(ServiceConfig.__dataclass_fields__) - derived
    for role in ("css", "ess"):
        text = command(role, "--help").stdout
        for setting in settings.values():
            assert setting.described.about
            if setting.described.role in ("", role):
                assert all(option in text for option in setting.options), setting.name


def test_values_that_do_not_go_together_are_refused() -> None:
    """Also where the configuration is made in Python."""
    good = {**BASICS, **LINK}
    for wrong, words in (
        ({"css_url": "css:9080"}, "css_url"),
        ({"css_url": "https://me:pa55@css"}, "credentials"),
        ({"node": "node1"}, "type/id"),
        ({"tls_key": "k"}, "tls_cert"),
        ({"socket_mode": "rw"}, "0660"),
        ({"listen": "unix:../x"}, "socket file"),
        ({"poll_interval": "nan"}, "poll_interval"),
        ({"nonsense": 1}, "nonsense"),
    ):
        with pytest.raises(SettingsError, match=words) as caught:
            ServiceConfig.from_values("ess", {**good, **wrong})
        assert "pa55" not in str(caught.value)


def test_document_lists_the_settings_as_they_are() -> None:
    """docs/configuration.md is made from them."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_configuration.py"), "--check"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
