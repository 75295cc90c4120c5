import io

from unlearning.stores.tables import people


def test_one_line_longer_than_any_header_is_no_table():
    assert people.identifiers(io.BytesIO(b'{"rows": "' + b"x" * 200_000 + b'"}'), ("patient",)) is None
