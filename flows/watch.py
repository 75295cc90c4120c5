"""The flow `watch` of this project: whether anything that an erasure ended has come back.

    parameters   root: the project's folder
    schedule     */15 * * * *
    event        unlearning.registry.changed: `unlearn listen` sends it when MLflow tells of a new version or alias

`prefect deploy --name watch` deploys it as `prefect.yaml` says, `unlearn deploy` and `unlearn serve-flows` do the same without
that file, `unlearn watch` runs it here and now. The flow itself lies in the package, where every project finds it.
"""

from unlearning.entrypoints.flows.watch import watch

__all__ = ["watch"]
