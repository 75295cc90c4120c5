"""What is asked by key is what a fold of everything says."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.examples import example
from tests.properties import drawn
from tests.stores.sql.histories import NAMES, NOON, histories, in_memory, usual
from unlearning.domain import lifecycle
from unlearning.domain.errors import UnlearningError
from unlearning.domain.events import CertificateIssued, ModelTrained, RequestHeld, RequestReceived, SubjectSuppressed
from unlearning.erasure import pace
from unlearning.stores.sql import projection, schema
from unlearning.stores.sql.ledger import SqlLedger

TOKENS, HIDDEN = ("a", "b", "nobody"), ("x", "y", "nobody")


@drawn(few=20, many=300, history=histories)
def test_every_answer_is_what_a_fold_of_everything_says(history: list[Any]) -> None:
    engine = in_memory()
    ledger = SqlLedger(engine)
    for subject, fact in history:
        try:
            ledger.append(subject, fact, at=NOON)
        except UnlearningError:
            continue
    state, standing = ledger.state(), ledger.standing
    check_requests(state, standing)
    check_people(state, standing, ledger.head()[0])
    engine.dispose()


def check_requests(state: lifecycle.State, standing: Any) -> None:
    everyone, asking = list(state.requests.values()), lifecycle.open_requests(state.requests)
    assert standing.requests([*NAMES, "nothing", "\0", "\ud800"]) == state.requests
    assert all(standing.requests([name]) == {name: one} for name, one in state.requests.items())
    assert standing.open() == asking
    check_pages(everyone, standing)
    for now in (NOON, NOON + timedelta(seconds=0.5), NOON + timedelta(days=100)):
        assert standing.overdue(now) == lifecycle.overdue(state.requests, now)
        late = [one for one in asking if one.due_at and math.floor(one.due_at.timestamp()) < now.timestamp()]
        assert standing.count_due(now) == len(late)
        assert standing.count_due(now, unredacted=True) == sum(not state.groups[one.group].redacted for one in late)
    gathers = [state.groups[one.group].request for one in asking if pace.gathers(one)]
    receipts, due = [one.received_at for one in gathers], [one.due_at for one in gathers if one.due_at]
    assert standing.gathering() == (len(gathers), min(receipts, default=None), min(due, default=None))
    assert standing.of_people(["a"]) == [one for one in everyone if one.token == "a"]
    for erasure in ("e0", "e1"):
        assert standing.of_erasure(erasure) == [one for one in everyone if one.erasure_id == erasure]
    assert standing.in_states(lifecycle.ERASED) == [one for one in everyone if one.state in lifecycle.ERASED]
    assert standing.groups(NAMES) == state.groups
    firsts = [group.request for group in state.groups.values()]
    assert standing.unfinished() == named(one for one in firsts if one.state not in lifecycle.ENDED)
    waiting = [one for one in everyone if one.state == "purging" or (one.state == "not_found" and one.certificate is None)]
    assert set(standing.unanswered()) == set(named(waiting))
    assert standing.finished() == named(one for one in firsts if one.state in lifecycle.ERASED)


def named(requests: Any) -> list[str]:
    return list(dict.fromkeys(one.erasure_id for one in requests if one.erasure_id))


def check_pages(everyone: list[Any], standing: Any) -> None:
    def urgency(at: int) -> tuple[Any, ...]:
        one = everyone[at]
        return one.state in lifecycle.ENDED, one.due_at is None, one.due_at, at

    for state in (None, "duplicate", "on_hold", *sorted(lifecycle.ACTIVE | lifecycle.ENDED)):
        wanted = [at for at, one in enumerate(everyone) if state in (None, one.state)]
        listed = [everyone[at] for at in sorted(wanted, key=urgency)]
        assert standing.page(state=state, most=100) == (len(listed), listed)
        assert standing.page(state=state, first=1, most=1) == (len(listed), listed[1:2])
    assert standing.counts_shown() == Counter(one.state for one in everyone)


def check_people(state: lifecycle.State, standing: Any, position: int) -> None:
    everyone, groups = list(state.requests.values()), list(state.groups.values())
    assert (standing.held().holds, standing.held().kept) == (state.holds, state.kept)
    assert standing.readmitted().readmitted == state.readmitted
    for token in TOKENS:
        for hidden in HIDDEN:
            theirs = [one for one in groups if one.request.token == token or one.hidden == hidden]
            assert standing.person(token, hidden) == theirs
    assert standing.asked(TOKENS) == {one.token for one in everyone}
    assert standing.open_groups(TOKENS) == {one.token: one.group for one in lifecycle.open_requests(state.requests)}
    assert standing.erased() == (state.erased, state.erased_index_tokens)
    assert standing.any_erased() == bool(state.erased)
    assert standing.erased_among(HIDDEN, TOKENS) == standing.erased()
    by_hidden = [one for one in groups if one.stays_away and one.hidden == "x"]
    assert standing.erased_among(["x"], []) == ({one.hidden for one in by_hidden}, {one.request.token for one in by_hidden})
    done = frozenset(one.token for one in everyone if one.state in lifecycle.ERASED)
    assert standing.reached_purge() == standing.reached_purge(TOKENS) == done
    assert standing.reached_purge(["a"]) == done & {"a"}
    open_ones = {one.token for one in everyone if one.state not in lifecycle.ENDED}
    assert standing.purged() == {one.token for one in everyone if one.state.startswith("completed")} - open_ones
    assert list(standing.suppressed()) == sorted(state.suppressed())
    for upto in (None, *range(position + 1)):
        both = state.suppressed(upto), state.suppressed_index_tokens(upto)
        assert standing.suppressed_among(HIDDEN, TOKENS, upto=upto) == both
        assert standing.suppressed_among((), TOKENS, upto=upto)[1] == both[1]
    assert standing.people(["a"]).suppressed_index_tokens() == state.suppressed_index_tokens() & {"a"}


ASKED = {
    "a request": lambda ledger: ledger.standing.requests(["r0", "r1"]),
    "decisions": lambda ledger: ledger.standing.groups(["r0"]),
    "a person's requests": lambda ledger: ledger.standing.of_people(["a"]),
    "receipts of people": lambda ledger: ledger.received(["a"]),
    "an erasure's requests": lambda ledger: ledger.standing.of_erasure("e0"),
    "open groups of people": lambda ledger: ledger.standing.open_groups(["a"]),
    "a person by either token": lambda ledger: ledger.standing.person("a", "x"),
    "who asked": lambda ledger: ledger.standing.asked(["a"]),
    "erased people of a table": lambda ledger: ledger.standing.erased_among([], []),
    "suppressed people of a table": lambda ledger: ledger.standing.suppressed_among([], [], upto=7),
    "anybody erased": lambda ledger: ledger.standing.any_erased(),
    "whose purge began": lambda ledger: ledger.standing.reached_purge(["a"]),
    "overdue": lambda ledger: ledger.standing.overdue(NOON),
    "unfinished erasures": lambda ledger: ledger.standing.unfinished(),
    "unanswered erasures": lambda ledger: ledger.standing.unanswered(),
    "holds": lambda ledger: ledger.standing.held(),
    "readmissions": lambda ledger: ledger.standing.readmitted(),
    "what happened to one": lambda ledger: ledger.events(subject="e0", after=3),
    "what happened to several": lambda ledger: ledger.of(CertificateIssued, subjects=["e0", "e1"]),
    "the newest of a kind": lambda ledger: ledger.of(CertificateIssued, last=3),
    "how many of a kind": lambda ledger: ledger.count(ModelTrained),
    "a new request": lambda ledger: ledger.append_all(
        [("r9", example(RequestReceived, token="c", group="r9")), ("r9", example(SubjectSuppressed))], at=NOON
    ),
    "a decision": lambda ledger: ledger.append("r0", example(RequestHeld, data=()), at=NOON),
    "a step": lambda ledger: ledger.append("e0", example(CertificateIssued, residuals=0), at=NOON),
}
STEPS = {"a decision": 3, "a step": len(usual) - 1}
"""What can only happen at an earlier moment of the usual history: after how many of its events."""


@pytest.mark.parametrize("what", ASKED)
def test_no_question_by_key_reads_all_rows_of_a_table(what: str) -> None:
    engine = in_memory()
    ledger = SqlLedger(engine)
    for subject, fact in usual[: STEPS.get(what)]:
        ledger.append(subject, fact, at=NOON)
    with planned(engine) as plans:
        ASKED[what](ledger)
    whole = [plan for plan in plans if re.match(r"SCAN ledger_(event|request|group|erasure)\b", plan) and not few(plan)]
    by_state = [plan for plan in plans if re.search(r"ledger_group_(state|due|suppressed)\b", plan)]
    assert plans
    assert whole == []
    assert len(by_state) <= FIRST_A_LIST.get(what, 0) or what not in OF_PEOPLE
    engine.dispose()


OF_PEOPLE = [name for name in ASKED if "people" in name or name.startswith(("who", "a person"))]
"""Answered by the person: in one state there may be a million."""
FIRST_A_LIST = {"erased people of a table": 1, "suppressed people of a table": 2}
"""Where a short list is read instead: one index for each alternative of the condition, and no more rows than were asked for."""


def few(plan: str) -> bool:
    """An index of nothing but holds or readmissions."""
    return plan.endswith(("INDEX ledger_group_hold", "INDEX ledger_group_readmitted"))


@contextmanager
def planned(engine: sa.Engine) -> Iterator[list[str]]:
    """How SQLite goes about every query, in its words."""
    plans: list[str] = []
    head = sa.select(schema.events.c.seq, schema.events.c.hash).order_by(schema.events.c.seq.desc()).limit(1)
    from_the_end = {str(one.compile(engine)) for one in (head, projection._AT_THE_END)}  # one row, by its index

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and statement not in from_the_end:
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    sa.event.listen(engine, "before_cursor_execute", explain)
    yield plans
    sa.event.remove(engine, "before_cursor_execute", explain)


def test_nobody_but_an_audit_folds_everything() -> None:
    source = Path(__file__).parents[3] / "unlearning"
    files = [file for file in source.rglob("*.py") if "ledger.state()" in file.read_text("utf-8")]
    assert files == []
