"""The command that waits for others: the registry's webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from unlearning.entrypoints.cli.shared import answer, open_project, project


@click.command()
@project
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; put TLS in front of any other.")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one.")
def listen(root: Path, as_json: bool, host: str, port: int) -> None:
    """Answer MLflow registry webhooks: every new version or alias starts a round of watching, here or on Prefect.

    UNLEARNING_WEBHOOK_SECRET holds the secret that the webhook was registered with. With PREFECT_API_URL set, the round is a
    run of the deployment `watch`. Runs until it is told to end.

    \b
    Example:  UNLEARNING_WEBHOOK_SECRET=... unlearn listen --port 8090
    """
    from unlearning.entrypoints.service import registry_webhook

    def tell(said: Mapping[str, str]) -> None:
        answer(as_json, said, [f"listening at {said['address']}; rounds run {said['rounds']}"])

    registry_webhook.listen(open_project(root), host=host, port=port, tell=tell)


COMMANDS = (listen,)
