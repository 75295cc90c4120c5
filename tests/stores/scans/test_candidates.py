"""What of a text may be an identifier: every spelling of one, and no part of something else."""

from __future__ import annotations

import base64

import pytest

from unlearning.stores.scans.candidates import Extractor, alike, numbers


def doubtful(text: str, kind: str = "integer") -> set[str]:
    return Extractor(kind, ("patient",)).candidates(text).doubtful


def certain(text: str, kind: str = "text", spelled: tuple[str, ...] = ()) -> set[str]:
    return Extractor(kind, ("patient",), spelled).candidates(text).certain


@pytest.mark.parametrize(
    "text",
    [
        "100042", "x 100042.", "(100042)", "scan_100042.png", "a-100042-b", "/100042/", "n=100042", "'100042'", '"100042"',
        "100042.0", "1.00042e5", "100,042", "100 042", "100_042", "100\u202f042", "100042,100043", "%20100042%20", "&#49;00042",
        "[100042]", "#100042", "100042.csv.gz", "00100042", "v=100042;", "0x186CA", "id=0x000186ca", "100.042e3",
        "１０００４２",
        "10\u00ad0042", "100\u200b042", "\ufeff100042", "\x1b[1m100\x1b[0m042", "١٠٠٠٤٢", "PID|1||100042^^^H^MR",
    ],
)  # fmt: skip
def test_a_number_that_stands_alone_may_be_somebody(text: str) -> None:
    assert "100042" in {one.lstrip("0") for one in doubtful(text)}


@pytest.mark.parametrize(
    "text",
    [
        "a100042", "100042b", "0.100042", "100042.5", "3.100042", "deadbeef100042", "f47ac10b-58cc-4372-a567-100042000000",
        "00100042-58cc-4372-a567-0e02b2c3d479", "1.2.100042", "1000421", "2100042", "1.000425e5",
    ],
)  # fmt: skip
def test_a_part_of_something_else_is_nobody(text: str) -> None:
    assert "100042" not in {one.lstrip("0") for one in doubtful(text)}


@pytest.mark.parametrize("text", ["2024-01-03", "2024-01-03T10:11:12.2024Z", "at 2024-01-03 10:11:12", "x_2024-01-03.csv"])
def test_a_date_is_no_number(text: str) -> None:
    assert "2024" not in doubtful(text)


def packed(person: str) -> list[str]:
    """An identifier inside of what programs pack into letters and digits."""
    alone, inside = person.encode(), f'{{"user": "{person}", "n": 1}} ÿ?>'.encode()
    long = base64.b64encode(b"x" * 100 + b" " + alone + b" " + b"y" * 100).decode()
    return [
        base64.b64encode(alone).decode(),
        base64.b64encode(inside).decode(),
        base64.urlsafe_b64encode(inside).decode().rstrip("="),
        f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(inside).decode().rstrip('=')}.c2ln",
        base64.b64encode(person.encode("utf-16-le")).decode(),
        f"Basic {base64.b64encode(person.encode() + b':secret').decode()}",
        "\r\n".join(long[at : at + 76] for at in range(0, len(long), 76)),
        alone.hex(),
        f"X'{inside.hex().upper()}'",
        f"data:text/plain;base64,{base64.b64encode(alone).decode()}",
        f"who={base64.b64encode(alone).decode()}",
        f"who={alone.hex()}",
        base64.b64encode(base64.b64encode(inside)).decode(),
    ]


@pytest.mark.parametrize("text", packed("MRN-4711-ab"))
def test_an_identifier_is_found_in_base64_and_in_hexadecimal_digits(text: str) -> None:
    assert "MRN-4711-ab" in certain(text)
    assert "MRN-4711-ab" in certain(f"before {text} after")


@pytest.mark.parametrize(
    "text",
    [
        "MRN\u20114711\u2013ab", "ＭＲＮ－４７１１－ａｂ", "M\u00adRN-4711-ab", "\u202b\u200fMRN-4711-ab\u202c",
        "\ufeffMRN-4711-ab",
        "MRN-\x1b[31m4711\x1b[0m-ab", "MRN-٤٧١١-ab", "\\u{4d}RN-4711-ab", "\\115RN-4711-ab", "\\'4dRN-4711-ab",
        "MRN-4711-ab^^^H^MR", "x\0MRN-4711-ab\0\0", "<p><r>MRN-47</r><r>11-ab</r></p><p><r>MRN-4712-ab</r></p>",
        "<w:p><w:t>x</w:t></w:p><w:p><w:t>MRN</w:t><w:t>-4711-ab</w:t></w:p>",
        "<text>x</text><text>MRN-<tspan>4711-ab</tspan></text>",
    ],
)  # fmt: skip
def test_a_word_is_found_in_whatever_signs_it_is_written(text: str) -> None:
    assert "MRN-4711-ab" in certain(text)


@pytest.mark.parametrize("text", packed("100042"))
def test_a_number_packed_alike_may_be_somebody(text: str) -> None:
    assert "100042" in doubtful(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Call Anna Schmidt back", "Anna Schmidt"),
        ("call anna schmidt.", "anna schmidt"),
        ("(Anna Maria Schmidt)", "Anna Maria Schmidt"),
        ("said Jan van der Berg, then", "Jan van der Berg"),
        ("a line ends with Anna\n  Schmidt", "Anna Schmidt"),
        ("**Li Wei** left", "Li Wei"),
        ("王 小明 called", "王 小明"),
    ],
)
def test_a_name_of_several_words_is_found_in_a_sentence(text: str, name: str) -> None:
    assert name in doubtful(text, "text")


def test_a_number_of_three_digits_is_not_compared_in_a_text() -> None:
    assert doubtful("17 of 999 and 1000") == {"1000"}
    assert list(numbers("1" * 21)) == []


@pytest.mark.parametrize(
    "text",
    [
        "patient=17", "patient: 17", '"patient": 17', '"patient":"17"', "<patient>17</patient>", "patient='17'",
        "x.patient=17;", '{\\"patient\\": \\"17\\"}', "Patient = 17", "patient=%2017", "['patient'] = 17", 'patient => "17"',
    ],
)  # fmt: skip
def test_what_stands_under_the_person_s_name_is_certain(text: str) -> None:
    assert "17" in {one.strip() for one in certain(text, "integer")}


@pytest.mark.parametrize("text", ["patients=17", "inpatient=17", "patient 17", "patience: 17"])
def test_another_name_is_not_the_person_s(text: str) -> None:
    assert "17" not in certain(text, "integer")


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.org", "<anna@example.org>", "mailto:anna@example.org", "anna%40example.org", "anna\\u0040example.org",
        "anna&#64;example.org", "anna=40example.org", "**anna@example.org**", "_anna@example.org_", "anna@example.org.png",
        "scan_anna@example.org_left", "to=anna@example.org&x=1", "anna%2540example.org", "an<b>na@example.org</b>",
    ],
)  # fmt: skip
def test_an_address_is_found_however_it_is_escaped(text: str) -> None:
    assert "anna@example.org" in certain(text, "email")


@pytest.mark.parametrize(
    "text", ["scan_MRN-4711_left", "MRN-4711.", "a/MRN-4711/b", "x-MRN-4711", "MRN%2D4711", "**MRN-4711**"]
)
def test_a_word_is_found_inside_a_compound(text: str) -> None:
    assert "MRN-4711" in certain(text)


def test_a_short_word_and_a_name_are_doubtful() -> None:
    assert {"a1", "Anna Schmidt"} <= doubtful("a1; Anna Schmidt; x", "text")


def test_telephone_numbers_are_found_with_whatever_stands_between_the_digits() -> None:
    assert "+491701234567" in certain("call +49 170 1234567 or", "phone") | certain("0049 170 1234567", "phone")


def test_a_declared_spelling_is_certain() -> None:
    assert "42" in certain("of P000042 we", "integer", ("P{:06d}",))


def test_columns_are_alike_whatever_their_case_and_joints() -> None:
    assert alike("Patient", ("patient",))
    assert alike("patient id", ("patient_id",))
    assert not alike("patients", ("patient",))
