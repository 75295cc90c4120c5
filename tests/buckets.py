"""S3 on loopback for tests: a server, versioned buckets in it, a project whose remote is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def serving() -> Iterator[tuple[str, Any]]:
    """The address of a server and a client of it; the environment has its credentials meanwhile."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    # It keeps its file systems for the process, each with the address of whichever server there was first.
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "testing")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            yield address, boto3.client("s3", endpoint_url=address)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def versioned(client: Any) -> str:
    """A new bucket that keeps every version."""
    bucket = f"data-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def add_remote(root: Path, name: str, *, url: str, default: bool = False, **settings: str) -> None:
    """A remote in `.dvc/config`, beside those that are there."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo, repo.config.edit() as config:
        config["remote"][name] = {"url": url, **settings}
        if default:
            config["core"]["remote"] = name


def contents(client: Any, bucket: str) -> dict[str, list[bytes]]:
    """Key → every content that the bucket keeps under it, the newest first."""
    found: dict[str, list[bytes]] = {}
    for one in client.list_object_versions(Bucket=bucket).get("Versions", ()):
        body = client.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"].read()
        found.setdefault(one["Key"], []).append(body)
    return found
