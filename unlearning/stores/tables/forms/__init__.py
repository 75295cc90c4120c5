"""The forms of files that are read: each module knows a family of them and yields their pieces."""
