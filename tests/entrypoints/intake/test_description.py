"""Whatever its own description lets anybody send, the service answers without a 5xx and without an identity."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.entrypoints.intake.conftest import PEOPLE, Service

SEEN = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("examples", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_no_answer_is_a_5xx_or_names_anybody(service: Service, examples: int) -> None:
    app = service.client.app
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    asked = set()
    for operation in schema.get_all_operations():
        found = operation.ok()
        asked.add((found.method.upper(), found.path))

        @settings(SEEN, max_examples=examples)
        @given(case=found.as_strategy(), scope=st.sampled_from(["submit", "read", "approve"]))
        def ask(case: schemathesis.Case, scope: str) -> None:
            case.headers = {**(case.headers or {}), "authorization": f"Bearer {service.tokens[scope]}"}
            answer = case.call()
            assert answer.status_code < 500, (case.method, case.path, answer.text)
            assert not any(person in answer.text for person in PEOPLE)

        ask()
    assert ("POST", "/v1/requests") in asked
    assert len(asked) >= 18
