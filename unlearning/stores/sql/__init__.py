"""Ledger, lineage and index in SQLite or PostgreSQL."""
