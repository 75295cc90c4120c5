"""The Git repository: its history, its objects, and what its blobs hold."""
