"""Write the generated parts of the documentation: `make docs`, or `python -m docs.generate`;
with `--check` nothing is written, and it exits 1 when a page is stale.

The tables stand between `<!-- generated: NAME -->` and `<!-- end -->` in the pages; `docs/commands.md`, the schemas in
`docs/schemas` and the picture `docs/rooms.svg` are generated as a whole. They are made from the program itself: the registry of
methods, the command line, the template of `params.yaml`, the names of environment variables, the facts of a certificate, the
imports.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from ruamel.yaml import YAML

from docs import rooms
from unlearning.certificate import schema
from unlearning.domain import environ
from unlearning.domain.planning.cost import expected_share
from unlearning.entrypoints.cli import main
from unlearning.entrypoints.scaffold import scaffold
from unlearning.project import plugins

if TYPE_CHECKING:
    from unlearning.domain.protocols import Method

ROOT = Path(__file__).parents[1]
REFERENCE, PICTURE = "docs/commands.md", "docs/rooms.svg"
PAGES = ("README.md", "docs/operations.md", "docs/how-it-works.md", "docs/methods.md")

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

SHARDS, SLICES = 20, 16
"""The partition that the cost column speaks of."""

PAPERS = {
    "sisa": ("Bourtoule et al. 2021", "https://arxiv.org/abs/1912.03817"),
    "retrain": ("the definition of unlearning", "https://arxiv.org/abs/1912.03817"),
    "subtract": ("Cao & Yang 2015", "https://doi.org/10.1109/SP.2015.35"),
    "newton": ("Guo et al. 2020", "https://arxiv.org/abs/1911.03030"),
    "finetune": ("baseline of Golatkar et al. 2020", "https://arxiv.org/abs/1911.04933"),
    "negative_gradient": ("NegGrad+, Kurmanji et al. 2023", "https://arxiv.org/abs/2302.09880"),
    "random_label": ("amnesiac unlearning, Graves et al. 2021", "https://arxiv.org/abs/2010.10981"),
    "salun": ("Fan et al. 2024", "https://arxiv.org/abs/2310.12508"),
    "scrub": ("Kurmanji et al. 2023", "https://arxiv.org/abs/2302.09880"),
    "bad_teacher": ("Chundawat et al. 2023", "https://arxiv.org/abs/2205.08096"),
    "ssd": ("Foster et al. 2024", "https://arxiv.org/abs/2308.07707"),
}

COSTS = {
    "newton": "a step on the stored Hessian, for linear and logistic models of the learner `convex`",
    "finetune": "{epochs:g} epochs over what is kept",
    "negative_gradient": "{epochs:g} epochs over what is kept, a second batch of what is forgotten beside each",
    "random_label": "{epochs:g} epochs over everybody",
    "salun": "{epochs:g} epochs over everybody",
    "scrub": "{epochs:g} epochs over what is kept, with the old model's answers, and {max_epochs:g} over what is forgotten",
    "bad_teacher": "{epochs:g} epoch over {retain_share:.0%} of what is kept and what is forgotten, with two models' answers",
    "ssd": "the gradients of everybody's records once, nothing trained",
}
"""Of the methods that change a trained model, by their hyperparameters."""

REFUSALS = {
    "check": "the data did not pass",
    "judge": "a check failed",
    "replay": "other bytes came of it, or another environment compares",
    "train": "trained and registered, but a check failed: the alias stays",
    "erase": "something is left or unverified; or no method of the policy passed the checks, or nothing would be left to train "
    "on, and the requests stay open",
    "purge": "something is left or unverified after it, also what it could not delete",
    "verify": "the certificate or proof does not hold under what was given",
    "evaluate": "damaged, or a service is away",
    "approve": "its erasure is not planned yet, or does not wait for it",
    **dict.fromkeys(("told", "acknowledge"), "the request ended without an erasure"),
    "doctor": "something is to be mended",
    "hold": "the request is on hold already, or its purge has begun",
    "release": "the request is not on hold",
    "exempt": "its data is redacted already, or the request has ended",
    "cancel": "its data is redacted already, or the request has ended",
    "readmit": "a request of theirs is open",
    "extend": "the deadline was extended before, or has passed",
    "sweep": "something is left or unverified within reach",
    "twins": "with `--verify`: a twin is missing or changed; without: the map's signature does not verify",
    "watch": "anything came back, reversed or not, or a place could not be checked",
    "audit": "an event was edited, removed or cut off, or a certificate is not the one that was issued",
    "countersign": "the certificate does not verify under the operator's key",
    "deliver": "a state was given up in this round, or there is nothing to sign with",
    "deploy": "the Prefect server does not answer",
    "serve-flows": "the Prefect server does not answer",
}
"""What exit code 1 means for a command, where it means something particular."""
REFUSED = "refused, damaged, or a service is away"


# --- the tables -----------------------------------------------------------------------------------------------------


def methods() -> str:
    """The installed methods of forgetting that this repository ships: guarantee, cost, source."""
    rows = []
    for name in plugins.names("methods"):
        if name in PAPERS:
            paper, url = PAPERS[name]
            rows.append((f"`{name}`", str(plugins.method(name).guarantee), _cost(plugins.method(name)), f"[{paper}]({url})"))
    return _table(("method", "guarantee", "cost of one request", "source"), rows)


def _cost(method: Method) -> str:
    if method.name == "sisa":
        shares = [f"{expected_share(shards=SHARDS, slices=SLICES, requests=k):.1%} of a full training for {k}" for k in (1, 8)]
        return f"the touched shard from the touched slice on: with S = {SHARDS}, R = {SLICES}, {', '.join(shares)} requests"
    if method.name == "retrain":
        return "a full training"
    if method.name == "subtract":
        return "the forgotten records alone, for models that are sums (learner `statistics`); needs S = 1"
    return f"{COSTS[method.name].format(**{knob.name: knob.default for knob in _knobs(method)})}; needs S = 1"


def hyperparameters() -> str:
    """What each method may be told in `policy.params`: default and range."""
    rows = [
        (f"`{name}`", f"`{knob.name}`", f"{knob.default:g}", knob.range)
        for name in plugins.names("methods")
        if name in PAPERS
        for knob in _knobs(plugins.method(name))
    ]
    return _table(("method", "hyperparameter", "default", "expected"), rows)


def _knobs(method: Method) -> Sequence[Any]:
    found: Sequence[Any] = getattr(method, "knobs", ())
    return found


def share() -> str:
    """What K uniform requests cost under SISA, as shares of a full training."""
    pairs = [(shards, slices) for shards in (5, 20, 50) for slices in (1, 16)]
    requests = (1, 8, 100)
    rows = [(str(s), str(r), *(f"{expected_share(shards=s, slices=r, requests=k):.1%}" for k in requests)) for s, r in pairs]
    return _table(("S", "R", *(f"{k} request{'s' if k > 1 else ''}" for k in requests)), rows)


def commands() -> str:
    """Every command: what it does, and what its exit codes mean."""
    rows = [
        (
            f"[`unlearn {name}`]({REFERENCE}#unlearn-{name.replace(' ', '-')})",
            _first_sentence(command),
            REFUSALS.get(name, REFUSED),
        )
        for name, command in commands_of(main)
    ]
    return _table(("command", "what it does", "exits 1 when"), rows)


def settings() -> str:
    """Every knob of `params.yaml` with its default and the comment beside it."""
    text = (scaffold.TEMPLATES / "params.yaml").read_text("utf-8")
    defaults = YAML(typ="safe").load(text)["unlearning"]
    section, rows = "", []
    for line in text.splitlines()[1:]:
        found = re.match(r"(?P<indent> +)(?P<name>\w+):(?P<value>[^#]*)(#\s*(?P<say>.*))?", line)
        if found is None:
            continue
        name = found["name"]
        nested = len(found["indent"]) > 2
        section = section if nested else name
        value = defaults[section][name] if nested else defaults[name]
        if not nested and isinstance(value, dict):
            continue
        rows.append((f"`{section}.{name}`" if nested else f"`{name}`", f"`{_yaml(value)}`", (found["say"] or "").strip()))
    return _table(("knob", "default", "meaning"), rows)


def variables() -> str:
    """The environment variables that a user may set."""
    return _table(("variable", "meaning"), [(f"`{name}`", meaning) for name, meaning in environ.MEANINGS.items()])


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


TABLES: Mapping[str, Callable[[], str]] = {
    "methods": methods,
    "hyperparameters": hyperparameters,
    "share": share,
    "commands": commands,
    "settings": settings,
    "variables": variables,
}


# --- the reference --------------------------------------------------------------------------------------------------


def reference() -> str:
    """`docs/commands.md`: every command with its arguments and options."""
    head = (
        "# Commands\n\n"
        "Written by `make docs` from the program itself. Every command answers `--help`. With `--json` a command prints one "
        "JSON document on standard output; progress and messages go to standard error. Exit codes: 0 done; 1 refused, damaged "
        "or a service away; 2 wrong use or bad input, nothing was changed.\n\n"
        "`unlearn -v COMMAND` shows the logs of the tools underneath; `unlearn --version` names the version.\n\n"
        'For completion with the Tab key, put `eval "$(_UNLEARN_COMPLETE=bash_source unlearn)"` into `~/.bashrc`; for zsh, '
        "`zsh_source` and `~/.zshrc`; for fish, `_UNLEARN_COMPLETE=fish_source unlearn | source` into `config.fish`."
    )
    return "\n\n".join([head, *(_section(name, command) for name, command in commands_of(main))]) + "\n"


def _section(name: str, command: click.Command) -> str:
    usage = " ".join(["unlearn", name, *_usage(command)])
    parts = [f"## unlearn {name}", _prose(command.help or ""), f"```\n{usage}\n```"]
    if options := [_option(option) for option in command.params if isinstance(option, click.Option)]:
        parts.append(_table(("option", "meaning"), options))
    parts.append(f"Exits 1 when: {REFUSALS.get(name, REFUSED)}.")
    return "\n\n".join(parts)


def _usage(command: click.Command) -> Iterator[str]:
    if any(isinstance(one, click.Option) for one in command.params):
        yield "[OPTIONS]"
    with click.Context(command) as context:
        for one in command.params:
            if isinstance(one, click.Argument):
                yield one.make_metavar(context)


def _option(option: click.Option) -> tuple[str, str]:
    with click.Context(click.Command("any")) as context:
        value = "" if option.is_flag else f" {option.make_metavar(context)}"
    says = (option.help or "").strip()
    shown = option.show_default and option.default is not None and not option.is_flag
    return f"`{', '.join(option.opts)}{value}`", says + (f" Default: `{option.default}`." if shown else "")


def _prose(text: str) -> str:
    """Help as paragraphs; what click must not wrap (`\\b`) as a block."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", _clean(text)):
        if paragraph.startswith("\b"):
            paragraphs.append("```\n" + re.sub(r"^Example:\s+", "", paragraph.removeprefix("\b\n")) + "\n```")
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs)


def _clean(text: str) -> str:
    return "\n".join(line.strip() if line.strip() else "" for line in text.strip().splitlines())


def commands_of(group: Any) -> list[tuple[str, click.Command]]:
    """Every command by its words, the commands of commands too (`lineage add-edge`), in alphabetical order."""
    listed: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        listed.append((name, command))
        if hasattr(command, "commands"):
            listed += [(f"{name} {word}", one) for word, one in commands_of(command)]
    return sorted(listed, key=lambda item: item[0])


def _first_sentence(command: click.Command) -> str:
    text = " ".join(_clean(command.help or "").split("\n\n")[0].split())
    return text.rstrip(".") + "."


# --- files ----------------------------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def filled(text: str) -> str:
    """A page with its generated parts as they should be; raises KeyError for a part that nobody generates."""
    return _BLOCK.sub(lambda block: f"{block[1]}{TABLES[block['name']]()}\n{block[3]}", text)


def current() -> dict[str, str]:
    """Every generated page as it should be."""
    pages = {name: filled((ROOT / name).read_text("utf-8")) for name in PAGES}
    schemas = {f"docs/schemas/{name}.json": _json(made()) for name, made in schema.PUBLISHED.items()}
    return {**pages, **schemas, REFERENCE: reference(), PICTURE: rooms.svg()}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def stale() -> list[str]:
    """Which pages are not as they should be; nothing is written."""
    return [name for name, text in current().items() if not _same(ROOT / name, text)]


def write() -> list[str]:
    """Write what is not as it should be; which pages these were."""
    changed = stale()
    for name, text in current().items():
        if name in changed:
            (ROOT / name).write_text(text, "utf-8")
    return changed


def _same(file: Path, text: str) -> bool:
    return file.exists() and file.read_text("utf-8") == text


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit("\n".join(f"{name} is stale; run `make docs`" for name in stale()) or None)
    print("\n".join(write()) or "the documentation is current")
