"""The certificate as a page for people: one self-contained HTML file, to be read, printed and put into a folder.

The signed file stays the certificate; the page says so, and says how to check it. It loads nothing and runs nothing
(a content security policy forbids both), and every text from the certificate is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from unlearning.certificate.page import chain_picture
from unlearning.certificate.page.markup import (
    Content,
    Html,
    Row,
    bullets,
    code,
    counted,
    digest,
    el,
    join,
    measured,
    moment,
    note,
    notice,
    number,
    pairs,
    said,
    section,
    table,
    word,
)
from unlearning.certificate.page.stylesheet import STYLE
from unlearning.certificate.verification import Verification, made_again, verify
from unlearning.domain.errors import VerificationFailed
from unlearning.domain.versions import data_name

_VERDICTS = {"underpowered": "underpowered: too little data to tell"}


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
    head = join(
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"),
        Html('<meta name="robots" content="noindex">'),
        el("title", title),
        el("style", Html(STYLE)),
    )
    body = el("main", _header(predicate, checked), *sections, _footer(predicate))
    return f'<!doctype html>\n<html lang="en">\n{el("head", head)}\n{el("body", body)}\n</html>\n'


def _erased(predicate: Mapping[str, Any]) -> Iterator[Html]:
    yield section("Requests", _requests(predicate["requests"]))
    trained = _trained(predicate)
    drawing = chain_picture.draw(predicate["unlearning"]) if trained else Html()
    yield section("What was touched", _touched(predicate["impact"]), drawing, _tables(predicate["tables"]))
    yield section("How it was unlearned", _method(predicate) if trained else note(predicate["unlearning"]))
    yield section("Checks", _checks(predicate["validation"]))
    yield section("What serves now", _promotion(predicate["promotion"]) if trained else note(predicate["promotion"]))
    yield section("What was done", _actions(predicate["actions"]))
    yield section("Search after the deletion", _searched(predicate["verification"]))
    yield section("What is left within reach", _residuals(predicate["residuals"]))


def _not_found(predicate: Mapping[str, Any], checked: Verification) -> Iterator[Html]:
    rows = [
        (
            code(data_name(item["data"]["path"], item["data"]["dvcObject"])),
            number(item["data"]["rows"]),
            number(item["data"]["people"]),
            digest(item["data"]["digest"]),
        )
        for item in predicate["searched"]
    ]
    yield section("Requests", _requests(predicate["requests"]))
    yield section("What was searched", table("Data versions", ("Table", "Rows", "People", "SHA-256"), rows))
    yield from _limits(predicate, checked)


def _limits(predicate: Mapping[str, Any], checked: Verification) -> Iterator[Html]:
    yield section("Out of reach", _out_of_reach(predicate["scope"]))
    yield section("Scope of the search", _scope(predicate))
    yield section("What this does not prove", bullets(predicate["doesNotProve"]))
    yield section("How to verify", _verify(checked))


def _header(predicate: Mapping[str, Any], checked: Verification) -> Html:
    issuer = predicate["issuer"]
    facts = (
        ("Certificate", predicate["certificateId"]),
        ("Issued", moment(predicate["issuedAt"])),
        ("Valid until", moment(predicate["validUntil"])),
        ("Issuer", f"{issuer['name']} ({issuer['role']})"),
        ("Signature", _signature(checked)),
    )
    return el(
        "header",
        el("p", "Record of machine unlearning", kind="eyebrow"),
        el("h1", "Certificate of erasure"),
        el("p", _summary(predicate), kind="lead"),
        _state(predicate, checked),
        pairs(facts),
    )


def _summary(predicate: Mapping[str, Any]) -> Html:
    people = counted(len({request["token"] for request in predicate["requests"]}), "person", "people")
    if predicate["decision"] == "not_found":
        searched = counted(len(predicate["searched"]), "data version", "data versions")
        return join(f"{searched} searched for {people} who asked to be erased. No record was found, and nothing was changed.")
    impact, promotion = predicate["impact"], predicate["promotion"]
    left = f"{counted(impact['records'], 'record', 'records')} of {counted(impact['people'], 'person', 'people')} left the data"
    if not _trained(predicate):
        return _summary_elsewhere(left, predicate)
    made = "was trained without them" if predicate["unlearning"]["guarantee"] == "exact" else "was changed to forget them"
    return join(
        f"{left}. ",
        el("strong", promotion["to"]),
        f" {made} and serves as {promotion['alias']} in place of {promotion['from']}.",
    )


def _summary_elsewhere(left: str, predicate: Mapping[str, Any]) -> Html:
    """Of an erasure that replaced no model of the issuer's own: because it did not have to, or because there is none."""
    if made := made_again(predicate):
        how = "was made again by its own stage" if len(made) == 1 else "were made again by their own stages"
        return join(f"{left}. ", el("strong", ", ".join(made)), f" {how} without them, in place of what they shaped.")
    if not predicate["impact"]["shardsTotal"]:  # the issuer trains no model: every one has a shard
        return join(f"{left}. No model was made again.")
    return join(f"{left}. The model that serves was not shaped by them and stays.")


def _trained(predicate: Mapping[str, Any]) -> bool:
    """Whether a training is stated, and not words for none having been needed."""
    return isinstance(predicate["unlearning"], Mapping)


def _state(predicate: Mapping[str, Any], checked: Verification) -> Html:
    if checked.verdict == "contradictory":
        wrong = [str(item) for item in checked.recomputed if not item.agrees]
        return notice("Contradictory", f"Do not rely on this record. {'; '.join(wrong)}.", "bad")
    if predicate["state"] == "not_found":
        return notice("Not found", "The search is described below, with its limits.", "plain")
    if predicate["state"] == "completed":
        return notice(
            "Completed",
            "The places named below were searched again after the deletion, and nothing was found.",
            "good",
        )
    found = predicate["verification"] if isinstance(predicate["verification"], list) else []
    unclear = sum(one["outcome"] in ("residual", "unverified") for one in found)
    listed = counted(len(predicate["residuals"]) + unclear, "place is", "places are")
    return notice(
        "Completed with residuals", f"Not everything within reach is shown to be clean: {listed} listed below.", "warn"
    )


def _signature(checked: Verification) -> Html:
    if checked.signature == "valid":
        return join("valid, by the key ", digest(checked.keyid or ""))
    return join("not checked when this page was made")


def _footer(predicate: Mapping[str, Any]) -> Html:
    chain, issuer = predicate["chain"], predicate["issuer"]
    return el(
        "footer",
        el("p", "This page is a reading copy. The signed file beside it is the certificate."),
        pairs(
            (
                ("Ledger position", number(chain["position"])),
                ("Previous hash", digest(chain["previous"])),
                ("Head", digest(chain["head"])),
                ("Made with", f"{issuer['tool']} {issuer['version']}"),
                ("Code", digest(issuer["codeDigest"])),
            )
        ),
    )


# --- what was done --------------------------------------------------------------------------------------------------


def _requests(requests: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        (
            code(one["reference"]),
            {"none": "none stated"}.get(one["regulation"], one["regulation"].upper()),
            moment(one["receivedAt"]),
            moment(one["dueAt"]),
            digest(one["token"]),
        )
        for one in requests
    ]
    note = "A token is a keyed hash; only the issuer can tell whose it is."
    decided = [line for one in requests for line in _decisions(one)]
    shown = table("Requests", ("Reference", "Law", "Received", "Due", "Token"), rows)
    return join(shown, *([bullets(decided)] if decided else []), el("p", note, kind="note"))


def _decisions(request: Mapping[str, Any]) -> Iterator[Html]:
    """Legal holds and the longer deadline; certificates of earlier versions state neither."""
    holds, extension = request.get("holds", "none"), request.get("extension", "none")
    for hold in [] if isinstance(holds, str) else holds:
        ended = f"released {hold['releasedAt']} ({hold['releasedBecause']})"
        what = "" if isinstance(kept := hold.get("dataSets", "all"), str) else f" for {', '.join(kept)}"
        yield join(code(request["reference"]), f": on legal hold{what} from {hold['heldAt']}, {hold['reason']}; {ended}")
    if not isinstance(extension, str):
        said_why = f": deadline extended to {extension['dueAt']} on {extension['extendedAt']}, {extension['reason']}"
        yield join(code(request["reference"]), said_why)


def _touched(impact: Mapping[str, Any]) -> Html:
    own = (
        (f"{len(impact['shards'])} of {impact['shardsTotal']}", "shards"),
        (number(impact["checkpointsStale"]), "stale checkpoints"),
    )
    figures = (
        (number(impact["records"]), "records"),
        *(own if impact["shardsTotal"] else ()),
        (number(impact["dataVersions"]), "data versions"),
        (number(len(impact["modelVersions"])), "model versions"),
        (said(impact["children"]), "derived models"),
    )
    listed = [el("li", el("b", value), el("span", name)) for value, name in figures]
    shaped = f"Model versions that these people shaped: {', '.join(impact['modelVersions']) or 'none'}."
    return join(el("ul", *listed, kind="figures"), el("p", shaped))


def _tables(tables: Iterable[Mapping[str, Any]]) -> Html:
    rows = [
        (
            code(data_name(table[when]["path"], table[when]["dvcObject"])),
            when,
            number(table[when]["rows"]),
            number(table[when]["people"]),
            digest(table[when]["digest"]),
            digest(table[when]["root"]),
        )
        for table in tables
        for when in ("before", "after")
    ]
    return table("Data before and after", ("Table", "When", "Rows", "People", "Content, SHA-256", "Root of the tokens"), rows)


def _method(predicate: Mapping[str, Any]) -> Html:
    done = predicate["unlearning"]
    dropped = ", ".join(str(shard) for shard in done["dropped"])
    return pairs(
        (
            ("Method", done["method"]),
            ("Guarantee", _guarantee(done["guarantee"])),
            ("Replay from scratch", _replayed(done["replay"])),
            ("Started from", done["baseCheckpoint"]),
            ("Constituents", number(len(done["constituents"])) + (f"; shards left empty: {dropped}" if dropped else "")),
            ("Recipe", digest(done["recipe"])),
            ("Seed", str(done["seed"])),
            ("Code", digest(done["codeDigest"])),
            ("Environment", digest(done["environmentDigest"])),
            ("Plan", digest(predicate["impact"]["planDigest"])),
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
    """The checks of the model first, then those of each table under its path."""
    groups: dict[str, list[Row]] = {"": []}
    for one in checks:
        path, _, name = one["name"].rpartition(": ")
        groups.setdefault(path, []).append((name.removeprefix("data.").replace("_", " "), *_measured(one)))
    columns = ("Check", "Value", "Threshold", "Verdict", "How it was measured")
    shown = [(path or "The model", rows) for path, rows in groups.items() if rows]
    tables = [el("h3", what) + table(f"Checks: {what}", columns, rows) for what, rows in shown]
    return join(*map(Html, tables)) if tables else note("No check was recorded.")


def _measured(check: Mapping[str, Any]) -> Row:
    by_yes_or_no = check["value"] == "not measured" and check["verdict"] == "passed"
    value = "as stated" if by_yes_or_no else measured(check["value"])
    return value, check["threshold"], word(check["verdict"], _VERDICTS), check["how"]


def _promotion(promotion: Mapping[str, Any]) -> Html:
    return pairs(
        (
            ("Alias", f"{promotion['alias']}: {promotion['from']} → {promotion['to']}"),
            ("Registry", promotion["registry"]),
            ("Model, SHA-256", digest(promotion["modelDigest"])),
            ("Read back as", digest(promotion["servedDigest"])),
        )
    )


def _actions(actions: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        (one["operation"], code(one["target"]), one["result"], digest(one["digestBefore"]), moment(one["finishedAt"]))
        for one in actions
    ]
    columns = ("What", "Target", "Result", "SHA-256 before", "Finished")
    return table("Actions", columns, rows) if rows else note("No action was recorded.")


# --- what is left ---------------------------------------------------------------------------------------------------


def _searched(findings: Any) -> Html:
    if not isinstance(findings, list):
        return note("The systems were not searched again yet. What may be left is listed below.")
    rows = [(one["place"], one["level"], word(one["outcome"], {}), number(one["count"]), one["how"]) for one in findings]
    times = sorted({one["at"] for one in findings})
    when = join("Searched on ", moment(times[0]), *(("; the last place on ", moment(times[-1])) if times[1:] else ()), ".")
    return join(table("Findings", ("Place", "Level", "Outcome", "Traces", "How"), rows), el("p", when, kind="note"))


def _residuals(residuals: Sequence[Mapping[str, Any]]) -> Html:
    rows = [(one["place"], word(one["outcome"], {}), number(one["count"]), one["why"], one["remedy"]) for one in residuals]
    if not rows:
        return note("Nothing was listed.")
    return table("Residuals", ("Place", "Outcome", "Traces", "Why", "What removes it"), rows)


def _out_of_reach(scope: Mapping[str, Any]) -> Html:
    rows = [(one["place"], one["level"], one["why"], one["remedy"]) for one in scope["outOfReach"]]
    return table("Out of reach", ("Place", "Level", "Why", "What to do"), rows)


def _scope(predicate: Mapping[str, Any]) -> Html:
    scope, lineage = predicate["scope"], predicate["scope"]["lineage"]
    facts = [
        ("Systems", ", ".join(scope["systems"])),
        ("Lineage", f"{number(lineage['indexed'])} data versions indexed, {_of_known(lineage)}"),
        ("Gaps", bullets(scope["gaps"]) if scope["gaps"] else "none known"),
        ("Kept out since", _suppressed(predicate["suppression"])),
    ]
    facts += [("Notified", join(one["name"], ", ", moment(one["notifiedAt"]))) for one in predicate.get("recipients", [])]
    facts += [("Backup", join(one["name"], ", expires ", moment(one["expiresAt"]))) for one in predicate.get("backups", [])]
    return pairs(facts)


def _of_known(lineage: Mapping[str, Any]) -> str:
    known = lineage["known"]
    return f"of {number(known)} that are known" if isinstance(known, int) else "how many there are is not recorded"


def _suppressed(suppression: Any) -> Content:
    return moment(suppression["since"]) if isinstance(suppression, Mapping) else str(suppression)


def _verify(checked: Verification) -> Html:
    command = "unlearn verify certificate.json --key issuer.pub"
    rows = [(item.name, word("agrees" if item.agrees else "contradicts", {}), item.how) for item in checked.recomputed]
    return join(
        el("p", "Get the issuer's public key through another channel than this page, then check the signed file:"),
        el("pre", el("code", command)),
        el(
            "p",
            "It is an in-toto statement in a DSSE envelope: other tools verify it too, and OpenSSL is enough.",
        ),
        pairs((("Grade of evidence", checked.grade), *(("Signed as", digest(name)) for name in checked.claimed_keyids))),
        el("h3", "Worked out again when this page was made"),
        table("Worked out again", ("Part", "Outcome", "What was seen"), rows),
        el("h3", "Not worked out again, and how to"),
        bullets(checked.not_recomputed),
    )
