"""The flow `follow` of this project: which data versions fed which model versions.

    parameters   root: the project's folder
                 everything: also index every table of every commit whose object can still be had
    schedule     30 * * * *
    event        none

`prefect deploy --name follow` deploys it as `prefect.yaml` says, `unlearn deploy` and `unlearn serve-flows` do the same without
that file, `unlearn follow` runs it here and now. The flow itself lies in the package, where every project finds it.
"""

from unlearning.entrypoints.flows.follow import follow

__all__ = ["follow"]
