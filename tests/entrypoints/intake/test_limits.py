"""How often somebody may ask."""

from __future__ import annotations

from tests.entrypoints.intake.conftest import Service
from unlearning.entrypoints.intake.limits import Buckets


def test_a_bucket_empties_and_fills_again_for_each_caller_alone() -> None:
    now = [0.0]
    buckets = Buckets(rate=2, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = -5.0
    assert buckets.take("a") > 0


def test_callers_of_long_ago_are_forgotten() -> None:
    buckets = Buckets(rate=1, burst=1, clock=lambda: 0.0)
    for number in range(Buckets.MOST + 5):
        buckets.take(str(number))
    assert len(buckets._filled) == Buckets.MOST


def test_wrong_keys_are_slowed_down_and_right_ones_go_on(service: Service) -> None:
    codes = [service.ask("GET", "/v1/requests", scope="", authorization="Bearer unl_x").status_code for _ in range(40)]
    assert set(codes) == {401, 429}
    assert int(service.ask("GET", "/v1/requests", scope="").headers["retry-after"]) >= 1
    assert service.ask("GET", "/v1/requests").status_code == 200
