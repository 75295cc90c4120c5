"""What `unlearn init` writes into a repository."""
