"""What one person is told about their request, in plain words: what is known of it → the words. Pure.

Nothing is said that no event shows. The person's data is told apart from that of others who were erased in the same go; where
the records do not tell them apart, the answer says that too. No identifier, no token and no other request is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from unlearning.domain.codec import BESIDE
from unlearning.domain.entities import Regulation
from unlearning.domain.lifecycle import ENDED, LEFT, UNVERIFIED
from unlearning.domain.traces import KEPT_BY_HOLD, OPEN, Residual


@dataclass(frozen=True, slots=True)
class Request:
    """The request itself, as it may be told."""

    request_id: str
    state: str
    """Of the ledger; the words are about the person alone, of whom less may be left than of all who were erased together."""
    regulation: Regulation
    received_at: datetime
    due_at: datetime | None
    reference: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A model version that learned from the person, and the one that serves in its place."""

    old: str
    """NAME/VERSION, as is `new`."""
    new: str
    at: datetime
    guarantee: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A legal hold on the person's data."""

    since: datetime
    reason: str
    until: datetime | None
    data: tuple[str, ...]
    """The data sets it is about; empty for everything."""
    in_force: bool


@dataclass(frozen=True, slots=True)
class Longer:
    """A longer deadline."""

    at: datetime
    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who had received the data and was told to erase it."""

    name: str
    at: datetime
    acknowledged_at: datetime | None = None
    """When they said that they did."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup, and when a copy of before the erasure is gone."""

    name: str
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Again:
    """The person agreed anew."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the records say of one person's request; None and empty always mean that nothing is recorded."""

    request: Request
    alone: bool = True
    """Nobody else was erased in the same go, so that whatever it touched was this person's."""
    assessed: bool = False
    """Somebody looked where the person's data is."""
    tables: tuple[str, ...] = ()
    """Data versions that held the person."""
    models: tuple[str, ...] = ()
    """Model versions that learned from the person."""
    perhaps: tuple[str, ...] = ()
    """Model versions that somebody of those erased together shaped, and nobody can say who."""
    suppressed_at: datetime | None = None
    redacted_at: datetime | None = None
    redacted: tuple[str, ...] = ()
    """Tables that the person's rows were taken out of."""
    replaced: tuple[Replaced, ...] = ()
    refused: bool = False
    """The last attempt was given up."""
    purged_at: datetime | None = None
    certified_at: datetime | None = None
    """When the search after the deletion was certified; of somebody who was not found, the search that found nothing."""
    residuals: tuple[Residual, ...] = ()
    """As that certificate lists them."""
    out_of_reach: tuple[Residual, ...] = ()
    backups: tuple[Copy, ...] = ()
    decided_at: datetime | None = None
    reason: str | None = None
    """Why the request was withdrawn, or why the law exempts the data."""
    holds: tuple[Kept, ...] = ()
    longer: Longer | None = None
    recipients: tuple[Told, ...] = ()
    to_tell: tuple[str, ...] = ()
    """Who may have received the data and was not told yet."""
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class Stays:
    """Something that stays, or of which nobody here can say that it went."""

    kind: Literal["hold", "exempt", "residual", "unverified", "backup", "out_of_reach", "recipient", "record"]
    what: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done, in the past tense."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class House:
    """Who answers."""

    name: str
    contact: str | None
    complaints: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one person; `erasure/templates/answer.html.jinja` is how it is laid out."""

    request: Request = field(metadata=BESIDE)
    house: House
    answered_at: datetime
    ended_at: datetime | None
    """None while the request is open."""
    title: str
    summary: tuple[str, ...]
    """Sentences."""
    deadline: tuple[str, ...]
    """Sentences about the date by which an answer was or is due."""
    tables: tuple[str, ...]
    models: tuple[str, ...]
    perhaps: tuple[str, ...]
    held: str
    """What the three lists are, in a sentence."""
    done: tuple[Done, ...]
    stays: tuple[Stays, ...]
    recipients: tuple[Told, ...]
    complaints: tuple[str, ...]


def answer(known: Known, house: House, *, now: datetime) -> Answer:
    """What the person is told at this moment."""
    ended = _ended_at(known)
    return Answer(
        request=known.request,
        house=house,
        answered_at=now,
        ended_at=ended,
        title=_title(known),
        summary=tuple(_summary(known)),
        deadline=tuple(_deadline(known, ended, now)),
        tables=known.tables,
        models=known.models,
        perhaps=known.perhaps,
        held=_held(known),
        done=tuple(sorted(_done(known), key=lambda one: one.at)),
        stays=tuple(_stays(known)),
        recipients=known.recipients,
        complaints=tuple(_complaints(known.request.regulation, house)),
    )


def day(at: datetime) -> str:
    """A day as people write it, in UTC."""
    return f"{at.day} {at:%B %Y}"


# --- in a few sentences ---------------------------------------------------------------------------------------------


def own_left(known: Known) -> tuple[Residual, ...]:
    """What is left that may be about this person: what a hold keeps is only about those whom it was put on."""
    theirs = any(one.data for one in known.holds)
    return tuple(one for one in known.residuals if one.outcome in OPEN and (theirs or not one.place.endswith(KEPT_BY_HOLD)))


def _title(known: Known) -> str:
    state = known.request.state
    if state in ("completed", "completed_with_residuals"):
        return "Your data was erased, with exceptions" if own_left(known) else "Your data was erased"
    return {
        "not_found": "We found no data about you",
        "exempt": "Your data was not erased",
        "cancelled": "Your request was withdrawn",
        "on_hold": "Your request is open: the law has us keep data for now",
        UNVERIFIED: "Your request is open: we have to make sure that it is yours",
    }.get(state, "Your request is open")


def _summary(known: Known) -> Iterator[str]:
    request = known.request
    came = f" by {request.channel}" if request.channel else ""
    yield f"On {day(request.received_at)} you asked us{came} to erase the data that we hold about you."
    if request.state in ENDED:
        yield from _ended(known)
    else:
        yield from _open(known)
    if known.again:
        yield (
            f"On {day(known.again.at)} you agreed anew ({known.again.reason}); since then your data may be used again. What "
            "was erased before stays erased."
        )


def _ended(known: Known) -> Iterator[str]:
    decided = f" on {day(known.decided_at)}" if known.decided_at else ""
    match known.request.state:
        case "not_found":
            yield from _not_found(known)
        case "exempt":
            yield f"We decided{decided} not to erase it, because the law lets us keep it: {known.reason or 'not recorded'}."
            yield "Nothing was erased, and your data may be used to train our models again."
        case "cancelled":
            why = f" ({known.reason})" if known.reason not in (None, "withdrawn") else ""
            yield f"The request was withdrawn{decided}{why}, before anything was erased."
            yield "Your data may be used to train our models again."
        case _:
            yield from _erased(known)


def _not_found(known: Known) -> Iterator[str]:
    yield "We looked for you under what you named yourself by, and found no record; nothing was changed."
    if known.certified_at:
        places = "; some places could not be read or searched whole, and are named below" if known.residuals else ""
        yield f"The search of every place within our reach ended on {day(known.certified_at)}{places}."
    yield "If we may know you by another name, number or address, tell us, and we will look again."


def _erased(known: Known) -> Iterator[str]:
    yield from _so_far(known)
    own = own_left(known)
    found = (
        f"in {len(own)} {'place' if len(own) == 1 else 'places'} something is left or could not be checked, as named below"
        if own
        else "nothing of you was found there"
    )
    searched = f" on {day(known.certified_at)}" if known.certified_at else ""
    yield f"Then we searched every place within our reach again{searched}: {found}. What is beyond our reach is named below."


def _open(known: Known) -> Iterator[str]:
    if known.request.state == UNVERIFIED:
        yield "We have not yet made sure that the request comes from you. Until then we change nothing."
        return
    if known.suppressed_at:
        yield f"Since {day(known.suppressed_at)} your data is left out of every new training of our models."
    yield from _so_far(known)
    if not known.purged_at:
        yield "Older copies of data and models are not deleted yet." if known.redacted_at else "Nothing has been erased yet."
    for hold in known.holds:
        if hold.in_force and not hold.data:
            yield f"Since {day(hold.since)} a legal hold is on it: {hold.reason}. Nothing more is deleted {_while(hold)}."
    if known.refused:
        yield "The last attempt could not be finished. Your request stays open."
    if known.request.state == "awaiting_approval":
        yield "The erasure is planned, and waits for somebody here to approve it."


def _so_far(known: Known) -> Iterator[str]:
    if known.redacted_at:
        what = "your records were taken out of our current data" if known.redacted else "our current data was checked for you"
        yield f"On {day(known.redacted_at)} {what}."
    if known.replaced:
        named = _listed([f"{one.new} in place of {one.old}" for one in known.replaced])
        yield f"Models that had learned from them were replaced: {named}."
    if known.purged_at:
        yield f"On {day(known.purged_at)} older copies of data and models were deleted as far as we can reach them."


def _while(hold: Kept) -> str:
    return f"before {day(hold.until)}" if hold.until else "until it ends"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


# --- dates ----------------------------------------------------------------------------------------------------------


def _ended_at(known: Known) -> datetime | None:
    if known.request.state not in ENDED:
        return None
    return known.decided_at if known.request.state in LEFT and known.decided_at else known.certified_at


def _deadline(known: Known, ended: datetime | None, now: datetime) -> Iterator[str]:
    due = known.request.due_at
    if due is None:
        return
    if known.longer:
        yield f"On {day(known.longer.at)} we took the longer time that the law allows: {known.longer.reason}."
    if known.request.state in ENDED:
        if ended and ended > due:
            yield f"An answer was due on {day(due)}; this came later."
        return
    yield f"An answer was due on {day(due)}, and we are late." if due < now else f"An answer is due on {day(due)}."


# --- what held them, what was done ----------------------------------------------------------------------------------


def _held(known: Known) -> str:
    if known.request.state == "not_found":
        return "Nothing that we know held data about you."
    if not known.assessed:
        return "It has not been looked up yet in which data and models you are."
    if not (known.tables or known.models or known.perhaps):
        return "No version of our data and no model that we know is recorded as yours."
    told = "These versions of our data held records of you, and these versions of our models learned from them."
    others = (
        " Of the last ones the records do not say whether they learned from you or from others whose requests came with yours."
    )
    return told + (others if known.perhaps else "")


def _done(known: Known) -> Iterator[Done]:
    yield Done(known.request.received_at, "Your request reached us")
    if known.suppressed_at:
        yield Done(known.suppressed_at, "From then on your data was left out of every training")
    if known.redacted_at:
        where = f": {', '.join(known.redacted)}" if known.redacted else ""
        yield Done(
            known.redacted_at, f"Your records were taken out of our current tables{where}" if where else "Data was checked"
        )
    for one in known.replaced:
        yield Done(one.at, f"Model {one.new} took the place of {one.old}; {_guarantee(one.guarantee)}")
    for hold in known.holds:
        about = f" on {', '.join(hold.data)}" if hold.data else ""
        yield Done(hold.since, f"A legal hold was put{about}: {hold.reason}")
    if known.longer:
        yield Done(known.longer.at, f"The deadline was extended to {day(known.longer.due_at)}: {known.longer.reason}")
    if known.purged_at:
        yield Done(known.purged_at, "Older copies of data and models were deleted, as far as within our reach")
    if known.certified_at:
        yield Done(known.certified_at, "Every place within our reach was searched, and the result was signed")
    if known.decided_at:
        said = {"exempt": "We decided that the law exempts the data", "cancelled": "The request was withdrawn"}
        yield Done(known.decided_at, said.get(known.request.state, "No record of you was found"))
    for recipient in known.recipients:
        yield Done(recipient.at, f"{recipient.name} was told to erase what they had received")
        if recipient.acknowledged_at:
            yield Done(recipient.acknowledged_at, f"{recipient.name} said that they hold nothing of it any more")
    if known.again:
        yield Done(known.again.at, "You agreed anew that your data may be used")


def _guarantee(said: str) -> str:
    if said == "exact":
        return "it was trained as if your records had never been there"
    if said.startswith("certified"):
        return "it was changed by a method that bounds what can be left of your records"
    if said == "empirical":
        return "it was changed to forget your records and passed tests of that, which is no proof"
    return f"how: {said}"


# --- what stays -----------------------------------------------------------------------------------------------------

_LEVELS = {"logical": "records or texts", "physical": "stored copies", "model": "a model"}


def _stays(known: Known) -> Iterator[Stays]:
    state = known.request.state
    if state == "exempt":
        yield Stays("exempt", "The data about you", known.reason or "not recorded")
    for hold in known.holds:
        if hold.in_force:
            yield Stays("hold", ", ".join(hold.data) or "Everything that is not deleted yet", hold.reason, hold.until)
    whose = "" if known.alone or state == "not_found" else ", of you or of somebody whose request came with yours"
    for one in own_left(known):
        kind: Literal["residual", "unverified"] = "residual" if one.outcome == "residual" else "unverified"
        seen = "was found there and is left" if kind == "residual" else "may be there; it could not be checked"
        what = _LEVELS[one.level]
        yield Stays(kind, one.place, f"{what[0].upper()}{what[1:]}{whose} {seen}: {one.why}")
    if state not in ("exempt", "cancelled", UNVERIFIED):
        for copy in known.backups:
            gone = "it is overwritten later" if copy.gone_at else "it is kept for good"
            yield Stays("backup", copy.name, f"A backup of before the erasure may hold you; {gone}", copy.gone_at)
        for one in known.out_of_reach:
            yield Stays("out_of_reach", one.place, f"Nobody could look there: {one.why}")
    for told in known.recipients:
        if told.acknowledged_at is None:
            yield Stays("recipient", told.name, "They were told to erase what they had received, and have not answered yet")
    for name in known.to_tell:
        yield Stays("recipient", name, "They may have received your data from us, and are still to be told to erase it")
    kept_out = known.suppressed_at is not None and state not in ("exempt", "cancelled") and known.again is None
    uses = ", and to keep your data out of what we load and train from now on" if kept_out else ""
    yield Stays(
        "record",
        "The record of this request",
        f"Kept to show what was done{uses}. It knows you by a code that was made from your identifier with a secret key, and "
        "holds no name",
    )


def _complaints(regulation: Regulation, house: House) -> Iterator[str]:
    if house.contact:
        yield f"If you have questions or disagree, reach us here: {house.contact}."
    if house.complaints:
        yield house.complaints
    elif regulation == "gdpr":
        yield (
            "You can lodge a complaint with a data protection supervisory authority, in particular where you live, where you "
            "work, or where you think that the law was broken (GDPR, Article 77), and go to court (Article 79)."
        )
    elif regulation == "ccpa":
        yield "You can complain to the California Privacy Protection Agency or to the Attorney General of California."
