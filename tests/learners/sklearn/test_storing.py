"""A fitted estimator as bytes."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from unlearning.domain.errors import Damaged
from unlearning.learners.sklearn import storing

TABLE, TARGET = np.arange(12.0).reshape(6, 2), np.array(["a", "b"] * 3)


def test_two_fits_side_by_side_are_the_same_bytes_though_they_lie_elsewhere() -> None:
    made = [DecisionTreeClassifier(random_state=0).fit(TABLE, TARGET) for _ in range(2)]
    assert skops.io.dumps(made[0]) != skops.io.dumps(made[1])
    assert storing.pack(made[0]) == storing.pack(made[1])


def test_what_comes_back_answers_alike_and_is_stored_alike() -> None:
    made = DecisionTreeClassifier(random_state=0).fit(TABLE, TARGET)
    back = storing.unpack(storing.pack(made))
    assert back.predict(TABLE).tolist() == made.predict(TABLE).tolist()
    assert storing.pack(back) == storing.pack(made)


def test_no_date_is_in_the_file() -> None:
    with zipfile.ZipFile(io.BytesIO(storing.pack(LogisticRegression().fit(TABLE, TARGET)))) as file:
        assert {one.date_time for one in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_only_classes_of_scikit_learn_are_trusted_besides_what_skops_trusts() -> None:
    made = DecisionTreeClassifier(random_state=0).fit(TABLE, TARGET)
    assert storing.trusted_types(storing.pack(made)) == ["sklearn.tree._tree.Tree"]
    forged = skops.io.dumps({"payload": storing.pack})
    with pytest.raises(Damaged, match=r"names the types unlearning\.learners\.sklearn\.storing\.pack"):
        storing.unpack(forged)


@pytest.mark.parametrize("payload", [b"", b"no zip", skops.io.dumps([1])[:40]], ids=["nothing", "no zip", "half a zip"])
def test_bytes_that_are_no_estimator_are_damaged(payload: bytes) -> None:
    with pytest.raises(Damaged, match="cannot be read"):
        storing.unpack(payload)


def test_the_first_difference_is_named_by_its_attribute() -> None:
    one, other = (LogisticRegression(C=number).fit(TABLE, TARGET) for number in (1, 1))
    other.coef_ = other.coef_ + 1
    assert storing.difference(storing.pack(one), storing.pack(other)) == "coef_"
