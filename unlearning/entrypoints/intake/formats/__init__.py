"""One file for each format: bytes and headers in, demands out, nothing is read or written."""
