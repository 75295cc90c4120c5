"""Key files: made once, private, and refused when anything about them is off."""

from __future__ import annotations

import pickle
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from unlearning.domain.errors import KeyFileError
from unlearning.stores import keys

NAMES = ["index.key", "partition.key", "suppression.key", "signing.pem", "signing.pub"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    keys.create(folder)
    return folder


def test_new_key_files_are_private_and_the_public_key_is_not(tmp_path: Path) -> None:
    made = keys.create(tmp_path / "deep" / "keys")
    assert [path.name for path in made] == NAMES
    modes = [stat.S_IMODE(path.stat().st_mode) for path in made]
    assert modes == [0o600, 0o600, 0o600, 0o600, 0o644]
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in made[0].parent.iterdir()) == sorted(NAMES)


def test_keys_that_exist_are_never_overwritten(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in NAMES}
    assert keys.create(folder) == []
    assert {name: (folder / name).read_bytes() for name in NAMES} == before


def test_only_what_is_missing_is_made_and_the_public_key_follows_the_private_one(folder: Path) -> None:
    public = (folder / "signing.pub").read_bytes()
    (folder / "signing.pub").unlink()
    (folder / "partition.key").unlink()
    assert [path.name for path in keys.create(folder)] == ["partition.key", "signing.pub"]
    assert (folder / "signing.pub").read_bytes() == public


def test_a_lost_signing_key_is_not_replaced_behind_its_public_key(folder: Path) -> None:
    (folder / "signing.pem").unlink()
    with pytest.raises(KeyFileError, match=r"Restore signing\.pem from a backup"):
        keys.create(folder)
    assert not (folder / "signing.pem").exists()


def test_two_that_create_at_once_end_with_one_set_of_keys(tmp_path: Path) -> None:
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.extend(keys.create(tmp_path / "keys"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == sorted(NAMES)
    loaded = keys.load(tmp_path / "keys", {})
    assert loaded.public == (tmp_path / "keys" / "signing.pub").read_bytes()


def test_loaded_keys_are_three_different_secrets_and_a_signing_pair(folder: Path) -> None:
    loaded = keys.load(folder, {})
    assert loaded.index == bytes.fromhex((folder / "index.key").read_text())
    assert {len(loaded.index), len(loaded.partition), len(loaded.suppression)} == {32}
    assert len({loaded.index, loaded.partition, loaded.suppression}) == 3
    private, public = load_pem_private_key(loaded.signing, None), load_pem_public_key(loaded.public)
    assert isinstance(private, Ed25519PrivateKey)
    assert isinstance(public, Ed25519PublicKey)
    public.verify(private.sign(b"statement"), b"statement")


def test_the_repr_shows_no_secret(folder: Path) -> None:
    loaded = keys.load(folder, {})
    shown = f"{loaded!r} {loaded}"
    for secret in (loaded.index, loaded.partition, loaded.suppression):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert "PRIVATE" not in shown
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_the_environment_comes_before_files(folder: Path) -> None:
    other = keys.load(folder.parent / "keys", {})
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    loaded = keys.load(folder, {"UNLEARNING_INDEX_KEY": "ab" * 32, "UNLEARNING_SIGNING_KEY": pem})
    assert loaded.index == b"\xab" * 32
    assert loaded.signing == pem.encode()
    assert loaded.partition == other.partition


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    names = [f"UNLEARNING_{name}_KEY" for name in ("INDEX", "PARTITION", "SUPPRESSION")]
    environ = {name: f"0{number}" * 32 for number, name in enumerate(names)} | {"UNLEARNING_SIGNING_KEY": pem}
    assert keys.load(tmp_path / "nowhere", environ).suppression == b"\x02" * 32


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_open_to_others_is_refused_with_the_command_that_closes_it(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o}.*chmod 600 .*{name}"):
        keys.load(folder, {})


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_missing_key_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(KeyFileError, match=f"{name} does not exist; restore it from your backup"):
        keys.load(folder, {})


@pytest.mark.parametrize("content", ["", "xyz", "ab" * 31, "ab" * 33, "zz" * 32])
def test_a_malformed_key_is_refused_without_repeating_it(folder: Path, content: str) -> None:
    (folder / "index.key").write_text(content)
    with pytest.raises(KeyFileError, match="64 hex digits") as caught:
        keys.load(folder, {})
    assert not content or content not in str(caught.value)


def test_a_malformed_key_in_the_environment_is_named_by_its_variable(folder: Path) -> None:
    with pytest.raises(KeyFileError, match="UNLEARNING_PARTITION_KEY"):
        keys.load(folder, {"UNLEARNING_PARTITION_KEY": "secret?"})


@pytest.mark.parametrize("kind", ["text", "elliptic", "encrypted"])
def test_a_signing_key_of_another_kind_is_refused(folder: Path, kind: str) -> None:
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"p"))
    (folder / "signing.pem").write_bytes({"text": b"hello", "elliptic": curve, "encrypted": locked}[kind])
    with pytest.raises(KeyFileError, match="expected Ed25519"):
        keys.load(folder, {})


def test_one_key_used_twice_is_refused(folder: Path) -> None:
    (folder / "suppression.key").write_bytes((folder / "index.key").read_bytes())
    with pytest.raises(KeyFileError, match="are the same"):
        keys.load(folder, {})


# --- remembered ------------------------------------------------------------------------------------------------------


def used(folder: Path) -> dict[str, str]:
    """The ids of the keys that a project was used with."""
    return keys.load(folder, {}).ids


@pytest.mark.parametrize("name", ["index", "partition", "suppression"])
def test_a_key_that_is_not_the_remembered_one_is_refused_wherever_it_comes_from(folder: Path, name: str) -> None:
    known = used(folder)
    with pytest.raises(KeyFileError, match=rf"another {name} key.*Restore {name}\.key from your backup"):
        keys.load(folder, {keys.variable(name): "0" * 64}, known)
    (folder / f"{name}.key").write_text("0" * 64)
    with pytest.raises(KeyFileError, match=f"another {name} key"):
        keys.load(folder, {}, known)


def test_every_key_that_is_another_is_said_at_once_and_no_key_is_in_the_message(folder: Path, tmp_path: Path) -> None:
    known = used(folder)
    keys.create(tmp_path / "others")
    with pytest.raises(KeyFileError, match="index and partition and suppression and signing") as caught:
        keys.load(tmp_path / "others", {}, known)
    assert not any((tmp_path / "others" / f"{name}.key").read_text().strip() in str(caught.value) for name in keys.TOKEN_KEYS)


@pytest.mark.parametrize("name", ["partition", "suppression", "signing"])
def test_a_key_that_was_put_away_on_purpose_may_be_replaced_and_the_new_one_is_remembered(
    folder: Path, tmp_path: Path, name: str
) -> None:
    keys.note(tmp_path, used(folder))
    (folder / "retired").mkdir()
    if name == "signing":
        (folder / "signing.pub").rename(folder / "retired/2026.pub")
        (folder / "signing.pem").unlink()
    else:
        (folder / f"{name}.key").rename(folder / f"retired/{name}-2026.key")
    assert keys.missing(folder, {}) == [name]
    keys.create(folder)
    new = keys.load(folder, {}, keys.remembered(tmp_path)).ids
    keys.note(tmp_path, new)
    assert keys.remembered(tmp_path) == new


def test_an_index_key_is_never_replaced(folder: Path) -> None:
    known = used(folder)
    (folder / "retired").mkdir()
    (folder / "index.key").rename(folder / "retired/index-2026.key")
    keys.create(folder)
    with pytest.raises(KeyFileError, match="another index key"):
        keys.load(folder, {}, known)


def test_a_memory_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    assert keys.remembered(tmp_path) == {}
    (tmp_path / ".unlearning").mkdir()
    (tmp_path / keys.FILE).write_text("[1")
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        keys.remembered(tmp_path)
