"""The script of the embedded server can be started by path."""

from __future__ import annotations

import ast

from unlearning.entrypoints.flows import embedded_server


def test_the_script_of_the_server_imports_nothing_of_the_package() -> None:
    """It runs by path, where the package may not be found."""
    with open(embedded_server.__file__) as source:
        names = {
            name
            for node in ast.walk(ast.parse(source.read()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        }
    assert names == {"__future__", "prefect.server.api.server", "socket", "sys", "threading", "uvicorn"}
