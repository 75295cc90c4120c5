"""What is asked by key is what a fold of everything says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.stores.sql.histories import NAMES, NOON, histories, in_memory
from unlearning.domain import lifecycle
from unlearning.domain.errors import UnlearningError
from unlearning.stores.sql.ledger import SqlLedger

TOKENS, HIDDEN = ("a", "b", "nobody"), ("x", "y", "nobody")


@given(history=histories)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    assert standing.every() == everyone
    assert standing.open() == asking
    for now in (NOON, NOON + timedelta(seconds=0.5), NOON + timedelta(days=100)):
        assert standing.overdue(now) == lifecycle.overdue(state.requests, now)
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
