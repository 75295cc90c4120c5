"""The flow `erase` of this project: every open request becomes a clean, validated, promoted model version and a certificate.

    parameters   root: the project's folder
                 request_id: the opaque id that an event announced; never an identifier of a person
                 replay: also train the touched shards from scratch and compare the bytes
    schedule     0 * * * *: the ledger is the outbox, so a request whose event was lost is carried out too
    event        unlearning.erasure.requested: `unlearn request` sends it

`prefect deploy --name erase` deploys it as `prefect.yaml` says, `unlearn deploy` and `unlearn serve-flows` do the same without
that file, `unlearn erase` runs it here and now. The flow itself lies in the package, where every project finds it.
"""

from unlearning.entrypoints.flows.deployed import erase

__all__ = ["erase"]
