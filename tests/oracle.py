"""The slow, obvious answer: open every data version at every commit with nothing but Git, YAML and CSV, and look who is in it.

It shares no code with the library. What was trained on what is not read from MLflow either: the test that trained it says so.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from unlearning.domain.versions import ModelVersion, Tracked

SAME_WEIGHTS = "copied"
NO_DATA_OF_ITS_OWN = ("copied", "quantised", "exported")


@dataclass
class Weights:
    """What one training made, whoever registered it under which name."""

    own: frozenset[Tracked]
    """What it was trained on, as far as MLflow was told."""
    silent: bool
    """MLflow was told nothing that counts, or of something that is not in DVC."""
    starts: tuple[str, ...]
    """Logged models it began with."""


@dataclass
class Truth:
    """Everything that was ever done to the registry, and what could be learned of it at each round of following."""

    weights: dict[str, Weights] = field(default_factory=dict)
    versions: dict[ModelVersion, str] = field(default_factory=dict)
    """Version → its logged model."""
    copied_from: dict[ModelVersion, ModelVersion] = field(default_factory=dict)
    tags: dict[ModelVersion, tuple[ModelVersion, str]] = field(default_factory=dict)
    """Version → what its tags say it was made from, and how."""
    deleted: set[ModelVersion] = field(default_factory=set)
    seen: set[ModelVersion] = field(default_factory=set)
    """Alive in some round."""
    said: set[tuple[ModelVersion, ModelVersion, str]] = field(default_factory=set)
    """(parent, child, kind) that people stated and a round read."""
    columns: dict[str, set[str]] = field(default_factory=dict)
    people: dict[Tracked, frozenset[str]] = field(default_factory=dict)
    """Every content that could ever be opened in a round, and spoke."""
    mute: dict[Tracked, str] = field(default_factory=dict)
    """Every content that was tried and did not: `gone`, `no column`, `no table`, `unreadable`."""
    asked: dict[Tracked, set[str]] = field(default_factory=dict)
    """Content → the columns that were last looked for in it."""
    parents: dict[Tracked, set[Tracked]] = field(default_factory=dict)

    @property
    def alive(self) -> set[ModelVersion]:
        return set(self.versions) - self.deleted

    # --- one round

    def follow(self, root: Path, *, everything: bool) -> None:
        self.seen |= self.alive
        self.said |= {(parent, child, kind) for child, (parent, kind) in self.tags.items() if child in self.alive}
        history = set()
        for content, made_from in _history(root):
            history |= {content, *made_from}
            self.parents.setdefault(content, set()).update(made_from)
        fed = {content for version in self.seen for content in self.contents(version)}
        for content in self._above(fed) | (history if everything else set()):
            self._open(root, content)

    def _open(self, root: Path, content: Tracked) -> None:
        columns = {"patient", *self.columns.get(content.path, ())}
        # What has none of these columns has none when it is lost, either.
        if content in self.people or (self.mute.get(content) == "no column" and columns <= self.asked[content]):
            return
        found, self.asked[content] = look(root, content, columns), columns
        if isinstance(found, str):
            self.mute[content] = found
        else:
            self.people[content] = found
            self.mute.pop(content, None)

    def _above(self, contents: Iterable[Tracked]) -> set[Tracked]:
        return _closure(contents, lambda one: self.parents.get(one, ()))

    # --- answers

    def holding(self, person: str) -> set[Tracked]:
        return {content for content, people in self.people.items() if person in people}

    def shaped(self, person: str) -> set[ModelVersion]:
        return {version for version in self.alive if person in self._people_of(version)}

    def contents(self, version: ModelVersion) -> set[Tracked]:
        """What went into a version's own training, and into everything it began with."""
        return {
            content
            for name in _closure([self.versions[version]], lambda one: self.weights[one].starts)
            for content in self.weights[name].own
        }

    def _people_of(self, version: ModelVersion) -> set[str]:
        found: set[str] = set()
        for one in self._made_from(version):
            for content in self.contents(one) if one in self.seen else ():
                found |= self._in(content)
        return found

    def _made_from(self, version: ModelVersion) -> set[ModelVersion]:
        """A version, its twins, and all it was made from."""
        return _closure([version], self._next_to)

    def _next_to(self, version: ModelVersion) -> Iterator[ModelVersion]:
        """What a version has from another one by somebody's word, or because both are the same weights."""
        yield from (parent for parent, child, _ in self.said if child == version)
        yield from (child for parent, child, kind in self.said if parent == version and kind == SAME_WEIGHTS)
        if version in self.copied_from and version in self.seen:
            yield self.copied_from[version]
        yield from (one for one, source in self.copied_from.items() if source == version and one in self.seen)
        # Of a version that was gone before any round, nobody can learn what it began with: that is a gap.
        began = _closure([self.versions[version]] if version in self.seen else [], lambda one: self.weights[one].starts)
        yield from (one for one in self.seen if self.versions[one] in began)

    def _in(self, content: Tracked) -> set[str]:
        if content in self.people:
            return set(self.people[content])
        return {person for parent in self.parents.get(content, ()) for person in self._in(parent)}

    def doubtful(self) -> set[ModelVersion]:
        """Versions about which somebody would have to ask further: nobody knows all that went into them."""
        return {version for version in self.alive if any(map(self._silent, self._made_from(version)))}

    def _silent(self, version: ModelVersion) -> bool:
        """MLflow was told too little of this training, or of one that it began with and that nobody registered."""
        if version not in self.seen:
            return not self._copies_of(version)
        names = _closure([self.versions[version]], lambda one: self.weights[one].starts)
        needs_none = any(
            child in self._same(version) and kind in NO_DATA_OF_ITS_OWN and parent in self.seen
            for parent, child, kind in self.said
        )
        return any(self.weights[one].silent for one in names - ({self.versions[version]} if needs_none else set()))

    def _copies_of(self, version: ModelVersion) -> set[ModelVersion]:
        return {one for one in self.seen if self.copied_from.get(one) == version}

    def _same(self, version: ModelVersion) -> set[ModelVersion]:
        return {one for one in self.versions if self.versions[one] == self.versions[version]}

    def missing(self) -> set[str]:
        """What each gap in the data is about."""
        return {f"data {content.name}" for content in self._loose()}

    def _matter(self) -> set[ModelVersion]:
        return self.seen & _closure(self.alive & self.seen, self._next_to)

    def _loose(self) -> set[Tracked]:
        ends = {end for version in self._matter() for content in self.contents(version) for end in self._ends(content)}
        closed = {one for one, why in self.mute.items() if why != "no table"}
        return ends | {one for one in closed if one in self._ends(one)}

    def _ends(self, content: Tracked) -> set[Tracked]:
        """Where the way up from a content breaks off."""
        way = _closure([content], lambda one: () if one in self.people else self.parents.get(one, ()))
        return {
            one
            for one in way
            if one not in self.people and (self.mute.get(one) in ("gone", "unreadable") or not self.parents.get(one))
        }


def _closure(start: Iterable[Any], after: Any) -> set[Any]:
    found: set[Any] = set()
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += after(one)
    return found


# --- looking ---------------------------------------------------------------------------------------------------------


def look(root: Path, content: Tracked, columns: Collection[str]) -> frozenset[str] | str:
    """Who is in one object, by reading it from cache or remote; or why nobody can say."""
    places = [root / place / "files/md5" / content.object[:2] / content.object[2:] for place in (".dvc/cache", ".dvc-remote")]
    file = next((place for place in places if place.exists()), None)
    if not content.path.endswith(".csv"):
        return "no table"  # it names nobody, there or not
    if file is None:
        return "gone"
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
        names = list(csv.DictReader(file.read_text().splitlines()).fieldnames or ())
    column = next((name for name in names if name in columns), None)
    if column is None:
        return "no column"
    return frozenset(row[column].strip() for row in rows)


def _history(root: Path) -> Iterator[tuple[Tracked, set[Tracked]]]:
    """Every content that any commit names → what that commit says it was made from."""
    for rev in _git(root, "rev-list", "--all").split():
        for name in _git(root, "ls-tree", "-r", "--name-only", rev).split():
            if name.endswith(".dvc"):
                for out in _yaml(root, rev, name).get("outs", ()):
                    yield Tracked(str(Path(name).parent / out["path"]), out["md5"]), set()
            if name == "dvc.lock":
                for stage in _yaml(root, rev, name)["stages"].values():
                    made_from = {
                        Tracked(dep["path"], dep["md5"]) for dep in stage["deps"] if dep["path"].endswith((".csv", ".txt"))
                    }
                    yield from ((Tracked(out["path"], out["md5"]), made_from) for out in stage["outs"])


def _yaml(root: Path, rev: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(_git(root, "show", f"{rev}:{name}"))
    return found


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout
