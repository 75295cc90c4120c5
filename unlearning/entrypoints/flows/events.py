"""Events on a Prefect server: `unlearning.erasure.requested` starts an erasure, `unlearning.registry.changed` a look for what
came back.

The ledger is the outbox: a request is recorded before it is announced, so an event that is lost costs time and no request: both
deployments also run on a schedule. An event names an opaque request id or a model, never a person, since Prefect keeps events
and flow parameters in clear.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from unlearning.domain.addresses import without_password
from unlearning.domain.environ import PREFECT_API_URL
from unlearning.domain.foreign import shown

REQUESTED, RESOURCE = "unlearning.erasure.requested", "unlearning.request"
CHANGED, REGISTRY = "unlearning.registry.changed", "unlearning.registry"

_HERE_ONLY = {"follow_redirects": False}
"""The key is for this host, and a server elsewhere was not asked: a redirect is an error, so nothing was taken."""


def warm() -> None:
    """Import what an announcement takes, which is seconds of a process that has not."""
    import prefect.client.orchestration
    import prefect.events  # noqa: F401


def announce(request_ids: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell the Prefect server that `PREFECT_API_URL` names that these requests wait; whether it took the event.

    One event for all of them, named after the first: the erasure it starts carries out every open request. Without a server
    nothing is sent; when it does not answer, standard error says so.
    """
    if not request_ids:
        return False
    first = request_ids[0]
    return _sent(
        environ,
        REQUESTED,
        (RESOURCE, first),
        {"request_id": first, "requests": len(request_ids)},
        otherwise="the requests are recorded and open: the next scheduled run or `unlearn erase` carries them out",
    )


def registry_changed(model: str, environ: Mapping[str, str]) -> bool:
    """Tell the Prefect server that a version or an alias of a registered model is new; whether it took the event."""
    return _sent(
        environ, CHANGED, (REGISTRY, model), {"model": model}, otherwise="the next scheduled run or `unlearn watch` looks"
    )


def _sent(
    environ: Mapping[str, str], event: str, about: tuple[str, str], payload: Mapping[str, object], *, otherwise: str
) -> bool:
    """Whether the server that the environment names took the event; about: kind and name of the resource."""
    url = environ.get(PREFECT_API_URL)
    if not url:
        return False
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.events import Event, Resource
    from prefect.settings import PREFECT_API_URL as SERVER
    from prefect.settings import temporary_settings

    kind, name = about
    resource = Resource({"prefect.resource.id": f"{kind}.{name}", "prefect.resource.name": name})
    made = Event(event=event, resource=resource, payload=dict(payload))
    try:
        with temporary_settings({SERVER: url}), get_client(sync_client=True, httpx_settings=_HERE_ONLY) as client:
            client.request("POST", "/events", json=[made.model_dump(mode="json")])
    except (HTTPError, OSError, RuntimeError) as error:
        print(
            f"unlearn: Prefect at {shown(without_password(url))} did not take the event ({type(error).__name__}); {otherwise}",
            file=sys.stderr,
        )
        return False
    return True
