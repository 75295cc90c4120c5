"""What `unlearn init` writes: the missing parts of a project, never over something that somebody else wrote or changed.

What it wrote before it knows again: a stage by its command, a value of `params.yaml` and the recipe by its own notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML

from unlearning.domain.errors import ProjectError, reading
from unlearning.domain.hashing import bytes_digest
from unlearning.entrypoints.scaffold import former, notes, pipeline, proposal, recipe_texts
from unlearning.entrypoints.scaffold.notes import Notes
from unlearning.project.settings import FILE, SECTION, Data, PartitionSettings, Settings
from unlearning.stores.files import replacing
from unlearning.stores.tables import parts

if TYPE_CHECKING:
    from unlearning.entrypoints.scaffold.proposal import Proposal
    from unlearning.stores.dvc.repository import DvcData

TEMPLATES = Path(__file__).with_name("templates")
PIPELINE = "dvc.yaml"
RECIPE = "recipes/diagnosis.py"
DEPLOYMENTS = "prefect.yaml"
ADOPT_ONLY = "params.adopt-only.yaml"
"""Template of the section of a project that trains no model of its own."""
EXAMPLE = "diagnosis"
"""The model of the demo, whose recipe a project gets that says nothing of its own."""

SOURCE = Data().source
_ATTRIBUTE = "recipe"
_TRAIN = """- name: train
  entrypoint: unlearning.entrypoints.flows.deployed.train
  work_pool:
    name: unlearning

"""
"""The deployment that such a project has no use for."""


class Done(NamedTuple):
    """One thing that `init` looked at, and what it did."""

    path: str
    """A file, `dvc.yaml: stage` for a stage, or `params.yaml: key` for a value."""
    action: Literal["written", "kept", "extended", "mended", "renewed"]
    """Mended: what an earlier run wrote says something else now. Renewed: an earlier version of `init` wrote it, and nobody
    changed it since."""
    note: str = ""
    """Why it was kept though something else was asked for, and what to do."""


def init(root: Path, *, model: str | None, asked: Proposal | None = None) -> list[Done]:
    """Write what a project lacks and mend what an earlier run wrote; running it again changes nothing.

    model: the registered model's name; None for a project that trains none and adopts all of them, which gets neither stages
    nor a recipe. asked: for which table; None: as `params.yaml` says, or the example's. Raises ProjectError, before anything is
    written, when the folder is in no Git or DVC repository or an existing file cannot be extended.
    """
    from unlearning.stores.dvc.repository import DvcData

    data, noted = DvcData(root), notes.read(root)
    ignored = _ignored(_text(root / ".gitignore"))
    wanted = _wanted(data, model, asked, noted)
    params, values = _params(_text(root / FILE), model, wanted, noted)
    several = _several(params)
    recipe = _recipe(params) if several is None else _recipe_of(several, model) if asked else None
    if several:
        ours = pipeline.of_several(_template(PIPELINE), several, _mapping(params, FILE)[SECTION])
    else:
        ours = pipeline.of_one(_template(PIPELINE), _data(params), recipe) if recipe else {}
    instead_of = pipeline.INSTEAD_OF if several else ()
    stages = pipeline.written(data, _text(root / PIPELINE), ours, instead_of=instead_of) if ours else None
    source = proposal.recipe(str(model), asked) if asked else _template(RECIPE) if recipe == RECIPE else None
    deployments = _template(DEPLOYMENTS) if ours else _template(DEPLOYMENTS).replace(_TRAIN, "")
    if several is None:  # of several, each recipe is its author's once it is there
        notes.write(root, _noting(noted, wanted, values, asked, source))
    done = [
        _put(root, FILE, params, like=FILE),
        *(one for one in values if one.action != "written"),
        *([_put(root, PIPELINE, stages.text, like=PIPELINE)] if stages else []),
        *(Done(f"{PIPELINE}: {name}", *what) for name, what in (stages.done if stages else {}).items()),
        *([_recipe_file(root, recipe, source, noted, mine=asked is None)] if recipe and source is not None else []),
        _deployments(root, deployments),
        _put(root, ".gitignore", ignored, like="gitignore"),
    ]
    return [*done, *_kept_out(data, _declared(params), {each.path for each in done if each.action != "kept"})]


def _noting(
    noted: Notes, wanted: Mapping[str, Any], values: Sequence[Done], asked: Proposal | None, source: str | None
) -> Notes:
    wrote = {one.path for one in values if one.action != "kept"}
    params = {key: value for key, value in wanted.items() if f"{FILE}: {key}" in wrote}
    if asked is None or source is None:
        return replace(noted, params={**noted.params, **params})
    columns = {"person": asked.person, "target": asked.target, "learner": asked.learner}
    return Notes({**noted.params, **params}, columns, bytes_digest(source.encode()))


def next_steps(root: Path) -> list[str]:
    """What to do now, in three steps."""
    said, leave = section(root) or {}, "`unlearn request --file ../leavers.txt`, then `unlearn impact` and `unlearn erase`"
    recipe = str(said.get("recipe") or "").partition(":")[0] or ("the recipes" if said.get("models") else "")
    if not recipe:
        return [
            "`unlearn follow` finds the data behind your registered models",
            "`unlearn adopt MODEL/VERSION --data PATH --subject-column COLUMN`, once for each model",
            leave,
        ]
    return [
        f"look through {recipe} and {FILE}, then `dvc repro` makes version 1",
        "`git add . && git commit -m 'Version 1' && dvc push`",
        leave,
    ]


def section(root: Path) -> dict[str, Any] | None:
    """Our section of `params.yaml` as it stands, unchecked; None before the first run. Raises ProjectError."""
    found = _mapping(_text(root / FILE) or "", FILE).get(SECTION)
    return found if isinstance(found, dict) else None


def _wanted(data: DvcData, model: str | None, asked: Proposal | None, noted: Notes) -> dict[str, Any]:
    """What `params.yaml` is to say, by key; nothing that nobody asked for."""
    said = section(data.root)
    if (said or {}).get("models"):
        return {}
    if asked is None:
        return {"model": model}
    train, holdout = _made_of(data, asked.table, (said or {}).get("data") or {})
    few = said is None and asked.shards < PartitionSettings().shards
    return {
        "model": model,
        "recipe": noted.params.get("recipe", proposal.recipe_address(str(model))),
        "data.source": asked.table,
        "data.train": train,
        "data.holdout": holdout,
        "subject.identifier": asked.identifier,
        **({"partition.shards": asked.shards} if few else {}),
        **({"partition.slices": 1, "policy.methods": ["subtract", "sisa", "retrain"]} if few and _subtracts(asked) else {}),
    }


def _subtracts(asked: Proposal) -> bool:
    return asked.learner in recipe_texts.WITHOUT_SHARDS


def _made_of(data: DvcData, table: str, said: Mapping[str, Any]) -> list[str]:
    """Training and holdout table: as they are called now, or beside the source, where nothing of somebody's is called so."""
    file = data.root / table
    inside = [one.name for one in parts.files(file).values() if one.stat().st_size] if file.is_dir() else [table]
    form, above = parts.suffix_of(inside[0]), PurePosixPath(table).parent
    now = [str(said.get(name, "")) for name in ("train", "holdout")]
    if all(parts.suffix_of(path) == form for path in now):
        return now
    for folder in (above, above / "unlearning"):
        made = [(folder / f"{name}{form}").as_posix() for name in ("train", "holdout")]
        if not any((data.root / path).exists() or data.declares(path) for path in made):
            return made
    raise ProjectError(
        f"{' or '.join(made)} is there already, and so is one of that name in {above}; move them, then run `unlearn init` again"
    )


def several(root: Path) -> Settings | None:
    """The settings of a project that trains several models, where there is no mistake in them. Raises ProjectError."""
    return _several(_text(root / FILE) or "")


def _several(params: str) -> Settings | None:
    """The settings of a project that trains several models, where there is no mistake in them."""
    try:
        settings = Settings.model_validate(_mapping(params, FILE)[SECTION])
    except ValidationError:
        return None
    return settings if settings.models else None


def _recipe_of(several: Settings, model: str | None) -> str | None:
    """The file of one model's recipe."""
    return next((own.recipe.partition(":")[0] for own in several.owns if own.model == model), None)


def _data(params: str) -> Data:
    """The tables that `params.yaml` names; those of the template where there is a mistake in it."""
    try:
        return Settings.model_validate(_mapping(params, FILE)[SECTION]).data
    except ValidationError:
        return Data()


def _declared(params: str) -> list[str]:
    """Tables and keys that `params.yaml` names; of one with a mistake nothing, and every command says so until it is mended."""
    try:
        settings = Settings.model_validate(_mapping(params, FILE)[SECTION])
    except ValidationError:
        return []
    tables = [*settings.further_tables, *(path for own in settings.owns for path in own.data.tables), settings.subject.aliases]
    return [path for path in (*tables, settings.stores.keys) if path]


def _kept_out(data: DvcData, declared: Sequence[str], changed: Collection[str]) -> list[Done]:
    """The lines in `.gitignore` that keep data out of Git from the start: DVC writes its own when a stage has succeeded."""
    from unlearning.stores.dvc.folders import inside
    from unlearning.stores.git import ignoring

    written = ignoring.ignore(data.git, [*data.outputs(), *inside(data), *declared]).items()
    done = [Done(file.relative_to(data.root).as_posix(), "extended" if there else "written") for file, there in written]
    return [each for each in done if each.path not in changed]


def _recipe(params: str) -> str | None:
    """The file of the recipe that `params.yaml` names, or the example's; None where the project trains nothing."""
    section = _mapping(params, FILE)[SECTION]
    if isinstance(section, dict) and section.get("models"):
        return None
    if not isinstance(section, dict) or "recipe" not in section:
        return RECIPE
    return str(section["recipe"]).partition(":")[0] if section["recipe"] else None


def _recipe_file(root: Path, recipe: str, source: str, noted: Notes, *, mine: bool) -> Done:
    """The recipe; a file that somebody wrote or changed stays. mine: nobody asked for another than is there."""
    existing = _text(root / recipe)
    if existing is None or (noted.wrote(existing) and not mine):
        done = _put(root, recipe, source, like=RECIPE)
        return done._replace(action="mended") if done.action == "extended" else done
    if mine or existing == source:
        return Done(recipe, "kept")
    return Done(recipe, "kept", f"not as `unlearn init` wrote it, so it stays: see that its `{_ATTRIBUTE}` fits the table")


def _unless_there(root: Path, name: str, content: str) -> Done:
    """A file for a project that has none of its own."""
    existing = _text(root / name)
    return _put(root, name, existing if existing is not None else content, like=name)


def _deployments(root: Path, content: str) -> Done:
    """The deployments, for a project that has none of its own; what an earlier version wrote names flows that are gone."""
    existing = _text(root / DEPLOYMENTS)
    if existing is not None and former.is_untouched(existing):
        return _put(root, DEPLOYMENTS, content, like=DEPLOYMENTS)._replace(action="renewed")
    return _unless_there(root, DEPLOYMENTS, content)


def to_change(root: Path) -> list[former.Line]:
    """The lines of the project's own `prefect.yaml` that name flows which are gone: only its author may change them."""
    return former.lines(root, _text(root / DEPLOYMENTS) or "")


def _params(existing: str | None, model: str | None, wanted: Mapping[str, Any], noted: Notes) -> tuple[str, list[Done]]:
    """`params.yaml` with our section, appended as text: not one byte of the user's changes. And what became of each value."""
    before = _mapping(existing or "", FILE)
    if isinstance(before.get(SECTION), dict):
        if (trains := before[SECTION].get("model", "") is not None) == (model is not None):
            return _mended(str(existing), wanted, noted)
        is_now = "trains a model of its own" if trains else "adopts all its models"
        step = f"to make it another kind, take the section `{SECTION}:` out of {FILE} and run again"
        return str(existing), [Done(f"{FILE}: model", "kept", f"this project {is_now}; {step}")]
    if SECTION in before:
        return str(existing), []
    text = _joined(existing, _filled(_template(ADOPT_ONLY if model is None else FILE), wanted), blank=True)
    after = _mapping(text, FILE, added=f"with a section `{SECTION}:` added at its end")
    if {name: value for name, value in after.items() if name != SECTION} != before:
        raise ProjectError(f"{FILE} does not take a section at its end; add `{SECTION}:` by hand")
    return text, [Done(f"{FILE}: {key}", "written") for key in wanted]


def _filled(template: str, wanted: Mapping[str, Any]) -> str:
    """The template with these values; comments stay in their column where a value is short enough."""
    for key, value in wanted.items():
        pattern = re.compile(rf"(?m)^( +{key.rpartition('.')[2]}: )(\[[^\]\n]*\]|\S+)( *)(?=#)")
        if key.startswith("data."):
            start = template.index("\n  data:")
            head, template = template[:start], template[start:]
        else:
            head = ""
        template, written = pattern.subn(partial(_aligned, said=_scalar(value)), template, count=1)
        if not written:  # or else it would be said to be there
            raise LookupError(f"the template of {FILE} has no line that sets {key}")
        template = head + template
    return template


def _aligned(found: re.Match[str], said: str) -> str:
    return found[1] + said + " " * max(1, len(found[2]) + len(found[3]) - len(said))


def _mended(text: str, wanted: Mapping[str, Any], noted: Notes) -> tuple[str, list[Done]]:
    """The same with values that an earlier run wrote and that are to be others now; nothing else moves."""
    yaml = _round_trip()
    done = []
    for key, value in wanted.items():
        document = yaml.load(text)
        at = document[SECTION]
        *above, last = key.split(".")
        for name in above:
            at = at.get(name) if isinstance(at, Mapping) else None
        is_there = isinstance(at, Mapping) and last in at
        if is_there and at[last] == value:
            continue
        what, line = f"{FILE}: {key}", at.lc.value(last) if is_there else None
        lines = text.splitlines(keepends=True)
        said = _scalar(at[last]) if is_there else ""
        if line and noted.said(key, at[last]) and lines[line[0]][line[1] :].startswith(said):
            lines[line[0]] = lines[line[0]][: line[1]] + _scalar(value) + lines[line[0]][line[1] + len(said) :]
            text = "".join(lines)
            done.append(Done(what, "mended"))
        else:
            stands = f"says {at[last]!r}" if is_there else "is not said"
            done.append(
                Done(what, "kept", f"{stands}, not by `unlearn init`, so it stays; write {_scalar(value)} to change it")
            )
    return text, done


def _scalar(value: Any) -> str:
    """A value as YAML takes it for what it is."""
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if not isinstance(value, str):
        return "null" if value is None else str(value)
    plain = re.fullmatch(r"[A-Za-z][\w./:-]*\w", value) and YAML(typ="safe").load(value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)


def _ignored(existing: str | None) -> str:
    """`.gitignore` with the lines that are missing."""
    present = {line.strip() for line in (existing or "").splitlines()}
    missing = [line for line in _template("gitignore").splitlines() if line not in present]
    return _joined(existing, "".join(f"{line}\n" for line in missing), blank=False) if missing else str(existing)


def _joined(existing: str | None, addition: str, *, blank: bool) -> str:
    if not existing:
        return addition
    return existing + ("" if existing.endswith("\n") else "\n") + ("\n" if blank else "") + addition


def _put(root: Path, name: str, text: str, *, like: str) -> Done:
    """Make a file hold `text`; written anew, extended, or kept when it already does."""
    file = root / name
    existing = _text(file)
    if existing == text:
        return Done(name, "kept")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, like=TEMPLATES / like if existing is None else file) as stream:
        stream.write(text.encode())
    return Done(name, "written" if existing is None else "extended")


def _mapping(text: str, name: str, *, added: str = "") -> dict[str, Any]:
    step = "it is no valid YAML: mend it, then run again"
    with reading(f"{name} {added or 'as it stands'}", step, otherwise=ProjectError):
        document = YAML(typ="safe").load(text)
    if not isinstance(document or {}, dict):
        raise ProjectError(f"{name} holds a {type(document).__name__} at its top, expected a mapping; mend it, then run again")
    return document or {}


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # a long command stays on its line
    return yaml


def _text(file: Path) -> str | None:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ProjectError(f"{file} is no UTF-8 text; convert it, then run again") from error


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")
