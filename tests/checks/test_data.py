import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from tests import properties
from unlearning.checks import data, data_profile
from unlearning.checks.canary_search import persons
from unlearning.domain import hashing
from unlearning.domain.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_.*' is deprecated:DeprecationWarning")

KEY, OTHER_KEY = b"i" * 32, b"s" * 32
GONE = "canary-7f3a-gone"
FEATURES = ["age", "sex", "ward"]


@pytest.fixture(scope="module", autouse=True)
def imported():
    data.warm()


def by(key, kind="text"):
    return lambda people: [hashing.token(key, person, kind) for person in people]


def absent(*people, key=KEY, kind="text", canary=None):
    token = by(key, kind)
    return data.Absent(frozenset(token(people)), token, token([canary])[0] if canary else None)


def old_table():
    """Twenty people with four records each; the third withdraws."""
    people = [GONE if number == 2 else f"canary-7f3a-{number:02d}" for number in range(20)]
    rows = np.arange(80)
    return pd.DataFrame(
        {
            "patient": np.repeat(people, 4),
            "age": rows * 7 % 40 + 30.1237,
            "sex": np.where(rows % 2, "f", "m"),
            "ward": rows % 4 + 1,
            "note": "unremarkable",
            "healthy": rows % 2,
        }
    )


def question(table=None, **given):
    old = old_table()
    new = old[old["patient"] != GONE].reset_index(drop=True) if table is None else table
    before = data.profile(old, features=FEATURES, target="healthy", categories=["ward"])
    base = data.DataQuestion(
        table=new,
        person="patient",
        features=FEATURES,
        target="healthy",
        labels=["0", "1"],
        categories=["ward"],
        redacted=absent(GONE, canary="canary-7f3a-00"),
        suppressed=absent("canary-7f3a-long-gone", key=OTHER_KEY, canary="canary-7f3a-00"),
        before=before,
        removed=4,
    )
    return replace(base, **given)


def changed(**columns):
    """The redacted table with some columns replaced."""
    table = question().table
    return question(table.assign(**{name: change(table) for name, change in columns.items()}))


def judged(asked, folder):
    report = data.check_data(asked, folder=folder)
    failed = {result.name.removeprefix("data."): result for result in report.results if not result.passed}
    assert report.passed is not bool(failed)
    return report, failed


def test_a_redacted_table_passes_every_check(tmp_path):
    report, failed = judged(question(), tmp_path)
    assert failed == {}
    assert [result.name for result in report.results] == [
        "data.people_present",
        "data.redacted_absent",
        "data.suppressed_absent",
        "data.columns",
        "data.labels",
        "data.types",
        "data.missing",
        "data.rows",
        "data.drift",
    ]


def test_without_an_old_version_the_declared_columns_are_what_counts(tmp_path):
    asked = question(before=None, suppressed=None)
    assert judged(asked, tmp_path)[1] == {}
    assert set(judged(replace(asked, features=[*FEATURES, "height"]), tmp_path)[1]) == {"columns"}


# --- the people ---


def test_a_redacted_person_who_is_still_here_is_found(tmp_path):
    _, failed = judged(question(old_table(), removed=0), tmp_path)
    assert set(failed) == {"redacted_absent"}
    assert failed["redacted_absent"].value == 1


def test_a_suppressed_person_who_came_back_is_found_by_the_other_key(tmp_path):
    suppressed = absent("canary-7f3a-05", key=OTHER_KEY, canary="canary-7f3a-00")
    assert set(judged(question(suppressed=suppressed), tmp_path)[1]) == {"suppressed_absent"}


@pytest.mark.parametrize("cells", [[4711, 12] * 38, [4711.0, 12.0] * 38, ["4711", " 12 "] * 38])
def test_numbers_in_the_column_and_text_on_the_list_are_the_same_person(tmp_path, cells):
    table = question().table.assign(patient=cells)
    found = question(table, redacted=absent("4711", kind="integer", canary="12"), suppressed=None)
    assert set(judged(found, tmp_path)[1]) == {"redacted_absent"}


def test_whole_numbers_that_pandas_made_floats_are_still_the_person(tmp_path):
    table = question().table.assign(patient=[4711.0, np.nan] * 38)
    _, failed = judged(question(table, redacted=absent("4711"), suppressed=None), tmp_path)
    assert set(failed) == {"redacted_absent", "people_present"}


def test_a_list_under_another_key_is_not_taken_for_absence(tmp_path):
    wrong_key = replace(absent(GONE, canary="canary-7f3a-00"), tokenise=by(OTHER_KEY))
    _, failed = judged(question(old_table(), removed=0, redacted=wrong_key), tmp_path)
    assert failed["redacted_absent"].value == 0
    assert "the search is blind" in failed["redacted_absent"].details["unmet"]


def test_without_a_canary_on_the_list_somebody_from_the_table_is_looked_for(tmp_path):
    report, failed = judged(question(redacted=absent(GONE)), tmp_path)
    assert failed == {}
    assert report.results[1].details["canary"] == "from the table"


def test_a_table_of_the_redacted_alone_has_no_canary(tmp_path):
    old = old_table()
    only = question(old[old["patient"] == GONE], redacted=absent(GONE), suppressed=None, before=None)
    assert set(judged(only, tmp_path)[1]) == {"redacted_absent"}


def test_a_canary_cannot_be_on_its_own_list():
    with pytest.raises(ValueError, match="cannot be on the list"):
        absent(GONE, canary=GONE)


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_a_row_without_a_person_fails(tmp_path, nobody):
    asked = changed(patient=lambda table: [nobody, *table["patient"][1:]])
    _, failed = judged(asked, tmp_path)
    assert set(failed) == {"people_present"}
    assert failed["people_present"].value == 1


def test_a_table_without_the_person_column_is_refused(tmp_path):
    with pytest.raises(DataError, match="no person column 'patient'"):
        data.check_data(question(question().table.drop(columns="patient")), folder=tmp_path)


# --- the rest of the table ---


def test_new_and_missing_columns_fail(tmp_path):
    _, failed = judged(question(question().table.rename(columns={"note": "remark"})), tmp_path)
    assert set(failed) == {"columns", "types"}
    assert failed["columns"].details["unmet"] == "note, 1 new columns"


def test_a_feature_that_is_gone_fails_whatever_is_asked_about_it(tmp_path):
    _, failed = judged(question(question().table.drop(columns="age")), tmp_path)
    assert set(failed) == {"columns", "types", "missing", "drift"}


def test_numbers_that_became_text_fail(tmp_path):
    _, failed = judged(changed(age=lambda table: table["age"].astype(str)), tmp_path)
    assert set(failed) == {"types", "drift"}
    assert failed["types"].details["unmet"] == "age"


def test_an_integer_column_that_lost_its_gap_has_kept_its_type(tmp_path):
    old = old_table().assign(beds=[np.nan if person == GONE else 3 for person in old_table()["patient"]])
    new = old[old["patient"] != GONE].assign(beds=3)
    before = data.profile(old, features=FEATURES, target="healthy", categories=["ward"])
    assert judged(question(new, before=before), tmp_path)[1] == {}


@pytest.mark.parametrize(("label", "says"), [(2, "1 with an undeclared label"), (None, "1 without a label")])
def test_a_label_outside_the_declared_set_fails(tmp_path, label, says):
    _, failed = judged(changed(healthy=lambda table: [label, *table["healthy"][1:]]), tmp_path)
    assert set(failed) == {"labels"}
    assert failed["labels"].details["unmet"] == says


def test_more_missing_values_than_the_margin_fail(tmp_path):
    few, many = (changed(age=lambda table, n=n: table["age"].mask(table.index < n)) for n in (3, 4))  # of 76; 5 % are 3.8
    assert judged(few, tmp_path)[1].keys() == set()
    _, failed = judged(many, tmp_path)
    assert set(failed) == {"missing"}
    assert failed["missing"].details["unmet"] == "age"


def test_a_row_too_few_or_too_many_fails(tmp_path):
    table = question().table
    for rows in (table[:-1], pd.concat([table, table[:1]])):
        assert set(judged(question(rows), tmp_path)[1]) == {"rows"}


def test_a_shifted_number_and_a_shifted_category_fail(tmp_path):
    _, older = judged(changed(age=lambda table: table["age"] + 5), tmp_path)
    _, moved = judged(changed(ward=lambda table: table["ward"].clip(upper=2)), tmp_path)
    assert older["drift"].details == {"column": "age", "unmet": "age"}
    assert moved["drift"].details == {"column": "ward", "unmet": "ward"}
    assert set(older) == set(moved) == {"drift"}


def test_the_bound_of_the_drift_is_a_parameter(tmp_path):
    assert judged(replace(changed(age=lambda table: table["age"] + 5), drift_maximum=0.6), tmp_path)[1] == {}


# --- what is left behind ---


def written(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def secrets_of(asked):
    """Everything that must not be found: people, tokens, cells, and old means, which tell an erased value by subtraction."""
    people = {*asked.table["patient"].dropna(), GONE}
    tokens = {token for key in (KEY, OTHER_KEY) for token in by(key)(sorted(people))}
    means = {f"{entry['mean']:.2f}" for entry in asked.before["features"].values() if "mean" in entry}
    return {text.encode() for text in people | tokens | means | {"canary-label", "canary-note"}}


def test_no_identity_and_nothing_to_compute_one_from_is_written(tmp_path):
    leaky = changed(
        patient=lambda table: [GONE, *table["patient"][1:-1], None],
        healthy=lambda table: ["canary-label", *map(str, table["healthy"][1:])],
        note=lambda table: ["canary-note"] * len(table),
        age=lambda table: [*table["patient"][:40], *table["age"][40:]],
        sex=lambda table: table["patient"],
    )
    report, failed = judged(replace(leaky, suppressed=absent("canary-7f3a-05", key=OTHER_KEY)), tmp_path)
    assert {"people_present", "redacted_absent", "suppressed_absent", "labels", "types", "drift"} <= set(failed)
    files = [*written(tmp_path), report.json.encode()]
    assert len(files) > 5
    assert not [secret for secret in secrets_of(leaky) for content in files if secret in content]


def test_the_pages_say_what_was_expected(tmp_path):
    report, _ = judged(question(), tmp_path)
    assert report.docs == tmp_path / "data_docs" / "index.html"
    pages = b"".join(path.read_bytes() for path in report.docs.parent.glob("validations/**/*.html"))
    for words in (b"no redacted person is here", b"finds somebody who is here", b"age is distributed as before"):
        assert words in pages
    assert pages.count(b"fa-check-circle text-success") >= 20
    assert b"fa-times text-danger" not in pages


def test_pages_of_a_run_before_are_replaced(tmp_path):
    for _ in range(2):
        report, _ = judged(question(), tmp_path)
    assert len(list(report.docs.parent.glob("validations/**/*.html"))) == 1


def test_the_same_question_gives_the_same_json(tmp_path):
    first, second = (judged(question(), tmp_path / name)[0].json for name in "ab")
    assert first == second
    assert json.loads(first)["passed"] is True


def test_handles_live_as_long_as_the_run(tmp_path):
    judged(question(), tmp_path)
    assert data._SECRETS == {}


def test_nothing_is_printed_or_logged_while_a_check_runs(tmp_path, capfd, caplog):
    log = logging.getLogger("great_expectations.validator")

    with caplog.at_level(logging.DEBUG, logger="great_expectations"):
        judged(question(question().table.drop(columns="age")), tmp_path)
        assert not [record for record in caplog.records if record.name.startswith("great_expectations")]
        log.error("afterwards it may speak again")
    assert [record.getMessage() for record in caplog.records if record.name == log.name] == ["afterwards it may speak again"]
    assert capfd.readouterr() == ("", "")


def test_two_runs_at_once_do_not_mix(tmp_path):
    questions = [question(), question(old_table(), removed=0)] * 2
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: judged(pair[1], tmp_path / str(pair[0]))[1], enumerate(questions)))
    assert [set(failed) for failed in answers] == [set(), {"redacted_absent"}] * 2


def test_the_table_that_was_given_is_not_changed(tmp_path):
    asked = question()
    judged(asked, tmp_path)
    pd.testing.assert_frame_equal(asked.table, question().table)


def _by_great_expectations(one):
    """The same as Great Expectations' own expectation, which reads the rows; None for what it has none for."""
    if one.type == "ExpectRowsToEqual":
        return replace(one, type="ExpectTableRowCountToEqual")
    if one.type != "ExpectColumnMissingAtMost":
        return None
    arguments = {"column": one.arguments["column"], "min_value": max(0.0, 1 - one.arguments["maximum"])}
    return replace(one, type="ExpectColumnProportionOfNonNullValuesToBeBetween", arguments=arguments)


@properties.drawn(few=6, many=60, drawn=st.data())
def test_what_is_measured_beforehand_gives_the_verdicts_of_the_whole_table(tmp_path_factory, drawn):
    """Great Expectations' own expectations answer on the table itself as on what they are shown, ours as its columns are."""
    table = question().table
    rows = drawn.draw(st.lists(st.integers(0, len(table) - 1), min_size=1, max_size=60, unique=True))
    table = table.iloc[rows].reset_index(drop=True)
    for name in drawn.draw(st.lists(st.sampled_from([*FEATURES, "healthy", "note"]), max_size=3, unique=True)):
        change = drawn.draw(st.sampled_from(["gone", "holes", "text", "far", "empty"]))
        if change == "gone":
            table = table.drop(columns=name)
        elif change == "holes":
            table[name] = table[name].astype(object).where(table.index % 3 > 0)
        else:
            table[name] = {"text": table[name].astype(str), "far": 1e6, "empty": None}[change]
    ask = replace(question(table), removed=drawn.draw(st.integers(0, 80)))
    people = persons(table, "patient")
    columns = data.measured(ask)
    suite = [(one.type, one) for check in data.asked(ask, people, columns) for one in check.expected]
    numbers = pd.array(people.codes, dtype="Int64")
    folder = tmp_path_factory.mktemp("docs")

    def met(frame, name, *, more=()):
        with data._silent(), data._of(columns, len(table)), data._handles([*(one for _, one in suite), *more]) as handles:
            return data._run(frame, handles, docs=folder / name, name=name)[0]

    theirs = {at: other for at, (_, one) in enumerate(suite) if (other := _by_great_expectations(one))}
    whole = met(table.assign(patient=numbers), "whole", more=theirs.values())
    shown = met(data._seen(ask, people), "shown")
    assert shown == {at for at in whole if at < len(suite)}
    places = dict(zip(theirs, range(len(suite), len(suite) + len(theirs)), strict=True))
    assert all((at in shown) == (place in whole) for at, place in places.items())
    for at, (kind, one) in enumerate(suite):
        if kind == "ExpectColumnKind":
            name = one.arguments["column"]
            assert (at in shown) == (name in table and data_profile.kind(table[name]) in (one.arguments["kind"], "empty"))
        elif kind == "ExpectColumnDriftAtMost":
            name = one.arguments["column"]
            old = ask.before["features"][name]
            now = data_profile.facts(table[name], "code" if "shares" in old else "value") if name in table else None
            far = now is None or data_profile.drift(now, old) > one.arguments["maximum"]
            assert (at in shown) == (not far)


@properties.drawn(few=4, many=40, drawn=st.data())
def test_a_plain_question_beside_another_is_answered_as_it_is_alone(tmp_path_factory, drawn):
    """And the other one as if it were alone; what both ask, Great Expectations is asked once."""
    table = question().table.iloc[: drawn.draw(st.integers(1, 60))].reset_index(drop=True)
    for spoilt in drawn.draw(st.lists(st.sampled_from(["label", "together", "nobody", "gone"]), max_size=2, unique=True)):
        if spoilt == "label" and "healthy" in table:
            table["healthy"] = table["healthy"].astype(object).where(table.index % 3 > 0, 7)
        elif spoilt == "gone":
            table = table.drop(columns="healthy")
        elif spoilt in ("together", "nobody"):
            table.loc[0, "patient"] = "one;other" if spoilt == "together" else " "
    here = str(table["patient"].iloc[-1])
    rich = question(table, suppressed=absent(here if drawn.draw(st.booleans()) else "nobody-here", key=OTHER_KEY))
    plain = replace(rich, before=None, removed=0, redacted=replace(rich.redacted, tokens=frozenset(), canary=None))
    folder = tmp_path_factory.mktemp("docs")
    both = data.check_data(rich, folder=folder / "both", also=plain)
    assert both.also == data.check_data(plain, folder=folder / "plain").results
    assert both.results == data.check_data(rich, folder=folder / "rich").results

    def said(which):
        return sum(page.read_text().count("every row belongs to a person") for page in (folder / which).rglob("*.html"))

    assert said("both") == said("rich") > 0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("values", "passed"),
    [
        (lambda n: np.linspace(-1, 1, n), True),
        (lambda n: np.arange(n), True),
        (lambda n: np.where(np.arange(n) == 3, np.nan, 1.0), False),
        (lambda n: np.where(np.arange(n) == 3, np.inf, 1.0), False),
        (lambda n: [str(number) for number in range(n)], False),
    ],
    ids=["numbers", "whole numbers", "a gap", "an infinite one", "text"],
)
def test_the_target_of_a_regression_is_a_finite_number_in_every_row(tmp_path, values, passed, before):
    asked = question(labels=())
    table = asked.table.assign(healthy=values(len(asked.table)))
    profile = data.profile(table, features=[*FEATURES, "healthy"], target=None, categories=["ward"]) if before else None
    report = data.check_data(replace(asked, table=table, before=profile, removed=0), folder=tmp_path)
    verdicts = {one.name: one.verdict for one in report.results}
    assert verdicts["data.target"] == ("passed" if passed else "failed")
    assert "data.labels" not in verdicts
