from itertools import pairwise

from unlearning.entrypoints.demo import data
from unlearning.stores.tables import tables


def test_the_demo_s_people_have_one_to_five_consecutive_rows_the_same_every_time():
    ids = data.patients(569)
    sizes = [ids.count(person) for person in dict.fromkeys(ids)]
    assert sum(sizes) == 569
    assert {1, 2, 3, 4, 5} == set(sizes)
    changes = sum(left != right for left, right in pairwise(ids))
    assert changes == len(sizes) - 1
    assert ids[:400] == data.patients(400)
    assert all(len(person) == 14 and person.startswith("MRN-") for person in ids)


def test_the_demo_s_table_is_written_the_same_every_time(tmp_path):
    outs = [tmp_path / "a/records.parquet", tmp_path / "b/records.parquet"]
    assert [data.main([str(out)]) for out in outs] == [0, 0]
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert data.main([]) == 2


def test_the_real_records_are_all_there_in_file_order(tmp_path):
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    data.main([str(tmp_path / "t.parquet")])
    table = tables.read(tmp_path / "t.parquet")
    assert table["worst_fractal_dimension"].to_pylist() == bunch.data[:, -1].tolist()
    assert [value == "benign" for value in table["diagnosis"].to_pylist()] == bunch.target.astype(bool).tolist()


def test_the_grouping_into_people_is_declared():
    assert "made-up patients of 1 to 5 consecutive rows" in data.GROUPING
