"""The command line: one JSON document on standard output with --json, progress and logs on standard error.

Exit codes: 0 done; 1 refused by validation or verification; 2 wrong use or bad input; 70 a bug of ours. Heavy imports happen
inside commands.
"""

from __future__ import annotations

import logging
import os
import sys

import click

from unlearning import __version__
from unlearning.domain.environ import QUIET
from unlearning.entrypoints.cli import (
    certificates,
    databases,
    deploying,
    erasure,
    judging,
    lineage,
    listening,
    project,
    proof,
    requests,
    serving,
    traces,
)
from unlearning.entrypoints.cli.shared import Commands, Printable, spare_the_collector


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="unlearn")
@click.option("-v", "--verbose", is_flag=True, help="Show the logs of the tools underneath.")
def main(verbose: bool) -> None:
    """Machine unlearning as an operation: from a deletion request to a clean model version and a signed record.

    \b
    Start in a Git and DVC repository:   unlearn init
    Or look at the whole job first:      unlearn demo
    """
    spare_the_collector()
    if not verbose:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Printable("%(message)s"))
    progress = logging.getLogger("unlearning.progress")
    progress.handlers[:] = [handler]
    progress.setLevel(logging.INFO)
    progress.propagate = False


FAMILIES = (project, requests, erasure, judging, lineage, proof, certificates, traces, listening, serving, databases, deploying)

for family in FAMILIES:
    for command in family.COMMANDS:
        main.add_command(command)
