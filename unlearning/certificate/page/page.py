"""The certificate as a page for people: one self-contained HTML file, to be read, printed and put into a folder.

The signed file stays the certificate; the page says so, and says how to check it. It loads nothing and runs nothing
(a content security policy forbids both), and every text from the certificate is escaped. What is said is decided here; how
it looks, in the templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from unlearning.certificate.document import MALFORMED, Document, each
from unlearning.certificate.envelope import Envelope
from unlearning.certificate.page import chain_picture
from unlearning.certificate.page.templating import NOT_RECORDED, Templates
from unlearning.certificate.verification import Verification, left_in, made_again, verify
from unlearning.domain import spellings
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.traces import say_left
from unlearning.domain.versions import data_name


def render(envelope: Envelope, *public_keys: bytes, now: datetime | None = None) -> str:
    """The page of a certificate, with what was checked when it was made.

    public_keys: of those who signed; without any the page says that no signature was checked. Raises VerificationFailed for an
    envelope that is malformed or not signed by those keys: a page would lend it looks that it must not have.
    """
    checked = verify(envelope, *public_keys, now=now)
    if checked.verdict == "invalid":
        raise VerificationFailed("the certificate's signature is invalid, so no page is made of it; get the file again")
    try:
        return _page(Document(checked.predicate), checked)
    except MALFORMED as error:
        raise VerificationFailed(f"the certificate is malformed, so no page is made of it: {error!r}") from error


def _page(certificate: Document, checked: Verification) -> str:
    erased = certificate["decision"] == "erased"
    return _TEMPLATES.fill(
        "page.html.jinja",
        certificate=certificate.said,
        checked=checked,
        title=_TITLES[certificate["decision"]],
        notice=_notice(certificate, checked),
        summary=_summary(certificate) if erased else _nothing_found(certificate),
        decisions=[line for request in each(certificate["requests"]) for line in _decisions(request)],
        lineage=_lineage(Document(certificate["scope"]["lineage"])),
        **(_erased(certificate) if erased else {}),
    )


_TITLES = {"erased": "Certificate of erasure", "not_found": "Answer to a request: no record found"}
"""Decision → what the page is called: only of an erasure a certificate of one."""


def _erased(certificate: Document) -> dict[str, Any]:
    trained, found = _trained(certificate), certificate["verification"]
    return {
        "trained": trained,
        "picture": chain_picture.of(Document(certificate["unlearning"])) if trained else None,
        "checks": _checks(each(certificate["validation"])),
        "others": [_other(one) for one in each(certificate.get("models", []))],
        "searched": sorted({one["at"] for one in found}) if isinstance(found, list) else None,
    }


def _other(one: Document) -> dict[str, Any]:
    """A further model of the issuer's own."""
    checks = _checks(each(one["validation"]))
    return {**one.said, "picture": chain_picture.of(Document(one["unlearning"])), "checks": checks}


def _trained(certificate: Document) -> bool:
    """Whether a training is stated, and not words for none having been needed."""
    return isinstance(certificate["unlearning"], Mapping)


# --- what a reader must see first -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened, in a sentence or two; the model in the middle stands out."""

    begin: str
    model: str | None = None
    end: str = ""


def _nothing_found(certificate: Document) -> Summary:
    people = counted(len({request["token"] for request in certificate["requests"]}), "person", "people")
    searched = counted(len(certificate["searched"]), "data version", "data versions")
    found = certificate.get("nearest", "not looked for")
    near = spellings.said(None if isinstance(found, str) else found)
    answer = f"No record was found, and nothing was changed; {near}."
    return Summary(f"{searched} searched for {people} who asked to be erased. {answer}")


def _summary(certificate: Document) -> Summary:
    impact, promotion = certificate["impact"], certificate["promotion"]
    left = f"{counted(impact['records'], 'record', 'records')} of {counted(impact['people'], 'person', 'people')} left the data"
    if not _trained(certificate):
        return _summary_elsewhere(left, certificate)
    if others := certificate.get("models", []):
        return _summary_of_several(left, [certificate.said, *others])
    made = "was trained without them" if certificate["unlearning"]["guarantee"] == "exact" else "was changed to forget them"
    if "behind" in certificate["unlearning"]:
        made = "was made at once of checkpoints without them, some of them older than the data,"
    served = f" {made} and serves as {promotion['alias']} in place of {promotion['from']}."
    if isinstance(healed := certificate["unlearning"].get("healed"), Mapping):
        served = (
            f" {made} and served in place of {promotion['from']}, until {healed['to']}, trained on all that is left, took over."
        )
    return Summary(f"{left}. ", promotion["to"], served)


def _summary_of_several(left: str, models: Sequence[Mapping[str, Any]]) -> Summary:
    exact = all(one["unlearning"]["guarantee"] == "exact" for one in models)
    made = "were trained without them" if exact else "were changed to forget them"
    old, new = (", ".join(one["promotion"][key] for one in models) for key in ("from", "to"))
    return Summary(f"{left}. ", new, f" {made} and serve in place of {old}.")


def _summary_elsewhere(left: str, certificate: Document) -> Summary:
    """Of an erasure that replaced no model of the issuer's own: because it did not have to, or because there is none."""
    if made := made_again(certificate):
        how = "was made again by its own stage" if len(made) == 1 else "were made again by their own stages"
        return Summary(f"{left}. ", ", ".join(made), f" {how} without them, in place of what they shaped.")
    if not certificate["impact"]["shardsTotal"]:  # the issuer trains no model: every one has a shard
        return Summary(f"{left}. No model was made again.")
    return Summary(f"{left}. The model that serves was not shaped by them and stays.")


@dataclass(frozen=True, slots=True)
class Notice:
    """Whether the matter is closed, and how loudly to say so."""

    kind: Literal["good", "warn", "bad", "plain"]
    title: str
    text: str


def _notice(certificate: Document, checked: Verification) -> Notice:
    if checked.verdict == "contradictory":
        wrong = "; ".join(str(item) for item in checked.recomputed if not item.agrees)
        return Notice("bad", "Contradictory", f"Do not rely on this record. {wrong}.")
    if certificate["state"] == "not_found":
        return Notice("plain", "Not found", "The search is described below, with its limits.")
    if certificate["state"] == "completed":
        clean = "The places named below were searched again after the deletion, and nothing was found."
        return Notice("good", "Completed", clean)
    return Notice("warn", "Completed with residuals", f"{say_left(left_in(certificate))}. What removes each is listed below.")


# --- what was done --------------------------------------------------------------------------------------------------


def _decisions(request: Document) -> Iterator[tuple[str, str]]:
    """Legal holds and the longer deadline of a request; certificates of earlier versions state neither."""
    holds, extension = request.get("holds", "none"), request.get("extension", "none")
    for hold in () if isinstance(holds, str) else each(holds):
        ended = f"released {hold['releasedAt']} ({hold['releasedBecause']})"
        what = "" if isinstance(kept := hold.get("dataSets", "all"), str) else f" for {', '.join(kept)}"
        yield request["reference"], f"on legal hold{what} from {hold['heldAt']}, {hold['reason']}; {ended}"
    if not isinstance(extension, str):
        until = f"deadline extended to {extension['dueAt']} on {extension['extendedAt']}, {extension['reason']}"
        yield request["reference"], until


def _checks(checks: Iterable[Document]) -> dict[str, list[tuple[str, object, object]]]:
    """The checks of the model first, then those of each table under its path: name, value, and what was stated."""
    groups: dict[str, list[tuple[str, object, object]]] = {"": []}
    for one in checks:
        path, _, name = one["name"].rpartition(": ")
        groups.setdefault(path, []).append((name.removeprefix("data.").replace("_", " "), _measured(one), one.said))
    return {path or "The model": rows for path, rows in groups.items() if rows}


def _measured(check: Document) -> object:
    """A value with four digits; a check that passes by yes or no has none."""
    value = check["value"]
    if value == "not measured" and check["verdict"] == "passed":
        return "as stated"
    return f"{value:.4g}" if isinstance(value, float) else value


def _lineage(lineage: Document) -> str:
    known = lineage["known"]
    of_known = f"of {number(known)} that are known" if isinstance(known, int) else "how many there are is not recorded"
    return f"{number(lineage['indexed'])} data versions indexed, {of_known}"


# --- words ----------------------------------------------------------------------------------------------------------


def number(value: Any) -> str:
    """A whole number with separators; or the words that stand where there is none."""
    if isinstance(value, int):
        return f"{value:,}"
    return NOT_RECORDED if value is None else str(value)


def counted(value: Any, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number(value)} {one if value == 1 else many}"


def moment(text: str) -> str:
    """A moment as people write it, in UTC."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _outcome(verdict: str) -> str:
    return {"underpowered": "underpowered: too little was seen to tell"}.get(verdict, verdict).replace("_", " ")


def _guarantee(guarantee: str) -> str:
    return {
        "exact": "exact: the same bytes as training without these people, in the environments that made it",
        "empirical": "empirical: no proof; it rests on the checks below",
    }.get(guarantee, guarantee)


def _replay(replay: Any) -> str:
    if not isinstance(replay, Mapping):
        return str(replay)
    bytes_ = "equal bytes" if replay["equal"] else "other bytes"
    elsewhere = f", in another environment ({'; '.join(replay['differs'])})" if "differs" in replay else ""
    return f"{bytes_}{elsewhere}, as measured by the issuer"


def _elsewhere(made: Sequence[Any]) -> str:
    return " · ".join(f"shard {_listed([*map(str, one['shards'])])}: {'; '.join(one['differs'])}" for one in made)


_TEMPLATES = Templates(
    Path(__file__).with_name("templates"),
    {
        "elsewhere": _elsewhere,
        "data_name": lambda data: data_name(data["path"], data["dvcObject"]),
        "guarantee": _guarantee,
        "listed": _listed,
        "moment": moment,
        "number": number,
        "outcome": _outcome,
        "replay": _replay,
    },
)
