"""The service that takes requests in: what other tools send, in their formats, becomes requests in the ledger."""
