"""What `unlearn init` writes: the missing parts of a project, never over something that is there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML

from unlearning.domain.errors import ProjectError, reading
from unlearning.entrypoints.scaffold import former
from unlearning.project.settings import FILE, SECTION, Settings
from unlearning.stores.files import replacing

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData

TEMPLATES = Path(__file__).with_name("templates")
PIPELINE = "dvc.yaml"
RECIPE = "recipes/diagnosis.py"
DEPLOYMENTS = "prefect.yaml"
ADOPT_ONLY = "params.adopt-only.yaml"
"""Template of the section of a project that trains no model of its own."""

_MODEL = "  model: diagnosis "
_TRAIN = """- name: train
  entrypoint: unlearning.entrypoints.flows.deployed.train
  work_pool:
    name: unlearning

"""
"""The deployment that such a project has no use for."""


class Done(NamedTuple):
    """One thing that `init` looked at, and what it did."""

    path: str
    """A file, or `dvc.yaml: stage` for a stage."""
    action: Literal["written", "kept", "extended", "renewed"]
    """Renewed: an earlier version of `init` wrote it, and nobody changed it since."""


def init(root: Path, *, model: str | None) -> list[Done]:
    """Write what a project lacks; running it again changes nothing.

    model: the registered model's name in a new `unlearning:` section; None for a project that trains none and adopts all of
    them, which gets neither stages nor a recipe. Raises ProjectError, before anything is written, when the folder is in no Git
    or DVC repository or an existing file cannot be extended.
    """
    from unlearning.stores.dvc.repository import DvcData

    data = DvcData(root)
    params, ignored = _params(_text(root / FILE), model), _ignored(_text(root / ".gitignore"))
    recipe = _recipe(params)
    pipeline, stages = _pipeline(root, _text(root / PIPELINE), recipe) if recipe else (None, [])
    deployments = _template(DEPLOYMENTS) if recipe else _template(DEPLOYMENTS).replace(_TRAIN, "")
    done = [
        _put(root, FILE, params, like=FILE),
        *([_put(root, PIPELINE, pipeline, like=PIPELINE)] if pipeline else []),
        *stages,
        *([_unless_there(root, RECIPE, _template(RECIPE))] if recipe == RECIPE else []),
        _deployments(root, deployments),
        _put(root, ".gitignore", ignored, like="gitignore"),
    ]
    return [*done, *_kept_out(data, _declared(params), {each.path for each in done if each.action != "kept"})]


def _declared(params: str) -> list[str]:
    """Tables and keys that `params.yaml` names; of one with a mistake nothing, and every command says so until it is mended."""
    try:
        settings = Settings.model_validate(_mapping(params, FILE)[SECTION])
    except ValidationError:
        return []
    tables = [*(settings.own.data.tables if settings.own else ()), settings.subject.aliases]
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
    if not isinstance(section, dict) or "recipe" not in section:
        return RECIPE
    return str(section["recipe"]).partition(":")[0] if section["recipe"] else None


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


def _section(model: str | None) -> str:
    if model is None:
        return _template(ADOPT_ONLY)
    return _template(FILE).replace(_MODEL, f"  model: {model if model == 'diagnosis' else json.dumps(model)} ")


def _params(existing: str | None, model: str | None) -> str:
    """`params.yaml` with our section: appended as text, so that not one byte of the user's changes."""
    section = _section(model)
    before = _mapping(existing or "", FILE)
    if SECTION in before:
        return str(existing)
    text = _joined(existing, section, blank=True)
    after = _mapping(text, FILE, added=f"with a section `{SECTION}:` added at its end")
    if {name: value for name, value in after.items() if name != SECTION} != before:
        raise ProjectError(f"{FILE} does not take a section at its end; add `{SECTION}:` by hand")
    return text


def _pipeline(root: Path, existing: str | None, recipe: str) -> tuple[str, list[Done]]:
    """`dvc.yaml` with the stages that are missing, and what became of each of ours."""
    template = _template(PIPELINE).replace(RECIPE, recipe)
    if existing is None:
        return template, []
    yaml = _round_trip()
    document = yaml.load(existing) if _mapping(existing, PIPELINE) else {}
    if document.get("stages") is None:
        document["stages"] = {}
    theirs, ours = document["stages"], yaml.load(template)["stages"]
    taken = set(theirs) | {name for name, stage in ours.items() if _made_already(root, stage, theirs)}
    theirs.update({name: stage for name, stage in ours.items() if name not in taken})
    done = [Done(f"{PIPELINE}: {name}", "kept" if name in taken else "written") for name in ours]
    if taken >= set(ours):
        return existing, done
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue(), done


def _made_already(root: Path, stage: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Something else makes an output of this stage: DVC refuses a project where two things do."""
    made = {out for other in theirs.values() for out in _outputs(other)}
    return any(out in made or (root / f"{out}.dvc").exists() for out in _outputs(stage))


def _outputs(stage: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind) or ():
            yield str(next(iter(out))) if isinstance(out, Mapping) else str(out)


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
