"""What remembers: ledger, lineage, checkpoints, keys, data versions, registered models.

One outside service a folder.
"""
