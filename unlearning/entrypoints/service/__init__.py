"""What listens: webhooks of other services."""
