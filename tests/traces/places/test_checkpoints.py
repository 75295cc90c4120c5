import hashlib

import pytest

from unlearning.domain.traces import Trace, Wanted
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.traces.places.checkpoints import NAME, CheckpointPlace

KEY = hashlib.sha256(b"one").hexdigest()


@pytest.mark.parametrize("left", [f"{KEY}.safetensors", f".{KEY}.safetensors.0123456789abcdef.tmp"])
def test_a_stale_state_whose_writer_was_killed_is_found_and_erased(tmp_path, left):
    store = CheckpointStore(str(tmp_path))
    (tmp_path / KEY[:2]).mkdir()
    (tmp_path / KEY[:2] / left).write_bytes(b"weights")
    assert KEY not in store
    place, wanted = CheckpointPlace(store), Wanted(frozenset(), known={NAME: frozenset({Trace(KEY)})})
    found = place.find(wanted)
    assert found.traces == (Trace(KEY),)
    place.erase(found.traces)
    assert place.find(wanted).traces == ()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
