"""Of several identities the one that this project knows people by."""

from __future__ import annotations

import base64
import hashlib

import pytest

from unlearning.entrypoints.intake.formats.identities import Identity, chosen, of_base64
from unlearning.entrypoints.intake.reading import Unacceptable

MAIL, PHONE, OWN = Identity("email", "a@b.example"), Identity("phone_number", "+49 30"), Identity("controller_customer_id", "7")


@pytest.mark.parametrize(
    ("kind", "found"), [("email", "a@b.example"), ("phone", "+49 30"), ("text", "7"), ("integer", "7"), ("text/integer", "7")]
)
def test_the_kind_of_the_project_chooses(kind: str, found: str) -> None:
    assert chosen([MAIL, PHONE, OWN], kind) == ([found], [])


def test_a_hash_is_taken_as_one_and_another_digest_as_nothing() -> None:
    inner = hashlib.sha256(b"7").digest()
    assert chosen([Identity("controller_customer_id", inner.hex(), "sha256")], "text") == ([], [inner])
    for form, value in (("md5", "0" * 32), ("sha1", "0" * 40), ("sha256", "0" * 63), ("sha256", "g" * 64)):
        with pytest.raises(Unacceptable, match="sha256"):
            chosen([Identity("controller_customer_id", value, form)], "text")


def test_the_only_identity_serves_a_project_of_plain_texts_and_no_other() -> None:
    assert chosen([MAIL], "text") == (["a@b.example"], [])
    for found, kind in (([MAIL], "integer"), ([MAIL, PHONE], "text"), ([OWN], "email"), ([], "text")):
        with pytest.raises(Unacceptable) as caught:
            chosen(found, kind)
        assert caught.value.status == 422


def test_base64_of_a_digest_has_one_spelling() -> None:
    inner = hashlib.sha256(b"7").digest()
    good = base64.b64encode(inner).decode()
    assert of_base64(good) == inner
    for wrong in ("", good[:-1], f"{good}\n", good.replace("=", ""), base64.b64encode(inner[:31]).decode(), "é" * 44):
        with pytest.raises(Unacceptable):
            of_base64(wrong)
