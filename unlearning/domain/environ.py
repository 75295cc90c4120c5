"""The names of the environment variables that this software reads or sets: here, and nowhere else in the package.

They hold secrets and addresses; everything else is a setting of `params.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping

INDEX_KEY = "UNLEARNING_INDEX_KEY"
PARTITION_KEY = "UNLEARNING_PARTITION_KEY"
SUPPRESSION_KEY = "UNLEARNING_SUPPRESSION_KEY"
SIGNING_KEY = "UNLEARNING_SIGNING_KEY"
WEBHOOK_SECRET = "UNLEARNING_WEBHOOK_SECRET"
INTAKE_SECRETS = "UNLEARNING_INTAKE_SECRETS"
CALLBACK_SECRETS = "UNLEARNING_CALLBACK_SECRETS"
CONSOLE_ROLE = "UNLEARNING_CONSOLE_ROLE"
MLFLOW_TRACKING_URI = "MLFLOW_TRACKING_URI"
MLFLOW_BACKEND_STORE_URI = "MLFLOW_BACKEND_STORE_URI"
OPENLINEAGE_API_KEY = "OPENLINEAGE_API_KEY"
PREFECT_API_URL = "PREFECT_API_URL"
PREFECT_HOME = "PREFECT_HOME"

_TOKEN_KEY = "64 hex digits, in place of the key file"
MEANINGS: Mapping[str, str] = {
    INDEX_KEY: _TOKEN_KEY,
    PARTITION_KEY: _TOKEN_KEY,
    SUPPRESSION_KEY: _TOKEN_KEY,
    SIGNING_KEY: "Ed25519 private key, PKCS8 PEM, in place of `signing.pem`",
    WEBHOOK_SECRET: "the secret of MLflow's webhook, for `unlearn listen` and `unlearn serve`",
    INTAKE_SECRETS: "secrets of Standard Webhooks, `whsec_…` with spaces between them, for `unlearn serve`",
    CALLBACK_SECRETS: (
        "the same, with which `unlearn serve` and `unlearn deliver` sign callbacks: each with all, while they are rotated"
    ),
    CONSOLE_ROLE: "`user:password` of a PostgreSQL role with SELECT alone, as which the console of `unlearn serve` reads",
    MLFLOW_TRACKING_URI: "used when `stores.mlflow` is null",
    MLFLOW_BACKEND_STORE_URI: (
        "a tracking server's own database, where you may open it: the purge then collects what the server only marks as deleted"
    ),
    OPENLINEAGE_API_KEY: "sent to `openlineage.url` as a bearer token; no redirect takes it elsewhere",
    PREFECT_API_URL: (
        "a Prefect server; without it there are no deployments, and each command uses an embedded one, whose database lies in "
        "`.unlearning/prefect`"
    ),
    PREFECT_HOME: "another place for that database",
}
"""What a user may set, and what it means."""

PREFECT_EMBEDDED_AT = "UNLEARNING_PREFECT_EMBEDDED_AT"
"""Where the embedded server of this command listens: what PREFECT_API_URL names then is no server of the user's."""
DVC_STAGE = "DVC_STAGE"
"""DVC tells a stage its name."""
ERASURE = "UNLEARNING_ERASURE"
"""An erasure tells the stages it runs its id."""

NO_PROXY = ("no_proxy", "NO_PROXY")
"""What is reached without a proxy; the first counts where both are set."""
MLFLOW_REGISTRY_URI = "MLFLOW_REGISTRY_URI"
PREFECT_PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
"""How long Prefect waits for the server that it starts itself."""
PREFECT_API_KEY = "PREFECT_API_KEY"
PREFECT_API_AUTH_STRING = "PREFECT_API_AUTH_STRING"
PREFECT_API_SSL_CERT_FILE = "PREFECT_API_SSL_CERT_FILE"
PREFECT_API_TLS_INSECURE_SKIP_VERIFY = "PREFECT_API_TLS_INSECURE_SKIP_VERIFY"
PREFECT_PROFILE = "PREFECT_PROFILE"
SERVERS = (
    PREFECT_API_URL,
    PREFECT_API_KEY,
    PREFECT_API_AUTH_STRING,
    PREFECT_PROFILE,
    PREFECT_HOME,
    MLFLOW_TRACKING_URI,
    MLFLOW_REGISTRY_URI,
)
"""What leads to a server of the user's."""

SILENCE: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""No tool underneath phones home."""

QUIET: Mapping[str, str] = {
    **SILENCE,
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}
"""Nor does one chat."""

MLFLOW_QUIET: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""While MLflow is used."""

MLFLOW_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
MLFLOW_PATIENCE: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.2",
    MLFLOW_TIMEOUT: "20",
}
"""A dead server is reported after about two seconds; MLflow's own defaults (7 retries, doubling from 2 s, 120 s a try) keep a
user waiting for minutes."""

PREFECT_EMBEDDED: Mapping[str, str] = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}
"""Of the embedded server: nothing of ours is a block, and registering Prefect's takes as long as starting."""

ONE_THREAD: Mapping[str, str] = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of a worker among several on one machine."""

CUBLAS_WORKSPACE: Mapping[str, str] = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""With it the same training gives the same bytes on a GPU."""

PATH = "PATH"
"""Where commands are looked for."""
TMPDIR = "TMPDIR"
"""Where a process and those that it starts put aside what they need for a moment."""
GIT_INDEX_FILE = "GIT_INDEX_FILE"
GIT_OBJECT_DIRECTORY = "GIT_OBJECT_DIRECTORY"
GIT_ALTERNATE_OBJECT_DIRECTORIES = "GIT_ALTERNATE_OBJECT_DIRECTORIES"
GIT_QUIETLY: Mapping[str, str] = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
"""Reading takes no lock that somebody else may want, and nothing waits for a password."""
