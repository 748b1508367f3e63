"""API keys: made, kept as hashes, found, revoked."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from api import keys_file
from api.cli import app
from api.key_ring import KeyRing
from api.keys import ApiKey, Scope, id_of, new_key
from api.keys_file import KeysFile, this_hour
from indexer.backup import backup
from indexer.restore import restore
from indexer.shop import Shop
from vsearch.errors import BusyError, ShopError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shop without anything."""
    Shop.create(tmp_path / "shop").close()
    return tmp_path / "shop"


def add(folder: Path, name: str = "web", scope: Scope = Scope.SEARCH) -> tuple[str, ApiKey]:
    key, kept = new_key(name, scope)
    KeysFile(folder).add(kept)
    return key, kept


def test_scopes_include_one_another() -> None:
    allowed = {(a.value, b.value) for a in Scope for b in Scope if a.allows(b)}
    assert allowed == {
        *(("admin", "search"), ("admin", "write"), ("admin", "admin")),
        *(("write", "search"), ("write", "write"), ("search", "search")),
    }


def test_a_key_has_a_readable_id_and_32_random_bytes() -> None:
    key, kept = new_key("web", Scope.SEARCH)
    again, _ = new_key("web", Scope.SEARCH)
    prefix, key_id, secret = key.split("_", 2)
    assert (prefix, key_id) == ("vsk", kept.id)
    assert len(secret) == 43  # 32 bytes in base64url
    assert key != again
    assert id_of(key) == kept.id
    assert [id_of(wrong) for wrong in ("", key[:-1], f"{key}x", f" {key}", "é" * 56)] == [None] * 5


def test_the_file_has_no_key_and_only_its_owner_may_read_it(folder: Path) -> None:
    key, kept = add(folder)
    path = folder / "keys.json"
    text = path.read_text()
    assert key not in text
    assert key.split("_", 2)[2] not in text
    assert kept.sha256 in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    mask = os.umask(0)
    try:
        KeysFile(folder).note_use({kept.id: this_hour()})
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_found_and_a_changed_one_is_not(folder: Path) -> None:
    key, kept = add(folder)
    other, _ = new_key("other", Scope.ADMIN)
    ring = KeyRing(folder)
    assert ring.find(key) == kept
    last = "A" if key[-1] != "A" else "B"
    for wrong in ("", "vsk", key[:-1] + last, other, key.upper(), f"{key}\0", "\udcff"):
        assert ring.find(wrong) is None


def test_every_presented_key_is_compared_in_constant_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = add(folder)
    compared: list[tuple[object, object]] = []

    def compare(one: object, other: object) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("api.keys.hmac.compare_digest", compare)
    ring = KeyRing(folder)
    unknown, _ = new_key("unknown", Scope.SEARCH)
    for presented in (key, unknown, "no key at all"):
        ring.find(presented)
    assert len(compared) == 3
    assert all(len(str(side)) == 64 for pair in compared for side in pair)  # hashes, not keys


def test_other_processes_keys_count_from_the_next_look_on(folder: Path) -> None:
    ring = KeyRing(folder)
    assert len(ring) == 0
    key, kept = add(folder)
    assert ring.find(key) == kept
    KeysFile(folder).revoke("web")
    assert ring.find(key) is None


def test_a_key_ends_when_it_expires(folder: Path) -> None:
    key, kept = new_key("web", Scope.SEARCH, datetime.now(UTC) + timedelta(hours=1))
    KeysFile(folder).add(kept)
    assert KeyRing(folder).find(key) is not None
    assert not kept.expired(datetime.now(UTC))
    assert kept.expired(datetime.now(UTC) + timedelta(hours=1))
    over = datetime.now(UTC) - timedelta(seconds=1)
    KeysFile(folder).revoke("web")
    KeysFile(folder).add(replace(kept, expires=over.isoformat()))
    assert KeyRing(folder).find(key) is None


def test_names_are_used_once_and_ids_revoke_too(folder: Path) -> None:
    _, kept = add(folder)
    with pytest.raises(ShopError, match="“web” already"):
        add(folder)
    with pytest.raises(ShopError, match="there are: web"):
        KeysFile(folder).revoke("wap")
    assert KeysFile(folder).revoke(kept.id) == kept
    assert KeysFile(folder).read() == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"schema": 1, "keys": [{"id": "a"}]}', "is damaged"),
        ('{"schema": 1, "keys": [{"scope": "god"}]}', "is damaged"),
        ('{"schema": 2, "keys": []}', "update the program"),
    ],
)
def test_a_file_that_is_not_understood_opens_nothing(
    folder: Path, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = add(folder)
    (folder / "keys.json").write_text(text)
    with pytest.raises(ShopError, match=said):
        KeysFile(folder).read()
    with pytest.raises(ShopError, match=said):
        add(folder, "new")
    assert (folder / "keys.json").read_text() == text
    ring = KeyRing(folder)
    assert ring.find(key) is None
    assert "no API key is valid" in caplog.text


def test_the_last_use_is_noted_to_the_hour_and_seldom(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, kept = add(folder)
    gone, _ = add(folder, "gone")
    ring = KeyRing(folder)
    ring.find(key)
    ring.find(gone)
    KeysFile(folder).revoke("gone")
    ring.note_uses()
    (noted,) = KeysFile(folder).read()
    assert (noted.id, noted.last_used) == (kept.id, this_hour())
    assert (noted.last_used or "")[13:] == ":00:00+00:00"

    written: list[object] = []
    monkeypatch.setattr(keys_file, "write_atomically", lambda *told, **_: written.append(told))
    ring.find(key)
    ring.note_uses()
    assert not written  # the hour is known


def test_a_use_that_cannot_be_noted_harms_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = add(folder)
    ring = KeyRing(folder)
    ring.find(key)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys_file, "write_atomically", full)
    ring.note_uses()
    assert "No space left" in caplog.text
    assert ring.find(key) is not None


def _add_some(folder: Path, number: int) -> None:
    for one in range(5):
        add(folder, f"{number}-{one}")


def test_several_who_add_keys_at_once_lose_none(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda number: _add_some(folder, number), range(4)):
            pass
    assert {key.name for key in KeysFile(folder).read()} == {
        f"{number}-{one}" for number in range(4) for one in range(5)
    }


def test_a_file_that_another_process_holds_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_file, "_LOCK_SECONDS", 0.01)
    with (
        FileLock(folder / "keys.lock"),
        pytest.raises(BusyError, match="another process changes"),
    ):
        add(folder)


@pytest.mark.parametrize("target", ["backup.tar", "backup"])
def test_a_backup_keeps_the_keys_and_who_may_read_them(
    folder: Path, tmp_path: Path, target: str
) -> None:
    key, kept = add(folder)
    with Shop.open(folder) as shop:
        backup(shop, tmp_path / target)
    restore(tmp_path / target, tmp_path / "again")
    restored = tmp_path / "again"
    assert stat.S_IMODE((restored / "keys.json").stat().st_mode) == 0o600
    assert KeyRing(restored).find(key) == kept
    if target == "backup":
        assert stat.S_IMODE((tmp_path / target / "keys.json").stat().st_mode) == 0o600


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["keys", *map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


class TestCommand:
    """`vsearch keys`."""

    def test_a_new_key_is_shown_once_and_listed_without_it(self, folder: Path) -> None:
        shown = run(folder, "add", "web", "--scope", "write", "--expires", "90d", "--json")
        told = json.loads(shown.stdout)
        assert (told["name"], told["scope"]) == ("web", "write")
        assert datetime.fromisoformat(told["expires"]) > datetime.now(UTC) + timedelta(days=89)
        ring = KeyRing(folder)
        assert ring.find(told["key"]) is not None
        for listed in (run(folder).output, run(folder, "list", "--json").output):
            assert told["key"] not in listed
            assert told["id"] in listed
            assert KeysFile(folder).read()[0].sha256 not in listed
        run(folder, "revoke", "web")
        assert ring.find(told["key"]) is None
        assert "no keys" in run(folder).output

    def test_people_are_shown_the_key_and_told_to_keep_it(self, folder: Path) -> None:
        result = run(folder, "add", "till at the door")
        key = next(word for word in result.stdout.split() if word.startswith("vsk_"))
        assert KeyRing(folder).find(key) is not None
        assert "not shown again" in result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("add",),
            ("revoke",),
            ("list", "web"),
            ("add", " "),
            ("add", "a\nb"),
            ("add", "x" * 101),
            ("add", "web", "--scope", "god"),
            ("add", "web", "--expires", "soon"),
            ("add", "web", "--expires", "2020-01-01"),
            ("add", "web", "--expires", "99999999d"),
            ("rename", "web"),
        ],
    )
    def test_bad_usage(self, folder: Path, arguments: tuple[str, ...]) -> None:
        run(folder, *arguments, code=2)
        assert not (folder / "keys.json").exists()

    def test_what_cannot_be_done_is_told(self, folder: Path, tmp_path: Path) -> None:
        run(folder, "add", "web")
        assert "already" in run(folder, "add", "web", code=1).stderr
        assert "there is no key" in run(folder, "revoke", "wap", code=1).stderr
        assert "vsearch init" in run(tmp_path / "none", "add", "web", code=1).stderr
