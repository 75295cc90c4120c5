"""Ways in: command line, Prefect flows, MLflow hooks, webhook service, what `unlearn init` writes, and the demo."""
