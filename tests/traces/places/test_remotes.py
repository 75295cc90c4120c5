"""What is beside the objects is named with an outcome: remotes by name, remotes nobody can search, clones, imports, inputs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import buckets
from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.traces import PURGE_DELETES, Found, Wanted
from unlearning.stores.scans.words import Watch
from unlearning.traces import sweep
from unlearning.traces.accounts import Accounts, Declared
from unlearning.traces.places import remotes
from unlearning.traces.places.dvc_objects import Reader
from unlearning.traces.places.remotes import CLONE, INPUTS, NamedPlace, UnsearchedPlace

KEY, PERSON, PATH = bytes(32), "Zq-9999", "data/people.csv"
READER = Reader(Watch(("patient",), "text", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
WANTED = Wanted(frozenset({hashing.token(KEY, PERSON, "text")}), identifiers=(PERSON,))


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    with buckets.serving() as served:
        yield served


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    """A project with a table that holds somebody, pushed and committed."""
    return beginning.with_table(tmp_path / "project", PATH, [PERSON, "Zq-0001"])


def place(history: History, name: str) -> Any:
    return next(one for one in remotes.places(history.repository, READER, [PATH]) if one.name == name)


def outcomes(found: Found) -> list[str]:
    return [one.outcome for one in found.unclear]


def redact(history: History, *, commit: bool = True) -> None:
    (history.root / PATH).unlink()
    history.table(PATH, ["Zq-0001"])
    history.repository.push([PATH])
    if commit:
        history.commit()


# --- clones ----------------------------------------------------------------------------------------------------------


def test_what_a_clone_gets_is_opened_and_who_is_in_it_is_a_residual(history: History) -> None:
    found = place(history, CLONE).find(WANTED)
    assert (found.searched, found.traces, outcomes(found)) == (1, (), ["residual"])
    assert PATH in found.unclear[0].why
    assert PERSON not in str(found)


def test_a_redaction_that_is_committed_and_pushed_is_what_a_clone_gets(history: History) -> None:
    redact(history)
    assert place(history, CLONE).find(WANTED) == Found(searched=1)


def test_a_redaction_that_nobody_committed_is_a_residual_until_the_old_content_is_gone(history: History) -> None:
    old = history.tracked(PATH)
    redact(history, commit=False)
    assert outcomes(place(history, CLONE).find(WANTED)) == ["residual"]
    history.lose(old)
    assert place(history, CLONE).find(WANTED) == Found()


def test_a_content_that_no_reader_knows_is_unverified(history: History) -> None:
    (history.root / PATH).unlink()
    (history.root / PATH).write_bytes(b"\x00\x01\x02")
    history.repository.add([PATH])
    history.repository.push([PATH])
    history.commit()
    assert outcomes(place(history, CLONE).find(WANTED)) == ["unverified"]


@pytest.mark.parametrize("content", ["row;value\na;100042\n", "row 100042 failed", "[1, 100042]"])
def test_a_number_that_may_be_a_person_is_unverified_in_a_clone_and_in_an_input(history: History, content: str) -> None:
    reader = Reader(Watch(("patient",), "integer", KEY), indexed=lambda _: {}, derived=lambda _: frozenset())
    wanted = Wanted(frozenset({hashing.token(KEY, 100042, "integer")}))
    (history.root / PATH).unlink()
    (history.root / PATH).write_text(content)
    history.repository.add([PATH])
    history.repository.push([PATH])
    history.commit()
    (history.root / "raw.csv").write_text(content)
    clone = next(one for one in remotes.places(history.repository, reader, [PATH]) if one.name == CLONE)
    assert outcomes(clone.find(wanted)) == ["unverified"]
    history.stages({"load": ("python load.py", ["raw.csv"], ["made.csv"])})
    inputs = next(one for one in remotes.places(history.repository, reader, ["made.csv"]) if one.name == INPUTS)
    assert outcomes(inputs.find(wanted)) == ["unverified"]


def test_a_content_that_is_declared_free_of_people_is_believed_in_a_clone_too(history: History) -> None:
    (history.root / PATH).unlink()
    (history.root / PATH).write_bytes(b"\x00\x01\x02")
    history.repository.add([PATH])
    history.repository.push([PATH])
    history.commit()
    reader = replace(READER, accounts=lambda: Accounts(declared=(Declared(PATH, "noise"),)))
    clone = next(one for one in remotes.places(history.repository, reader, [PATH]) if one.name == CLONE)
    assert outcomes(clone.find(WANTED)) == []


def test_a_folder_is_what_its_listing_names(history: History, tmp_path: Path) -> None:
    (history.root / PATH).unlink()
    (history.root / f"{PATH}.dvc").unlink()
    (history.root / PATH).mkdir()
    for number, person in enumerate((PERSON, "Zq-0001")):
        (history.root / PATH / f"{number}.csv").write_text(f"patient,x\n{person},1\n")
    history.repository.add([PATH])
    history.repository.push([PATH])
    history.commit()
    found = place(history, CLONE).find(WANTED)
    assert (found.searched, outcomes(found)) == (3, ["residual"])


def test_an_import_whose_owner_does_not_answer_is_unverified(history: History, origin: Path, tmp_path: Path) -> None:
    theirs = Path(shutil.copytree(origin, tmp_path / "theirs", symlinks=True))
    imported(history, theirs)
    theirs.rename(tmp_path / "away")
    assert "unverified" in outcomes(place(history, CLONE).find(WANTED))


def imported(history: History, theirs: Path) -> None:
    from dvc.repo import Repo

    (history.root / PATH).unlink()
    (history.root / f"{PATH}.dvc").unlink()
    with Repo(str(history.root)) as repo:
        repo.imp(str(theirs), "data/train.csv", str(history.root / PATH))
    history.commit()


# --- remotes ---------------------------------------------------------------------------------------------------------


def test_an_import_is_named_with_whose_it_is_and_is_out_of_reach(history: History, origin: Path) -> None:
    imported(history, origin)
    one = place(history, f"{remotes.IMPORTS}: {PATH}")
    [unclear] = one.find(WANTED).unclear
    assert (unclear.outcome, unclear.place) == ("out_of_reach", one.name)
    assert str(origin) in unclear.why


def test_a_place_that_nobody_can_search_is_never_verified_and_deletes_nothing(history: History) -> None:
    one = UnsearchedPlace("DVC remote 'google'", "no driver", "install it")
    assert outcomes(one.find(WANTED)) == ["unverified"]
    assert one.erase([]) == ()
    buckets.add_remote(history.root, "google", url="gs://bucket/store")
    rows = [row for row in sweep.sweep(history.workspace, WANTED.tokens).places if "google" in row.place]
    assert [(row.place, row.outcome, row.count) for row in rows] == [("DVC remote 'google'", "unverified", None)]
    assert "dvc-gs" in rows[0].remedy


@pytest.mark.parametrize("setting", ["version_aware", "worktree"])
def test_every_version_in_a_remote_by_name_is_searched_and_those_with_the_person_go(
    history: History, s3: tuple[str, Any], setting: str
) -> None:
    address, client = s3
    bucket = buckets.versioned(client)
    buckets.add_remote(history.root, "s3", url=f"s3://{bucket}/store", default=True, endpointurl=address, **{setting: "true"})
    history.repository.push([PATH])
    history.commit()
    redact(history)
    one = place(history, "DVC remote 's3'")
    assert isinstance(one, NamedPlace)
    found = one.find(WANTED)
    assert (len(found.traces), found.searched) == (1, 2)
    one.erase(found.traces)
    assert one.find(WANTED) == Found(searched=1, remedy=PURGE_DELETES)
    [kept] = buckets.contents(client, bucket)[f"store/{PATH}"]
    assert kept == (history.root / PATH).read_bytes()


# --- inputs ----------------------------------------------------------------------------------------------------------


def text(file: Path) -> None:
    file.write_text(f"patient,x\n{PERSON},1\n")


def clean(file: Path) -> None:
    file.write_text("patient,x\nZq-0001,1\n")


def unknown(file: Path) -> None:
    file.write_bytes(b"\x00\x01\x02")


def missing(file: Path) -> None:
    file.unlink(missing_ok=True)


def folder(file: Path) -> None:
    file.mkdir()
    text(file / "part.csv")
    clean(file / "other.csv")


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize(
    ("write", "outcome"),
    [(text, ["residual"]), (clean, []), (unknown, ["unverified"]), (missing, ["unverified"]), (folder, ["residual"])],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_what_a_stage_above_a_table_reads_is_opened_wherever_it_lies(
    history: History, tmp_path: Path, outside: bool, write: Callable[[Path], None], outcome: list[str]
) -> None:
    file = (tmp_path if outside else history.root) / "raw"
    write(file)
    (history.root / f"{PATH}.dvc").unlink()
    history.stages({"load": ("python load.py", [str(file) if outside else "raw"], [PATH])})
    found = place(history, INPUTS).find(WANTED)
    assert (found.searched, outcomes(found)) == (1, outcome)
    assert PERSON not in str(found)


@pytest.mark.parametrize("address", ["s3://no-such-bucket-anywhere/raw.csv", "http://127.0.0.1:1/raw.csv"])
def test_an_input_elsewhere_that_does_not_answer_is_unverified(history: History, s3: object, address: str) -> None:
    (history.root / f"{PATH}.dvc").unlink()
    if address.startswith("s3"):
        buckets.add_remote(history.root, "raw", url="s3://no-such-bucket-anywhere", endpointurl=s3[0])  # type: ignore[index]
        address = "remote://raw/raw.csv"
    history.stages({"load": ("python load.py", [address], [PATH])})
    assert outcomes(place(history, INPUTS).find(WANTED)) == ["unverified"]


def test_a_tracked_input_is_a_table_of_its_own_and_not_listed_twice(history: History) -> None:
    (history.root / f"{PATH}.dvc").unlink()
    history.table("raw.csv", [PERSON])
    history.stages({"load": ("python load.py", ["raw.csv"], [PATH])})
    assert place(history, INPUTS).find(WANTED) == Found()
