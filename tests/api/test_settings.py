"""Settings of the server: where a value comes from, and what is said of a wrong one."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from api.cli import app
from api.settings import ServerSettings, is_loopback, told_default
from api.settings_sources import Found, SettingsError, find_settings, to_toml
from indexer.shop import Shop

SHOP = Path("shop")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file of settings."""
    path = tmp_path / "server.toml"
    path.write_text('port = 1\nthreads = 2\nlog_format = "json"\ncors_origins = ["https://a.b"]\n')
    return path


def test_a_flag_wins_over_the_environment_that_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSEARCH_PORT", "3")
    monkeypatch.setenv("VSEARCH_THREADS", "4")
    monkeypatch.setenv("VSEARCH_LOG_LEVEL", "")  # as unset
    found = find_settings(SHOP, {"port": "5"}, config)
    settings = found.settings
    assert type(settings) is ServerSettings
    assert (settings.port, settings.threads, settings.log_format) == (5, 4, "json")
    assert (settings.log_level, settings.workers, settings.shop) == ("info", 1, SHOP)
    assert found.sources == {
        "port": "--port",
        "threads": "VSEARCH_THREADS",
        "log_format": f"log_format in {config}",
        "cors_origins": f"cors_origins in {config}",
    }


def test_the_environment_names_the_file_too(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSEARCH_CONFIG", str(config))
    assert find_settings(SHOP).settings.threads == 2


@pytest.mark.parametrize("written", ["https://a.b, https://c.d", "https://a.b https://c.d"])
def test_lists_in_the_environment(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSEARCH_CORS_ORIGINS", written)
    assert find_settings(SHOP).settings.cors_origins == ("https://a.b", "https://c.d")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PORT", "70000", "VSEARCH_PORT: '70000': input should be less than or equal to 65535"),
        ("REBUILD", "maybe", "VSEARCH_REBUILD: 'maybe': input should be a valid boolean"),
        ("LOG_FORMAT", "xml", "VSEARCH_LOG_FORMAT: 'xml': input should be 'text' or 'json'"),
        ("CORS_ORIGINS", "https://a.b/", "'https://a.b/' is no origin"),
        ("CORS_ORIGINS", "a.b", "'a.b' is no origin"),
        ("ROOT_PATH", "shop", "expected a path such as /shop"),
        ("TRUSTED_PROXIES", "proxy", "'proxy' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_a_wrong_value_is_told_with_its_source(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"VSEARCH_{variable}", value)
    with pytest.raises(SettingsError) as raised:
        find_settings(SHOP)
    assert f"VSEARCH_{variable}: " in str(raised.value)
    assert said in str(raised.value)


def test_all_wrong_values_are_told_at_once(config: Path) -> None:
    config.write_text('workers = "none"\n')
    with pytest.raises(SettingsError) as raised:
        find_settings(SHOP, {"port": "no", "max_bytes": "9", "max_batch_bytes": "3"}, config)
    assert "--port: 'no'" in str(raised.value)
    assert f"workers in {config}: 'none'" in str(raised.value)
    with pytest.raises(SettingsError, match="a batch of one must pass"):
        find_settings(SHOP, {"max_bytes": "9", "max_batch_bytes": "3"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1\n", "there is no setting 'prot'; there are host, port"),
        ("shop = 'x'\n", "there is no setting 'shop'"),
        ("port = \n", "is no TOML"),
        (b"\xff", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str | bytes | None, said: str) -> None:
    path = tmp_path / "wrong.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=said):
        find_settings(SHOP, {}, path)


def test_what_is_printed_is_a_file_that_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSEARCH_CORS_ORIGINS", "https://a.b")
    found = find_settings(SHOP, {"root_path": '/a"b', "public_search": True, "gather_ms": "2.5"})
    text = to_toml(found)
    assert 'cors_origins = ["https://a.b"]  # VSEARCH_CORS_ORIGINS' in text
    assert "public_search = true  # --public-search" in text
    assert "# max_bytes =  # default" in text
    monkeypatch.delenv("VSEARCH_CORS_ORIGINS")
    path = tmp_path / "server.toml"
    path.write_text(text)
    again: Found = find_settings(SHOP, {}, path)
    assert again.settings == found.settings
    named = set(tomllib.loads(text))
    assert named | {
        "shop",
        "max_bytes",
        "max_batch_bytes",
        "address_rate",
        "public_metrics",
    } == set(ServerSettings.model_fields)


@pytest.mark.parametrize(
    ("settings", "search", "metrics", "rate"),
    [
        ({}, True, True, 0),
        ({"host": "::1"}, True, True, 0),
        ({"host": "localhost", "public_search": True}, True, True, 5),
        ({"host": "0.0.0.0"}, False, False, 5),
        ({"host": "shop.example"}, False, False, 5),
        ({"host": "0.0.0.0", "public_search": True}, True, False, 5),
        ({"trusted_proxies": ("127.0.0.1",)}, False, False, 5),
        ({"public_search": False}, False, True, 5),
        ({"host": "0.0.0.0", "address_rate": 0, "public_metrics": True}, False, True, 0),
    ],
)
def test_what_is_open_where_others_can_ask(
    settings: dict[str, Any], search: bool, metrics: bool, rate: float
) -> None:
    made = ServerSettings(shop=SHOP, **settings)
    assert (made.opens_search, made.opens_metrics, made.rate_by_address) == (search, metrics, rate)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        ServerSettings(shop=SHOP).port = 1
    assert not is_loopback("127.0.0.1.example")


def run(*arguments: object, code: int = 0, **env: str) -> Result:
    shown = {"COLUMNS": "300", **env}
    result = CliRunner().invoke(app, ["serve", *map(str, arguments)], env=shown)
    assert result.exit_code == code, result.output
    return result


def test_help_documents_every_setting_with_its_default() -> None:
    shown = run("--help").output
    for name, field in ServerSettings.model_fields.items():
        if name != "shop":
            assert f"--{name.replace('_', '-')}" in shown
            assert f"[default: ({told_default(name)})]" in shown
            assert (field.description or "?") in shown
    for group in ("Where it listens", "Who may ask", "Limits", "Work", "Operation"):
        assert f"─ {group} ─" in shown


def test_the_command_reads_flags_environment_and_file(config: Path) -> None:
    shown = run(
        *("shop", "--config", config, "--no-rebuild", "--cors-origins", "https://c.d"),
        *("--cors-origins", "https://e.f", "--print-settings"),
        VSEARCH_MAX_TOP_K="7",
    ).stdout
    assert 'cors_origins = ["https://c.d", "https://e.f"]  # --cors-origins' in shown
    assert "rebuild = false  # --rebuild" in shown
    assert "max_top_k = 7  # VSEARCH_MAX_TOP_K" in shown
    assert f"threads = 2  # threads in {config}" in shown
    told = run("shop", "--port", "70000", code=2, VSEARCH_THREADS="0").stderr
    assert "--port: '70000'" in told
    assert "VSEARCH_THREADS: '0'" in told


@pytest.mark.parametrize(
    ("arguments", "said", "silent"),
    [
        ((), "", "Warning"),
        (("--host", "0.0.0.0"), "nobody can search: make a key", "anybody"),
        (("--host", "0.0.0.0", "--public-search"), "anybody may search", "nobody"),
        (("--host", "0.0.0.0", "--trusted-proxies", "10.0.0.1"), "nobody can", "unencrypted"),
    ],
)
def test_listening_to_others_is_warned_of(
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Shop.create(tmp_path / "shop").close()
    monkeypatch.setattr("api.serving.run", lambda _settings: True)
    told = run(tmp_path / "shop", *arguments).stderr
    assert said in told
    assert silent not in told


def test_a_folder_that_is_no_shop_is_told_in_one_line(tmp_path: Path) -> None:
    assert "vsearch init" in run(tmp_path, code=1).stderr
