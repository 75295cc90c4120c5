"""Our stages in somebody's `dvc.yaml`: under free names, with the paths of `params.yaml`, known again by their command."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.util import load_yaml_guess_indent

from unlearning.domain.errors import ProjectError, reading
from unlearning.project.settings import REPORTS, SECTION, Data, Settings

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData

FILE = "dvc.yaml"
RECIPE = "recipes/diagnosis.py"
"""The recipe that the template's stages read."""
_HOLDERS = ("deps", "outs", "metrics", "plots")
_PREFIXES = ("", "unlearn-", "unlearning-")


@dataclass(frozen=True)
class Written:
    """The file, and what became of each stage."""

    text: str
    done: Mapping[str, tuple[Literal["written", "kept", "mended"], str]]
    """Stage → what, and why it was kept though it is not as it should be."""


def written(data: DvcData, existing: str | None, ours: Mapping[str, Any], *, instead_of: Collection[str] = ()) -> Written:
    """`dvc.yaml` with our stages. Raises ProjectError for one that is no pipeline, or that makes what our stages make.

    instead_of: commands of stages of an earlier run that these take the place of.
    """
    yaml, document = _document(existing)
    theirs = document["stages"]
    done: dict[str, tuple[Literal["written", "kept", "mended"], str]] = {}
    for name in [name for name, stage in theirs.items() if _command(stage) in instead_of]:
        del theirs[name]
        done[name] = ("mended", "gone: each model has a stage of its own now")
    there = {name: found for name, stage in ours.items() if (found := _named(theirs, stage["cmd"]))}
    prefix = _prefix(theirs, ours, there)
    for name, stage in ours.items():
        if name in there:
            done[there[name]] = _mend(theirs[there[name]], stage)
        elif why := _made_already(data, stage, theirs):
            done[name] = ("kept", why)
        else:
            theirs[prefix + name] = stage
            done[prefix + name] = ("written", "")
    if existing is not None and {action for action, _ in done.values()} == {"kept"}:
        return Written(existing, done)
    stream = StringIO()
    yaml.dump(document, stream)
    text = stream.getvalue()
    return Written(text.replace("\n", "\r\n") if "\r\n" in (existing or "") else text, done if existing is not None else {})


def _document(existing: str | None) -> tuple[YAML, Any]:
    """The file to change, and what writes it as it was: its comments, quotes and indents."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # a long command stays on its line
    text = (existing or "").replace("\r\n", "\n")
    with reading(f"{FILE} as it stands", "mend it, then run again", otherwise=ProjectError):
        document, indent, offset = load_yaml_guess_indent(text)
        document = yaml.load(text) if document else {}
    if not isinstance(document, dict) or not isinstance(document.get("stages") or {}, Mapping):
        raise ProjectError(f"{FILE} holds no mapping of stages; mend it, then run again")
    if offset:
        yaml.indent(mapping=2, sequence=indent or offset + 2, offset=offset)
    yaml.explicit_start = text.startswith("---")
    if document.get("stages") is None:
        document["stages"] = {}
    return yaml, document


INSTEAD_OF = ("unlearn check", "unlearn train", "unlearn evaluate")
"""The commands of a project with a single model that one with several has for each."""


def of_several(template: str, settings: Settings, said: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of each of several models; tables that some of them share are made once.

    said: the section of `params.yaml`: a stage depends only on what stands there.
    """
    found: dict[str, Any] = {}
    apart = len({own.data for own in settings.owns}) > 1
    prepared = set[Data]()
    for own in settings.owns:
        stages = of_one(template, own.data, own.recipe.partition(":")[0], dict(zip(REPORTS, own.reports, strict=True)))
        for name, stage in stages.items():
            if name == "prepare" and own.data in prepared:
                continue
            shared = name == "prepare" and not apart
            stage["cmd"] = stage["cmd"] if shared else f"{stage['cmd']} {own.model}"
            if "params" in stage:
                stage["params"] = _params(name, own.model, said, shared=shared)
            found[name if shared else f"{name}-{own.model}"] = {key: value for key, value in stage.items() if value}
        prepared.add(own.data)
    return found


def _params(name: str, model: str, said: Mapping[str, Any], *, shared: bool) -> list[str]:
    """The keys that a stage depends on."""
    common = ("data",) if name == "prepare" else ("partition",)
    named = [f"{SECTION}.{key}" for key in common if key in said]
    mine = said["models"][model]
    if name != "prepare":
        return [*named, f"{SECTION}.models.{model}"]
    return [*named, *([f"{SECTION}.models.{model}.data"] if "data" in mine and not shared else [])]


def of_one(template: str, tables: Data, recipe: str, reports: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The stages of the template, with this project's paths."""
    usual = Data()
    paths = {usual.source: tables.source, usual.train: tables.train, usual.holdout: tables.holdout, RECIPE: recipe}
    paths |= reports or {}
    stages: dict[str, Any] = YAML().load(template)["stages"]
    for stage in stages.values():
        for holder in set(_HOLDERS) & set(stage):
            stage[holder][:] = [paths.get(one, one) if isinstance(one, str) else _moved(one, paths) for one in stage[holder]]
    return stages


def _moved(one: Any, paths: Mapping[str, str]) -> Any:
    """An output with what DVC is to do with it, under its path here."""
    [path] = one
    if path in paths:
        one.insert(0, paths[path], one.pop(path))
    return one


def _named(theirs: Mapping[str, Any], ours: str) -> str | None:
    """How the stage is called that runs one of our commands."""
    command = re.compile(rf"(^|[\s/]){re.escape(ours)}(\s|$)")
    return next((key for key, stage in theirs.items() if command.search(_command(stage))), None)


def _command(stage: Any) -> str:
    said = stage.get("cmd") if isinstance(stage, Mapping) else None
    return "\n".join(map(str, said)) if isinstance(said, list) else str(said or "")


def _prefix(theirs: Mapping[str, Any], ours: Mapping[str, Any], there: Mapping[str, str]) -> str:
    """What makes all the names of new stages free; that of an earlier run, where there was one."""
    new = [name for name in ours if name not in there]
    used = [full.removesuffix(name) for name, full in there.items() if full.endswith(name)]
    tried = chain(used, _PREFIXES, (f"unlearning-{number}-" for number in count(2)))
    return next(prefix for prefix in tried if not {prefix + name for name in new} & set(theirs))


def _mend(stage: Any, ours: Mapping[str, Any]) -> tuple[Literal["kept", "mended"], str]:
    """Give a stage of an earlier run the paths of now; one that somebody changed otherwise stays, and what it lacks is said."""
    if stage == ours:
        return "kept", ""
    alike = set(stage) == set(ours) and all(
        len(stage[key]) == len(ours[key]) and list(map(type, stage[key])) == list(map(type, ours[key]))
        for key in _HOLDERS
        if key in ours
    )
    if alike and all(stage[key] == ours[key] for key in ours if key not in _HOLDERS):
        for key in set(_HOLDERS) & set(ours):
            for position, path in enumerate(ours[key]):
                stage[key][position] = path
        return "mended", ""
    lacks = [path for kind in _HOLDERS for path in _paths(ours, kind) if path not in set(_paths(stage, kind))]
    return "kept", f"changed by hand, so it stays; it does not name {', '.join(lacks)}" if lacks else ""


def _made_already(data: DvcData, stage: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Which other stage makes an output of this one, since DVC refuses a project where two things do; empty where none does."""
    makers = {out: name for name, other in theirs.items() for out in _outputs(other)}
    for out in _outputs(stage):
        if out in makers or (data.root / f"{out}.dvc").exists():
            maker = f"stage {makers[out]}" if out in makers else f"{out}.dvc"
            if out in REPORTS:
                raise ProjectError(
                    f"{FILE}: {maker} makes {out}, which `{stage['cmd']}` writes; give it another name there, then run again"
                )
            return f"left out, since {maker} makes {out}: it has to make {' and '.join(_outputs(stage))}"
    return ""


def _outputs(stage: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        yield from _paths(stage, kind)


def _paths(stage: Any, kind: str) -> Sequence[str]:
    held = stage.get(kind) if isinstance(stage, Mapping) else None
    return [str(next(iter(one))) if isinstance(one, Mapping) else str(one) for one in held or ()]
