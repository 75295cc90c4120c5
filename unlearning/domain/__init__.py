"""What decides, pure: the words of the field, and what follows from them. Reads no clock, no file, no service.

Nouns and roles `entities`, `protocols`, `errors`; names by content `hashing`, `merkle`; what the ledger says `events`, written
and read by one `codec`; the states of a request `lifecycle`; where records live `partition`; which model comes from which
`derivation`; what an erasure would touch and cost `planning`.
"""
