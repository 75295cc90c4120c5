"""Who may: a key opens what it was given for, until it is taken back."""

from __future__ import annotations

from tests.entrypoints.intake.conftest import NOON, Service
from unlearning.project import access


def test_a_key_opens_its_scopes_until_it_is_taken_back(service: Service) -> None:
    made = access.grant(service.workspace, ["read"], now=NOON)
    headers = {"authorization": f"Bearer {made.token}"}
    assert service.ask("GET", "/v1/requests", scope="", **headers).status_code == 200
    assert service.ask("POST", "/v1/requests", scope="", json_body={"subjects": ["ann-1"]}, **headers).status_code == 403
    access.revoke(service.workspace, made.access_id, now=NOON)
    assert service.ask("GET", "/v1/requests", scope="", **headers).status_code == 401
