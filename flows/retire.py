"""The flow `retire` of this project: rows that are older than `retention:` in params.yaml allows leave tables and models.

    parameters   root: the project's folder
    schedule     15 3 * * *
    event        none

`prefect deploy --name retire` deploys it as `prefect.yaml` says, `unlearn deploy` and `unlearn serve-flows` do the same without
that file, `unlearn retire` runs it here and now. The flow itself lies in the package, where every project finds it.
"""

from unlearning.entrypoints.flows.deployed import retire

__all__ = ["retire"]
