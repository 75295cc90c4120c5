"""A flow as users write it: what it is told about people is a parameter, logged, raised, cached and shown."""

import json
import sys

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.context import get_run_context


@task(persist_result=True)
def look_up(who: str) -> str:
    return f"rows of {who}"


@task
def fail(who: str) -> None:
    raise ValueError(f"no rows of {who}")


@flow(name="user", persist_result=True)
def user(parameter: str, exception: str, logged: str, result: str) -> str:
    get_run_logger().warning("looking at %s", logged)
    create_markdown_artifact(f"about {logged}", key="about")
    look_up(result)
    fail(exception, return_state=True)
    print(json.dumps({"flow_run": str(get_run_context().flow_run.id)}))
    return result


if __name__ == "__main__":
    user(*sys.argv[1:])
