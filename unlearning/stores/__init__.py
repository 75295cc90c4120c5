"""What remembers: checkpoints, spooled arrays, ledger, lineage, keys, data versions, registered models. One service a file."""
