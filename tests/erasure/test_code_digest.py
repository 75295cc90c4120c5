"""Every file of the package counts for the digest that certificates name, and no cache does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import unlearning
from unlearning.erasure.code_digest import code_digest, digest_of

PACKAGE = Path(unlearning.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__")))


def test_it_is_the_digest_of_the_package_that_runs(package: Path) -> None:
    assert code_digest() == digest_of(package)


def test_every_file_counts_for_its_content_and_for_its_name(package: Path) -> None:
    rooms: dict[tuple[str, ...], Path] = {}  # of the files with one ending in one folder, one
    for path in sorted(path for path in package.rglob("*") if path.is_file()):
        if rooms.setdefault((*path.relative_to(package).parts[:-1], path.suffix), path) != path:
            path.unlink()
    assert {"domain", "erasure", "entrypoints", "stores"} <= {room for room, *_ in rooms}
    whole, files = digest_of(package), list(rooms.values())
    found = {digest_of(package)}
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        found.add(digest_of(package))
        file.write_bytes(content)
        renamed = file.rename(file.with_name(f"{file.name}.txt"))
        found.add(digest_of(package))
        renamed.rename(file)
    assert len(found) == 1 + 2 * len(files)
    assert digest_of(package) == whole


def test_an_erasure_without_its_approval_is_another_software(package: Path) -> None:
    flow = package / "entrypoints/flows/erase.py"
    text = flow.read_text()
    assert "require_approved" in text
    flow.write_text(text.replace("require_approved", "str"))
    assert digest_of(package) != code_digest()


@pytest.mark.parametrize("name", ["added.py", "erasure/added.py", "new_room/__init__.py", "erasure/decisions.abi3.so"])
def test_a_new_file_counts(package: Path, name: str) -> None:
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).touch()
    assert digest_of(package) != code_digest()


def test_what_python_caches_does_not_count(package: Path) -> None:
    cache = package / "erasure/__pycache__/report.cpython-311.pyc"
    cache.parent.mkdir()
    cache.write_bytes(b"cached")
    assert digest_of(package) == code_digest()
