"""The certificate as a page for people: one self-contained HTML file, to be read, printed and put into a folder.

The signed file stays the certificate; the page says so, and says how to check it. It loads nothing and runs nothing
(a content security policy forbids both), and every text from the certificate is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from unlearning.errors import VerificationFailed
from unlearning.stylesheet import STYLE
from unlearning.verification import Verification, verify

_MOST_SHARDS_DRAWN = 64
_CELL = 16
_GAP = 4


class Html(str):
    """Text that is markup already; everything else is escaped."""

    __slots__ = ()


Content = str | None
Row = Sequence[Content]


def render(envelope: Mapping[str, Any], public_key_pem: bytes | None = None) -> str:
    """The page of a certificate, with what was checked when it was made.

    public_key_pem: the issuer's key; without it the page says that no signature was checked. Raises VerificationFailed for an
    envelope that is malformed or not signed by that key: a page would lend it looks that it must not have.
    """
    checked = verify(envelope, public_key_pem)
    if checked.verdict == "invalid":
        raise VerificationFailed("the certificate's signature is invalid, so no page is made of it; get the file again")
    try:
        return _page(checked.predicate, checked)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise VerificationFailed(f"the certificate is malformed, so no page is made of it: {error!r}") from error


# --- the page -------------------------------------------------------------------------------------------------------


def _page(predicate: Mapping[str, Any], checked: Verification) -> str:
    erased = predicate["decision"] == "erased"
    title = f"Certificate of erasure {predicate['certificateId']}"
    sections = (*_erased(predicate), *_limits(predicate, checked)) if erased else _not_found(predicate, checked)
    head = _join(
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"),
        Html('<meta name="robots" content="noindex">'),
        _el("title", title),
        _el("style", Html(STYLE)),
    )
    body = _el("main", _header(predicate, checked), *sections, _footer(predicate))
    return f'<!doctype html>\n<html lang="en">\n{_el("head", head)}\n{_el("body", body)}\n</html>\n'


def _erased(predicate: Mapping[str, Any]) -> Iterator[Html]:
    yield _section("Requests", _requests(predicate["requests"]))
    trained = _trained(predicate)
    drawing = _chain(predicate["unlearning"]) if trained else Html()
    yield _section("What was touched", _touched(predicate["impact"]), drawing, _tables(predicate["tables"]))
    yield _section("How it was unlearned", _method(predicate) if trained else _none(predicate["unlearning"]))
    yield _section("Checks", _checks(predicate["validation"]))
    yield _section("What serves now", _promotion(predicate["promotion"]) if trained else _none(predicate["promotion"]))
    yield _section("What was done", _actions(predicate["actions"]))
    yield _section("Search after the deletion", _searched(predicate["verification"]))
    yield _section("What is left within reach", _residuals(predicate["residuals"]))


def _not_found(predicate: Mapping[str, Any], checked: Verification) -> Iterator[Html]:
    rows = [
        (
            _path(item["data"]["path"]),
            _number(item["data"]["rows"]),
            _number(item["data"]["people"]),
            _digest(item["data"]["digest"]),
        )
        for item in predicate["searched"]
    ]
    yield _section("Requests", _requests(predicate["requests"]))
    yield _section("What was searched", _table("Data versions", ("Table", "Rows", "People", "SHA-256"), rows))
    yield from _limits(predicate, checked)


def _limits(predicate: Mapping[str, Any], checked: Verification) -> Iterator[Html]:
    yield _section("Out of reach", _out_of_reach(predicate["scope"]))
    yield _section("Scope of the search", _scope(predicate))
    yield _section("What this does not prove", _list(predicate["doesNotProve"]))
    yield _section("How to verify", _verify(checked))


def _header(predicate: Mapping[str, Any], checked: Verification) -> Html:
    issuer = predicate["issuer"]
    facts = (
        ("Certificate", predicate["certificateId"]),
        ("Issued", _moment(predicate["issuedAt"])),
        ("Valid until", _moment(predicate["validUntil"])),
        ("Issuer", f"{issuer['name']} ({issuer['role']})"),
        ("Signature", _signature(checked)),
    )
    return _el(
        "header",
        _el("p", "Record of machine unlearning", kind="eyebrow"),
        _el("h1", "Certificate of erasure"),
        _el("p", _summary(predicate), kind="lead"),
        _state(predicate, checked),
        _facts(facts),
    )


def _summary(predicate: Mapping[str, Any]) -> Html:
    people = _count(len({request["token"] for request in predicate["requests"]}), "person", "people")
    if predicate["decision"] == "not_found":
        searched = _count(len(predicate["searched"]), "data version", "data versions")
        return _join(f"{searched} searched for {people} who asked to be erased. No record was found, and nothing was changed.")
    impact, promotion = predicate["impact"], predicate["promotion"]
    left = f"{_count(impact['records'], 'record', 'records')} of {_count(impact['people'], 'person', 'people')} left the data"
    if not _trained(predicate):
        return _join(f"{left}. The model that serves was not shaped by them and stays.")
    made = "was trained without them" if predicate["unlearning"]["guarantee"] == "exact" else "was changed to forget them"
    return _join(
        f"{left}. ",
        _el("strong", promotion["to"]),
        f" {made} and serves as {promotion['alias']} in place of {promotion['from']}.",
    )


def _trained(predicate: Mapping[str, Any]) -> bool:
    """Whether a training is stated, and not words for none having been needed."""
    return isinstance(predicate["unlearning"], Mapping)


def _state(predicate: Mapping[str, Any], checked: Verification) -> Html:
    if checked.verdict == "contradictory":
        wrong = [str(item) for item in checked.recomputed if not item.agrees]
        return _notice("Contradictory", f"Do not rely on this record. {'; '.join(wrong)}.", "bad")
    if predicate["state"] == "not_found":
        return _notice("Not found", "The search is described below, with its limits.", "plain")
    if predicate["state"] == "completed":
        return _notice(
            "Completed",
            "The places named below were searched again after the deletion, and nothing was found.",
            "good",
        )
    found = predicate["verification"] if isinstance(predicate["verification"], list) else []
    unclear = sum(one["outcome"] in ("residual", "unverified") for one in found)
    listed = _count(len(predicate["residuals"]) + unclear, "place is", "places are")
    return _notice(
        "Completed with residuals", f"Not everything within reach is shown to be clean: {listed} listed below.", "warn"
    )


def _signature(checked: Verification) -> Html:
    if checked.signature == "valid":
        return _join("valid, by the key ", _digest(checked.keyid or ""))
    return _join("not checked when this page was made")


def _footer(predicate: Mapping[str, Any]) -> Html:
    chain, issuer = predicate["chain"], predicate["issuer"]
    return _el(
        "footer",
        _el("p", "This page is a reading copy. The signed file beside it is the certificate."),
        _facts(
            (
                ("Ledger position", _number(chain["position"])),
                ("Previous hash", _digest(chain["previous"])),
                ("Head", _digest(chain["head"])),
                ("Made with", f"{issuer['tool']} {issuer['version']}"),
                ("Code", _digest(issuer["codeDigest"])),
            )
        ),
    )


# --- what was done --------------------------------------------------------------------------------------------------


def _requests(requests: Iterable[Mapping[str, Any]]) -> Html:
    rows = [
        (
            _path(one["reference"]),
            {"none": "none stated"}.get(one["regulation"], one["regulation"].upper()),
            _moment(one["receivedAt"]),
            _moment(one["dueAt"]),
            _digest(one["token"]),
        )
        for one in requests
    ]
    note = "A token is a keyed hash; only the issuer can tell whose it is."
    return _join(_table("Requests", ("Reference", "Law", "Received", "Due", "Token"), rows), _el("p", note, kind="note"))


def _touched(impact: Mapping[str, Any]) -> Html:
    figures = (
        (_number(impact["records"]), "records"),
        (f"{len(impact['shards'])} of {impact['shardsTotal']}", "shards"),
        (_number(impact["checkpointsStale"]), "stale checkpoints"),
        (_number(impact["dataVersions"]), "data versions"),
        (_number(len(impact["modelVersions"])), "model versions"),
        (_said(impact["children"]), "derived models"),
    )
    listed = [_el("li", _el("b", value), _el("span", name)) for value, name in figures]
    shaped = f"Model versions that these people shaped: {', '.join(impact['modelVersions']) or 'none'}."
    return _join(_el("ul", *listed, kind="figures"), _el("p", shaped))


def _chain(done: Mapping[str, Any]) -> Html:
    """Shards side by side, slices downwards: what kept its name, and what was trained again."""
    if done["guarantee"] != "exact":
        return _el("p", f"The method {done['method']} changes the trained model; it does not train from clean checkpoints.")
    before = {shard["shard"]: shard["keys"] for shard in done["chainBefore"]["shards"]}
    again = {shard["shard"]: _fresh(before.get(shard["shard"], []), shard["keys"]) for shard in done["chainAfter"]["shards"]}
    words = [f"shard {shard} from slice {made.index(True) + 1} of {len(made)}" for shard, made in again.items() if any(made)]
    told = f"Trained again: {'; '.join(words) or 'nothing'}. Every other checkpoint kept its name."
    if len(again) > _MOST_SHARDS_DRAWN:
        return _el("p", told)
    legend = _el("p", _el("i", "", kind="kept"), "kept ", _el("i", "", kind="again"), "trained again", kind="legend")
    caption = _el("figcaption", _el("p", "Shards from left (0) to right, their slices from top (1) to bottom. ", told), legend)
    return _el("figure", _el("div", _drawing(done["chainAfter"]["shards"], again, told), kind="scroll"), caption)


def _fresh(before: Sequence[str], after: Sequence[str]) -> list[bool]:
    """For each slice, whether its checkpoint has a new name."""
    return [index >= len(before) or before[index] != key for index, key in enumerate(after)][1:]


def _drawing(shards: Sequence[Mapping[str, Any]], again: Mapping[int, list[bool]], told: str) -> Html:
    step = _CELL + _GAP
    cells = [
        _cell(column * step, row * step, again=again[shard["shard"]][row], rows=rows)
        for column, shard in enumerate(shards)
        for row, rows in enumerate(shard["rows"])
    ]
    width, height = len(shards) * step - _GAP, max(len(shard["rows"]) for shard in shards) * step - _GAP
    size = f'viewBox="-1 -1 {width + 2} {height + 2}" width="{width + 2}" height="{height + 2}"'
    return Html(f'<svg role="img" aria-label="{escape(told)}" {size}>{_join(*cells)}</svg>')


def _cell(x: int, y: int, *, again: bool, rows: int) -> Html:
    kind = ("again" if again else "kept") + ("" if rows else " empty")
    return Html(f'<rect class="{kind}" x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" rx="2"/>')


def _tables(tables: Iterable[Mapping[str, Any]]) -> Html:
    rows = [
        (
            _path(table[when]["path"]),
            when,
            _number(table[when]["rows"]),
            _number(table[when]["people"]),
            _digest(table[when]["digest"]),
            _digest(table[when]["root"]),
        )
        for table in tables
        for when in ("before", "after")
    ]
    return _table("Data before and after", ("Table", "When", "Rows", "People", "Content, SHA-256", "Root of the tokens"), rows)


def _method(predicate: Mapping[str, Any]) -> Html:
    done = predicate["unlearning"]
    dropped = ", ".join(str(shard) for shard in done["dropped"])
    return _facts(
        (
            ("Method", done["method"]),
            ("Guarantee", _guarantee(done["guarantee"])),
            ("Replay from scratch", _replayed(done["replay"])),
            ("Started from", done["baseCheckpoint"]),
            ("Constituents", _number(len(done["constituents"])) + (f"; shards left empty: {dropped}" if dropped else "")),
            ("Recipe", _digest(done["recipe"])),
            ("Seed", str(done["seed"])),
            ("Code", _digest(done["codeDigest"])),
            ("Environment", _digest(done["environmentDigest"])),
            ("Plan", _digest(predicate["impact"]["planDigest"])),
            ("Approved by", predicate["impact"]["approvedBy"]),
        )
    )


def _guarantee(guarantee: str) -> str:
    return {
        "exact": "exact: the same bytes as training without these people",
        "empirical": "empirical: no proof; it rests on the checks below",
    }.get(guarantee, guarantee)


def _replayed(replay: Any) -> str:
    if not isinstance(replay, Mapping):
        return str(replay)
    return "equal bytes, as measured by the issuer" if replay["equal"] else "other bytes, as measured by the issuer"


def _checks(checks: Iterable[Mapping[str, Any]]) -> Html:
    meaning = {"underpowered": "underpowered: too little data to tell"}
    rows = [
        (one["name"], _measured(one["value"]), one["threshold"], _word(one["verdict"], meaning), one["how"]) for one in checks
    ]
    if not rows:
        return _none("No check was recorded.")
    return _table("Checks", ("Check", "Value", "Threshold", "Verdict", "How it was measured"), rows)


def _promotion(promotion: Mapping[str, Any]) -> Html:
    return _facts(
        (
            ("Alias", f"{promotion['alias']}: {promotion['from']} → {promotion['to']}"),
            ("Registry", promotion["registry"]),
            ("Model, SHA-256", _digest(promotion["modelDigest"])),
            ("Read back as", _digest(promotion["servedDigest"])),
        )
    )


def _actions(actions: Sequence[Mapping[str, Any]]) -> Html:
    rows = [(_moment(one["finishedAt"]), one["operation"], _path(one["target"]), one["result"]) for one in actions]
    return _table("Actions", ("Finished", "What", "Target", "Result"), rows) if rows else _none("No action was recorded.")


# --- what is left ---------------------------------------------------------------------------------------------------


def _searched(findings: Any) -> Html:
    if not isinstance(findings, list):
        return _none("The systems were not searched again yet. What may be left is listed below.")
    rows = [
        (one["place"], one["level"], _word(one["outcome"], {}), _number(one["count"]), one["how"], _moment(one["at"]))
        for one in findings
    ]
    return _table("Findings", ("Place", "Level", "Outcome", "Traces", "How", "When"), rows)


def _residuals(residuals: Sequence[Mapping[str, Any]]) -> Html:
    rows = [(one["place"], _word(one["outcome"], {}), _number(one["count"]), one["why"], one["remedy"]) for one in residuals]
    if not rows:
        return _none("Nothing was listed.")
    return _table("Residuals", ("Place", "Outcome", "Traces", "Why", "What removes it"), rows)


def _out_of_reach(scope: Mapping[str, Any]) -> Html:
    rows = [(one["place"], one["level"], one["why"], one["remedy"]) for one in scope["outOfReach"]]
    return _table("Out of reach", ("Place", "Level", "Why", "What to do"), rows)


def _scope(predicate: Mapping[str, Any]) -> Html:
    scope, lineage = predicate["scope"], predicate["scope"]["lineage"]
    facts = [
        ("Systems", ", ".join(scope["systems"])),
        ("Lineage", f"{_number(lineage['indexed'])} of {_number(lineage['known'])} known versions indexed"),
        ("Gaps", "; ".join(scope["gaps"]) or "none known"),
        ("Kept out since", _suppressed(predicate["suppression"])),
    ]
    facts += [("Notified", _join(one["name"], ", ", _moment(one["notifiedAt"]))) for one in predicate.get("recipients", [])]
    facts += [("Backup", _join(one["name"], ", expires ", _moment(one["expiresAt"]))) for one in predicate.get("backups", [])]
    return _facts(facts)


def _suppressed(suppression: Any) -> Content:
    return _moment(suppression["since"]) if isinstance(suppression, Mapping) else str(suppression)


def _verify(checked: Verification) -> Html:
    command = "unlearn verify certificate.json --key issuer.pub"
    rows = [(item.name, _word("agrees" if item.agrees else "contradicts", {}), item.how) for item in checked.recomputed]
    return _join(
        _el("p", "Get the issuer's public key through another channel than this page, then check the signed file:"),
        _el("pre", _el("code", command)),
        _el(
            "p",
            "It is an in-toto statement in a DSSE envelope: other tools verify it too, and OpenSSL is enough.",
        ),
        _facts((("Grade of evidence", checked.grade), *(("Signed as", _digest(name)) for name in checked.claimed_keyids))),
        _el("h3", "Worked out again when this page was made"),
        _table("Worked out again", ("Part", "Outcome", "What was seen"), rows),
        _el("h3", "Not worked out again, and how to"),
        _list(checked.not_recomputed),
    )


# --- markup ---------------------------------------------------------------------------------------------------------


def _el(name: str, *children: Content, kind: str = "") -> Html:
    attribute = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{attribute}>{_join(*children)}</{name}>")


def _join(*children: Content) -> Html:
    return Html("".join(child if isinstance(child, Html) else escape(_said(child)) for child in children))


def _section(title: str, *children: Html) -> Html:
    return _el("section", _el("h2", title), _el("div", *children))


def _table(caption: str, columns: Sequence[str], rows: Iterable[Row]) -> Html:
    head = _join(*(Html(f'<th scope="col">{escape(column)}</th>') for column in columns))
    body = _join(
        *(_el("tr", Html(f'<th scope="row">{_join(row[0])}</th>'), *(_el("td", cell) for cell in row[1:])) for row in rows)
    )
    whole = _el("table", _el("caption", caption), _el("thead", _el("tr", head)), _el("tbody", body))
    return Html(f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">{whole}</div>')


def _facts(pairs: Iterable[tuple[str, Content]]) -> Html:
    return _el("dl", *(_el("div", _el("dt", name), _el("dd", value)) for name, value in pairs))


def _list(items: Iterable[Content]) -> Html:
    return _el("ul", *(_el("li", item) for item in items))


def _notice(title: str, text: str, kind: str) -> Html:
    return _el("p", _el("strong", title), _el("span", text), kind=f"notice {kind}")


def _none(text: str) -> Html:
    return _el("p", text, kind="note")


def _word(word: str, meaning: Mapping[str, str]) -> Html:
    """A verdict, marked by more than its colour."""
    kinds = {"good": ("passed", "verified", "agrees"), "bad": ("failed", "residual", "contradicts")}
    kind = next((kind for kind, words in kinds.items() if word in words), "warn")
    return _el("span", meaning.get(word, word).replace("_", " "), kind=f"word {kind}")


def _digest(value: Any) -> Html:
    """A digest in full; or the words that stand where there is none."""
    if not str(value).isalnum():
        return _join(value)
    return _el("code", value, kind="digest")


def _path(value: str) -> Html:
    return _el("code", value)


def _moment(text: str) -> Html:
    if not text[:1].isdigit():
        return _join(text)
    at = datetime.fromisoformat(text)
    return Html(f'<time datetime="{escape(text)}">{at.day} {at:%B %Y, %H:%M} UTC</time>')


def _measured(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _said(value)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else _said(value)


def _count(number: Any, one: str, many: str) -> str:
    return f"{_number(number)} {one if number == 1 else many}"


def _said(value: Any) -> str:
    return "not recorded" if value is None else str(value)
