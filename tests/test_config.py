"""Settings of strangers and secrets, as the environment and the file give them."""

import os
import subprocess
from ipaddress import ip_network
from pathlib import Path

import pytest

from engine import config
from engine.errors import WrongConfig
from engine.storage.place import Place

LEGWORK = Path(__file__).resolve().parents[1] / ".venv/bin/legwork"


def test_proxies_are_a_list_in_the_environment_and_in_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert config.load().trusted_proxies == ()
    expected = (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/28"), ip_network("2001:db8::/64"))
    file = tmp_path / "legwork.toml"
    file.write_text('trusted_proxies = ["127.0.0.1", "10.0.0.0/28", "2001:db8::/64"]\n')
    monkeypatch.setenv("LEGWORK_CONFIG", str(file))
    assert config.load().trusted_proxies == expected
    monkeypatch.setenv("LEGWORK_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/28,2001:db8::/64")
    assert config.load().trusted_proxies == expected


@pytest.mark.parametrize("value", ["10.0.0.1/8", "proxy.example.org", "*"])
def test_a_proxy_that_is_no_network_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LEGWORK_TRUSTED_PROXIES", value)
    with pytest.raises(WrongConfig, match="trusted_proxies"):
        config.load()


def test_hosts_to_fetch_from_are_a_list_in_the_environment_and_in_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config.load().fetch_allowed_hosts == ()
    expected = ("sounds.lan:8080", "127.0.0.1:80", "[fd00::5]:443")
    file = tmp_path / "legwork.toml"
    file.write_text('fetch_allowed_hosts = ["Sounds.lan:8080", "127.0.0.1:80", "[fd00::5]:443"]\n')
    monkeypatch.setenv("LEGWORK_CONFIG", str(file))
    assert config.load().fetch_allowed_hosts == expected
    monkeypatch.setenv("LEGWORK_FETCH_ALLOWED_HOSTS", "Sounds.lan:8080, 127.0.0.1:80,[FD00::5]:443")
    assert config.load().fetch_allowed_hosts == expected


@pytest.mark.parametrize("value", ["sounds.lan", "http://sounds.lan:80", "*:80", "sounds.lan:", "a b:1"])
def test_a_host_to_fetch_from_has_a_port(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LEGWORK_FETCH_ALLOWED_HOSTS", value)
    with pytest.raises(WrongConfig, match="fetch_allowed_hosts"):
        config.load()


def test_sounds_for_asterisk_lie_where_it_is_said_or_beside_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGWORK_STATE_DIR", "/srv/state")
    assert config.load().sounds == Path("/srv/state/media")
    monkeypatch.setenv("LEGWORK_MEDIA_DIR", "/var/cache/legwork")
    assert config.load().sounds == Path("/var/cache/legwork")


def test_files_to_be_imported_lie_in_a_folder_or_in_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGWORK_STATE_DIR", "/srv/state")
    assert config.load().imports == Place(folder=Path("/srv/state/imports"))
    monkeypatch.setenv("LEGWORK_IMPORTS_DIR", "/srv/imports")
    monkeypatch.setenv("LEGWORK_S3_BUCKET", "legwork")
    monkeypatch.setenv("LEGWORK_S3_PREFIX", "imports")
    monkeypatch.setenv("LEGWORK_S3_ENDPOINT_URL", "http://minio.lan:9000")
    monkeypatch.setenv("LEGWORK_S3_REGION", "eu-west-1")
    assert config.load().imports == Place(
        folder=Path("/srv/imports"),
        bucket="legwork",
        prefix="imports/",
        endpoint_url="http://minio.lan:9000",
        region="eu-west-1",
    )


def test_quotes_in_a_file_of_settings_are_no_part_of_a_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same file is systemd's EnvironmentFile=, which strips them."""
    values = {
        "LEGWORK_URL": ('"http://127.0.0.1:8801"', "http://127.0.0.1:8801"),
        "LEGWORK_PUBLIC_URL": ("'https://calls.example.com'", "https://calls.example.com"),
        "LEGWORK_TRANSCRIPT_COMMAND": ('/bin/transcribe --name "a b"', '/bin/transcribe --name "a b"'),
        "LEGWORK_S3_PREFIX": ('"', '"'),
        "LEGWORK_S3_REGION": ("\"eu'", "\"eu'"),
    }
    for name in values:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    file = tmp_path / "legwork.env"
    file.write_text("".join(f"{name} = {written}\n" for name, (written, _) in values.items()))
    config.load_environment(file)
    assert {name: os.environ[name] for name in values} == {name: meant for name, (_, meant) in values.items()}


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGWORK_SECRET_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    monkeypatch.setenv("LEGWORK_ARI_PASSWORD", "5d0c2e0b7a9f4c1e")
    shown = repr(config.load())
    assert "0f1e2d3c" not in shown
    assert "5d0c2e0b" not in shown


def test_the_engine_does_not_run_with_the_http_parser_in_python() -> None:
    done = subprocess.run(
        [LEGWORK, "run"], env=os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "aiohttp runs without its C parser" in done.stderr.replace("\n", " ")
