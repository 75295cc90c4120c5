"""The flow `train` of this project: the current training table becomes a registered, judged model version.

    parameters   root: the project's folder
                 models: which ones, where it trains several; null for all
    schedule     none: start it when the data changed
    event        none

`prefect deploy --name train` deploys it as `prefect.yaml` says, `unlearn deploy` and `unlearn serve-flows` do the same without
that file, `unlearn train` runs it here and now. The flow itself lies in the package, where every project finds it.
"""

from unlearning.entrypoints.flows.deployed import train

__all__ = ["train"]
