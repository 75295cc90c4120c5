"""The Git history: every object of it is opened, and it is reported, never rewritten (TRACES 8)."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, get_args

from unlearning.certificate import envelope
from unlearning.domain.entities import Level
from unlearning.domain.errors import ProjectError, UnlearningError
from unlearning.domain.foreign import quoted, shown
from unlearning.domain.tasks import TASKS
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.project.settings import Reports
from unlearning.stores.dvc import twin_map
from unlearning.stores.git import search
from unlearning.stores.scans.looking import Look, look
from unlearning.stores.scans.words import Watch

if TYPE_CHECKING:
    from unlearning.stores.git.repository import Git
    from unlearning.stores.git.search import Content
    from unlearning.traces.places.dvc_objects import Reader

Part = Literal[
    "names of files",
    "tables",
    "texts",
    "messages",
    "other files",
    "messages that may name them",
    "texts that may name them",
    "files of unknown form",
]

FILTER = "git filter-repo --force"
"""Rewrites this repository, which is no fresh clone: without the option it refuses."""
_FIRST = " (commit first: it drops what is not)"

_LISTED = 20
"""Paths that stand in a command; more of them are for a file."""

_DVC = re.compile(rb"(?m)^\s*(?:- )?(?:(?:size|nfiles): \d+|md5: [0-9a-f]{32}(?:\.dir)?)$")
"""What DVC's files say of content and not of people."""

_HASH = re.compile(rb"\b(?:[0-9a-f]{64}|[0-9a-f]{32}(?:\.dir)?)\b")
_REPORT = re.compile(rf"(?:^|/)reports/(?:[^/]+/)?(?:{'|'.join(Reports._fields)})\.json$")
"""Of a single model, or of one of several."""
TRAINED = frozenset({"model", "version", "data_digest", "recipe", "chain_head", "shards", "slices"})
"""The fields of `reports/train.json`."""
MEASURED = frozenset({"records", "constituents", *(metric.name for task in TASKS.values() for metric in task.metrics)})
"""Those that `reports/metrics.json` may have."""
_COUNTS = frozenset({"version", "shards", "slices", *MEASURED})

_WHY = "Git keeps what was committed, and rewriting it changes every commit and clone after it"


@dataclass(frozen=True)
class GitPlace:
    """Every file of any commit, every message, and the names of files, folders and refs; what nothing reaches any more too."""

    git: Git
    reader: Reader = field(repr=False)
    free: Callable[[str], bool] = field(default=lambda _: False, repr=False)
    """Paths that are declared free of people."""
    name: str = "Git history"
    level: Level = "logical"
    how: str = "every object of any time opened: tables by person or cell, texts and messages by word, names by their parts"

    def find(self, wanted: Wanted) -> Found:
        """Nothing that is deleted here: what holds them is said, with how its owner rewrites it."""
        seen: dict[Part, dict[str, str]] = defaultdict(dict)
        searched, watch = 0, self.reader.watching(wanted)
        try:
            refs = search.refs(self.git)
            names = set(refs)
            for one in search.contents(self.git):
                searched += one.kind != "tree"
                if one.kind == "tree":
                    names.update(one.entries)
                elif part := self._part(watch, one):
                    seen[part][one.name] = one.path
            every = search.everywhere(self.git, [blob for blobs in seen.values() for blob in blobs])
        except ProjectError as error:
            return Found(unclear=(_broken(error),))
        for name in names:
            if not self.reader.named(name).isdisjoint(wanted.tokens):
                seen["names of files"][name] = name
        left = (self._left(part, seen[part], every, wanted) for part in get_args(Part) if part in seen)
        return Found(searched=searched + len(names), unclear=tuple(left))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """History is not rewritten."""
        return ()

    def _part(self, watch: Watch, one: Content) -> Part | None:
        """What kind of thing names them, if one does, or keeps to itself whether it does."""
        if one.kind != "blob":
            found = look(watch, io.BytesIO(one.said), "message.txt")
            return "messages" if found.found else "messages that may name them" if found.maybe else None
        known = _known(one)
        seen = look(watch, io.BytesIO(one.body), one.path) if known is None else look(watch, io.BytesIO(known), "known.txt")
        if seen.found:
            return "other files" if seen.compared == "nothing" else "texts" if _is_text(seen, one.body) else "tables"
        if watch.raw is not None and watch.raw.search(one.body):
            return "other files"
        if self.free(one.path) or not (seen.maybe or seen.why):
            return None
        return "files of unknown form" if seen.why else "texts that may name them"

    def _left(self, part: Part, blobs: Mapping[str, str], every: Mapping[str, Sequence[str]], wanted: Wanted) -> Residual:
        paths = {path for blob, first in blobs.items() for path in every.get(blob) or [first] if path}
        told = sorted(path for path in paths if self._tells_nothing(path, wanted)) if part != "names of files" else []
        untold = [blob for blob, first in blobs.items() if not set(every.get(blob) or [first]) & set(told)]
        unclear = part in _UNREAD
        return Residual(
            place=f"Git history: {part}",
            level="logical",
            outcome="unverified" if unclear else "residual",
            count=len(blobs),
            why=_UNREAD[part] if unclear else _WHY,
            remedy=_remedy(part, told, hidden=bool(untold) and part not in ("names of files", *_MESSAGES)),
            names=(*told, *(f"object {blob}" for blob in sorted(untold) if part != "names of files")),
        )

    def _tells_nothing(self, path: str, wanted: Wanted) -> bool:
        """Neither they nor anybody else who is known here is named by a path."""
        named = self.reader.named(path)
        return named.isdisjoint(wanted.tokens) and not any(self.reader.indexed(named).values())


_MAYBE = "a number or a short word of theirs stands where nothing says whether it means a person"
_MESSAGES: tuple[Part, ...] = ("messages", "messages that may name them")
_UNREAD: Mapping[Part, str] = {
    "messages that may name them": _MAYBE,
    "texts that may name them": _MAYBE,
    "files of unknown form": "no reader here knows what they are, so nobody can say who is in them",
}


def _is_text(seen: Look, body: bytes) -> bool:
    """Words can be replaced in it; of a table the file has to go."""
    if seen.form == "CSV" and b"\n" not in body.strip():
        return True  # a line alone is no table, whatever separates its words
    return seen.compared == "words" or (seen.compared == "cells" and seen.form in ("JSON", "YAML", "HTML", "XML"))


def _known(one: Content) -> bytes | None:
    """What a file of DVC's, our own map or a report of ours says apart from hashes, sizes and counts; None for any other."""
    name = PurePosixPath(one.path).name
    if b"\0" in one.body:
        return None
    if name == "dvc.lock" or name.endswith(".dvc"):
        return _DVC.sub(b"", one.body)
    if _REPORT.search(one.path):
        return _report(one.body)
    return _map(one.body) if name == twin_map.FILE else None


def _report(body: bytes) -> bytes | None:
    """The words of a report whose fields are those of ours: a stage of the user's may write another under the same name."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    counts = {name for name, value in content.items() if type(value) in (int, float)}
    checks = all(isinstance(one, dict) and all(isinstance(said, str) for said in one.values()) for one in content.values())
    ours = content.keys() == TRAINED or {"records", "constituents"} < content.keys() <= MEASURED
    if not (counts == content.keys() & _COUNTS and ours) and not checks:
        return None
    return json.dumps({name: value for name, value in content.items() if name not in counts}, ensure_ascii=False).encode()


def _map(body: bytes) -> bytes | None:
    try:
        statement = envelope.statement_of(envelope.read(body))
    except (UnlearningError, ValueError):
        return None
    if statement.predicate_type != twin_map.PREDICATE_TYPE:
        return None
    return _HASH.sub(b"", json.dumps(statement.predicate.said, ensure_ascii=False).encode())


def _remedy(part: Part, paths: Sequence[str], *, hidden: bool) -> str:
    """The command for what is left."""
    whole = "; ".join(_lines(paths, hidden=hidden))
    match part:
        case "names of files":
            return f"`{FILTER} --path-rename OLD:NEW`{_FIRST}; then every clone anew; keep people out of names"
        case "messages" | "messages that may name them":
            return f"`{FILTER} --replace-message EXPRESSIONS`, a line `IDENTIFIER==>` for each{_FIRST}; then every clone anew"
        case "texts":
            where = f" ({', '.join(map(shown, paths[:_LISTED]))})" if paths else ""
            return (
                f"`{FILTER} --replace-text EXPRESSIONS`, a line `IDENTIFIER==>` for each{where}{_FIRST}; then every clone anew"
            )
        case "tables" | "other files":
            return f"{whole}{_FIRST}; then every clone anew, and `unlearn init`, which keeps data out of Git"
        case _:
            return f"look, and declare them in params.yaml under free_of_people, or take them out: {whole}{_FIRST}"


def _lines(paths: Sequence[str], *, hidden: bool) -> Iterator[str]:
    if len(paths) > _LISTED:
        yield f"`{FILTER} --invert-paths --paths-from-file FILE`, with the paths that are listed"
    elif paths:
        yield f"`{FILTER} --invert-paths {' '.join(f'--path {quoted(path)}' for path in paths)}`"
    if hidden:
        yield f"`{FILTER} --strip-blobs-with-ids FILE`, with the objects that are listed"


def _broken(error: ProjectError) -> Residual:
    return Residual(
        place="Git history: what cannot be read",
        level="logical",
        outcome="unverified",
        count=None,
        why=f"the repository is damaged: {error}",
        remedy="`git fsck`, restore what it names from another clone, then run again",
    )
