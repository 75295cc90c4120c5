"""The event `unlearning.erasure.requested`: how a request starts an erasure on a Prefect server.

The ledger is the outbox: a request is recorded before it is announced, so an event that is lost costs time and no request.
An event names an opaque request id, never a person: Prefect keeps events and flow parameters in clear.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

REQUESTED = "unlearning.erasure.requested"
RESOURCE = "unlearning.request"


def announce(request_ids: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell the Prefect server that `PREFECT_API_URL` names that these requests wait; whether it took the event.

    One event for all of them, named after the first: the erasure it starts carries out every open request. Without a server
    nothing is sent; when it does not answer, standard error says so.
    """
    url = environ.get("PREFECT_API_URL")
    if not url or not request_ids:
        return False
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.events import Event, Resource

    first = request_ids[0]
    event = Event(
        event=REQUESTED,
        resource=Resource({"prefect.resource.id": f"{RESOURCE}.{first}", "prefect.resource.name": first}),
        payload={"request_id": first, "requests": len(request_ids)},
    )
    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
    except (HTTPError, OSError, RuntimeError) as error:
        print(
            f"unlearn: Prefect at {url} did not take the event ({type(error).__name__}); the requests are recorded and open: "
            "the next scheduled run or `unlearn erase` carries them out",
            file=sys.stderr,
        )
        return False
    return True
