"""Checks judge: one question about a candidate a file."""
