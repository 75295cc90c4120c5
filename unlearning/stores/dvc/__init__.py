"""Data versions: the DVC repository, its cache and remotes, their objects, and the twins of old versions."""
