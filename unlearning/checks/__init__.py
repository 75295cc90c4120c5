"""How to judge: one question about a candidate a file.

`verdict` says what their answers together forbid.
"""

from unlearning.checks.verdict import blocking

__all__ = ["blocking"]
