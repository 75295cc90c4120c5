"""Where a model version comes from and what came of it, in both directions: from people, data versions or models."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.codec import BESIDE
from unlearning.domain.entities import ModelRecord
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.lineage import drawing, graph, history, index, membership_proof, shaped
from unlearning.lineage.graph import Atlas
from unlearning.lineage.named import NamedData
from unlearning.project.holdings import adoptions
from unlearning.project.people import asked, index_tokens
from unlearning.stores.files import replacing
from unlearning.stores.sql.followed import Gap
from unlearning.stores.tables.parts import is_table_name

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Chosen:
    """What a question is about: the part of the lineage that answers it."""

    title: str
    models: frozenset[ModelVersion]
    contents: frozenset[Tracked]
    holders: Mapping[str, Collection[Tracked]] = field(default_factory=dict)
    """Token of a person that was asked about → contents that hold them."""


@dataclass(frozen=True)
class Drawn:
    """What an answer shows of the lineage, and what it cannot say."""

    title: str
    picture: drawing.Picture = field(metadata=BESIDE)
    gaps: Sequence[Gap]

    @property
    def note(self) -> str:
        """What a picture says of the gaps."""
        count = len(self.gaps)
        return f"Not the whole answer: {count} gap{'s' if count > 1 else ''}, listed by `unlearn lineage`." if count else ""


@dataclass(frozen=True)
class Fed:
    """A content that a version was trained on, and how that is known."""

    path: str
    object: str
    name: str
    how: str


@dataclass(frozen=True)
class From:
    """A version that another one was made from."""

    model: str
    kind: str


@dataclass(frozen=True)
class TrainedHere:
    """What is known of a version that was trained here; of any other, nothing."""

    data_digest: str | None = None
    method: str | None = None
    guarantee: str | None = None
    parent: int | None = None
    erasure_id: str | None = None

    @classmethod
    def of(cls, record: ModelRecord | None) -> TrainedHere:
        """Of a version with this record."""
        if record is None:
            return cls()
        trained, parent = record.trained, record.parent.version if record.parent else None
        return cls(record.data.digest, trained.method, trained.guarantee, parent, record.erasure_id)


@dataclass(frozen=True)
class Version:
    """A version that was asked about."""

    version: int
    aliases: Sequence[str]
    deleted: bool
    run_id: str | None
    sources: Sequence[Fed]
    derived_from: Sequence[From]
    trained: TrainedHere = field(metadata=BESIDE)


@dataclass(frozen=True)
class OfModel:
    """What fed a model, what it was made from, what was made from it."""

    model: str
    versions: Sequence[Version]
    data_versions: Sequence[NamedData]
    drawn: Drawn = field(metadata=BESIDE)


@dataclass(frozen=True)
class OfData:
    """What a data version was made from, and what came of it."""

    data: str
    drawn: Drawn = field(metadata=BESIDE)


@dataclass(frozen=True)
class OfSubject:
    """What holds a person, and what they shaped."""

    subject: str
    drawn: Drawn = field(metadata=BESIDE)


Answer = OfModel | OfData | OfSubject


# --- questions -------------------------------------------------------------------------------------------------------


_LATEST = 50
"""So many commits are read for one question; `unlearn follow` reads them all, once."""
DRAWN_AT_MOST = 100
"""Parts of a picture that somebody can still read on a page."""


def of_model(workspace: Workspace, named: str) -> OfModel:
    """`MODEL` or `MODEL/VERSION`: what fed it, what it was made from, what was made from it. Raises NotFound."""
    name, version = _parse(named)
    atlas = _told_by_dvc(workspace, graph.load(workspace))
    asked = [one for one in atlas.models if one.name == name and version in (None, one.version)]
    if not asked:
        raise NotFound(
            f"no lineage of {named!r}; `unlearn train` records its own versions, and `unlearn follow` those of the registry"
        )
    made_from = atlas.ancestors_of(asked)
    fed = atlas.upwards(content for model in made_from for content in atlas.contents.get(model, ()))
    chosen = Chosen(f"lineage of {named}", frozenset({*made_from, *atlas.children_of(asked)}), fed)
    aliases = workspace.models.every_alias()
    records = [record for model, record in sorted(atlas.records.items(), key=lambda one: str(one[0])) if model in asked]
    return OfModel(
        name,
        [_version(model, atlas, aliases) for model in asked],
        [NamedData.of(one) for one in dict.fromkeys(record.data for record in records)],
        _drawn(workspace, chosen, atlas, aliases),
    )


def _told_by_dvc(workspace: Workspace, atlas: Atlas) -> Atlas:
    """The same with what DVC says of the own tables now and in the latest commits, also where nobody followed them."""
    if not workspace.settings.owns:
        return atlas
    snapshots = [*history.unwalked(workspace, latest=_LATEST), workspace.data.present()]
    made = {each for snapshot in snapshots for each in snapshot.derivations()}
    return replace(atlas, derivations=[*atlas.derivations, *sorted(made - set(atlas.derivations))])


def of_data(workspace: Workspace, named: str) -> OfData:
    """What a data version was made from, and what came of it. Raises NotFound.

    named: `PATH`, every known version of it; `PATH@REV`; or a version's own name, as every other answer says it.
    """
    path, rev = membership_proof.split(named)
    atlas = graph.load(workspace)
    asked = _contents(workspace, atlas, path, rev)
    below = atlas.downwards(asked)
    fed = [model for model, contents in atlas.contents.items() if below & contents.keys()]
    chosen = Chosen(f"lineage of {named}", frozenset({*fed, *atlas.children_of(fed)}), atlas.upwards(asked) | below)
    return OfData(named, _drawn(workspace, chosen, atlas, workspace.models.every_alias()))


def of_subject(workspace: Workspace, identifier: str) -> OfSubject:
    """A person: every data version that holds them, every model version they shaped, and what was made from those."""
    (token,) = index_tokens(workspace, asked(workspace, [identifier]))
    found = shaped.holding(workspace, [token])
    atlas = graph.load(workspace)
    holders = {one.digest: people for one, people in found.items()}
    trained = {record.model for record, _ in shaped.shaped_by(workspace, holders)}
    objects = {one.object for one in found}
    fed = {model for model in atlas.fed_by(objects) if model not in atlas.records} | trained
    holding = frozenset(Tracked(one.path, one.object) for one in found)
    passing = {
        one for one in atlas.upwards(c for model in fed for c in atlas.contents.get(model, ())) if _passes(one, objects, atlas)
    }
    shown = f"tok_{token[:12]}"
    chosen = Chosen(f"lineage of {shown}", frozenset({*fed, *atlas.children_of(fed)}), holding | passing, {shown: holding})
    return OfSubject(shown, _drawn(workspace, chosen, atlas, workspace.models.every_alias()))


def _passes(content: Tracked, objects: Collection[str], atlas: Atlas) -> bool:
    return any(end.object in objects for end in index.resolved(content, atlas.opened, atlas.parents))


def _contents(workspace: Workspace, atlas: Atlas, path: str, rev: str | None) -> frozenset[Tracked]:
    if called := {content for content in atlas.known if rev is not None and content.name == f"{path}@{rev}"}:
        return frozenset(called)
    if rev is not None:
        return frozenset({workspace.data.tracked_at(path, rev)})
    asked = [content for content in atlas.known if content.path == path]
    if not asked:
        raise NotFound(f"no lineage of {path}; `unlearn follow` reads it from the DVC history")
    return frozenset(asked)


def _parse(named: str) -> tuple[str, int | None]:
    model, slash, version = named.partition("/")
    if slash and not version.isdigit():
        raise WrongUse(f"{named!r} is no MODEL/VERSION; expected a whole number after the slash")
    return model, int(version) if slash else None


# --- answers ---------------------------------------------------------------------------------------------------------


def _version(model: ModelVersion, atlas: Atlas, aliases: Mapping[str, Mapping[str, int]]) -> Version:
    record = atlas.records.get(model)
    return Version(
        version=model.version,
        aliases=graph.behind(model, aliases),
        deleted=model in atlas.deleted,
        run_id=record.run_id if record else atlas.run_of(model),
        sources=[Fed(*content, content.name, how) for content, how in sorted(atlas.contents.get(model, {}).items())],
        derived_from=[From(str(parent), kind) for parent, child, kind in atlas.edges if child == model],
        trained=TrainedHere.of(record),
    )


def _drawn(workspace: Workspace, chosen: Chosen, atlas: Atlas, aliases: Mapping[str, Mapping[str, int]]) -> Drawn:
    """Nodes, edges and gaps of what was chosen."""
    gaps = [*workspace.followed.gaps(), *(_unopened(atlas) if chosen.holders else ())]
    return Drawn(chosen.title, _picture(chosen, atlas, aliases), gaps)


def _unopened(atlas: Atlas) -> list[Gap]:
    """Tables that only a backfill opens: whoever asks about a person must hear of them."""
    tables = [one for one in atlas.opened.values() if one.state == "unopened" and is_table_name(one.content.path)]
    if not tables:
        return []
    why = f"{len(tables)} tables of the DVC history that fed no known model were never opened"
    return [Gap("the DVC history", why, "run `unlearn follow --all`")]


def _picture(chosen: Chosen, atlas: Atlas, aliases: Mapping[str, Mapping[str, int]]) -> drawing.Picture:
    versions = {Tracked(one.path, one.object): one for one in atlas.data}
    models = sorted(chosen.models, key=lambda one: (one.name, one.version))
    runs = {model: run for model in models if (run := atlas.run_of(model)) and model not in atlas.copies}
    nodes = [
        *(drawing.Node(f"person:{token}", "person", token) for token in chosen.holders),
        *(_data_node(content, atlas, versions.get(content)) for content in sorted(chosen.contents)),
        *(drawing.Node(f"run:{run}", "run", run[:12]) for run in dict.fromkeys(runs.values())),
        *(_model_node(model, atlas) for model in models),
        *(
            drawing.Node(f"alias:{model.name}@{alias}", "alias", f"@{alias}", model.name)
            for model in models
            for alias in graph.behind(model, aliases)
        ),
    ]
    known = {node.id for node in nodes}
    edges = list(dict.fromkeys(e for e in _edges(chosen, atlas, runs, aliases) if {e.source, e.target} <= known))
    return _without_idle_runs(drawing.Picture(nodes, edges))


def _without_idle_runs(picture: drawing.Picture) -> drawing.Picture:
    """A run that nothing here went into says nothing about a model that comes from another one."""
    reached = {edge.target for edge in picture.edges}
    made = {edge.target for edge in picture.edges if not edge.source.startswith("run:")}
    idle = {e.source for e in picture.edges if e.source.startswith("run:") and e.source not in reached and e.target in made}
    return drawing.Picture(
        [node for node in picture.nodes if node.id not in idle], [edge for edge in picture.edges if edge.source not in idle]
    )


def _edges(
    chosen: Chosen, atlas: Atlas, runs: Mapping[ModelVersion, str], aliases: Mapping[str, Mapping[str, int]]
) -> Iterable[drawing.Edge]:
    for token, contents in chosen.holders.items():
        yield from (drawing.Edge(f"person:{token}", _data_id(content)) for content in sorted(contents))
    for origin, made, stage in atlas.derivations:
        yield drawing.Edge(_data_id(origin), _data_id(made), stage)
    for model in chosen.models:
        via = f"run:{runs[model]}" if model in runs else f"model:{model}"
        for content, how in () if model in atlas.copies else atlas.contents.get(model, {}).items():
            yield drawing.Edge(_data_id(content), via, "" if how in ("trained here", "dataset input", "tag") else how)
        if model in runs:
            yield drawing.Edge(via, f"model:{model}")
        yield from (drawing.Edge(f"model:{model}", f"alias:{model.name}@{one}") for one in graph.behind(model, aliases))
    for parent, child, kind in atlas.edges:
        yield drawing.Edge(f"model:{parent}", f"model:{child}", kind.replace("_", "-"))


def _data_id(content: Tracked) -> str:
    return f"data:{content.path}@{content.object}"


def _data_node(content: Tracked, atlas: Atlas, version: DataVersion | None) -> drawing.Node:
    opened = atlas.opened.get(content)
    state = opened.state if opened else "unopened"
    said = f"{version.people} people" if version else "" if state in ("unopened", "no table") else state
    return drawing.Node(_data_id(content), "data", content.name, said, gone=state == "gone")


def _model_node(model: ModelVersion, atlas: Atlas) -> drawing.Node:
    record = atlas.records.get(model)
    gone = model in atlas.deleted
    said = f"{record.trained.method}, {record.trained.guarantee}" if record else "trained elsewhere"
    return drawing.Node(f"model:{model}", "model", str(model), f"{said}, deleted" if gone else said, gone=gone)


# --- for people ------------------------------------------------------------------------------------------------------


def picture(found: Drawn) -> drawing.Picture:
    """The picture of an answer. A person leads to the first data versions that hold them; what was made from those follows."""
    edges = found.picture.edges
    held = {edge.target for edge in edges if edge.source.startswith("person:")}
    later = {edge.target for edge in edges if edge.source in held and edge.target in held}
    shown = [e for e in edges if not (e.source.startswith("person:") and e.target in later)]
    return drawing.Picture(found.picture.nodes, shown)


def draw(found: Drawn, file: Path) -> None:
    """Write the picture of an answer, in the form that the file's suffix names. Raises WrongUse for another suffix."""
    drawn = drawing.document(picture(found), file.suffix.lower(), found.title, found.note)
    if drawn is None:
        raise WrongUse(f"{file} cannot be drawn; expected a name that ends in .svg, .mmd or .md")
    with replacing(file) as stream:
        stream.write(drawn.encode())


def markdown(workspace: Workspace) -> str:
    """The picture of each own model, or else of each adopted one, as Markdown; in words while there is nothing to draw."""
    owns = [own.model for own in workspace.settings.owns]
    drawn = [_model_markdown(workspace, name) for name in owns or sorted(adoptions(workspace))]
    return "\n\n".join(drawn) or "No model is adopted yet: `unlearn adopt MODEL/VERSION` takes one under care."


def _model_markdown(workspace: Workspace, name: str) -> str:
    try:
        found = of_model(workspace, name).drawn
    except NotFound as error:
        return str(error)
    if (count := len(found.picture.nodes)) > DRAWN_AT_MOST:
        return f"The {found.title} has {count} parts; `unlearn lineage MODEL/VERSION --graph FILE` draws some."
    return drawing.document(picture(found), ".md", found.title, found.note) or ""


def lines(found: Drawn) -> Sequence[str]:
    """An answer for people: one line a thing, with what it came from."""
    nodes, rows = found.picture.nodes, []
    names = {node.id: node.label for node in nodes}
    for kind, heading in drawing.HEADINGS.items():
        of_kind = [node for node in nodes if node.kind == kind]
        rows += [f"{heading} ({len(of_kind)})"] if of_kind else []
        rows += [f"  {one.label:<34} {one.detail:<24} {_origins(one, found.picture.edges, names)}".rstrip() for one in of_kind]
    gaps = [gap.line for gap in found.gaps]
    return [found.title, *rows, *([f"gaps ({len(gaps)}): this is not the whole answer", *gaps] if gaps else [])]


def _origins(node: drawing.Node, edges: Sequence[drawing.Edge], names: Mapping[str, str]) -> str:
    told = [names[edge.source] + (f" ({edge.label})" if edge.label else "") for edge in edges if edge.target == node.id]
    return f"←  {', '.join(told)}" if told else ""
