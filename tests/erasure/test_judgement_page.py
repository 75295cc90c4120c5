"""The judge's page and document: every check is on it, and nothing that somebody wrote acts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.checks.small_trial import MARGINS, trial
from unlearning.checks.judge import judge
from unlearning.domain.codec import write
from unlearning.erasure import judgement_page
from unlearning.erasure.judge import Judgement

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_page_says_every_check() -> None:
    checks = judge(trial(10), MARGINS)
    found = Judgement("churn", 8, "sisa", "exact", NOW, 1.5, "stand-ins", "<b>nobody</b>", {"forgotten": 10}, 16, checks)
    page = judgement_page.html(found)
    assert all(one.name in page and one.verdict in page for one in checks)
    assert "<b>" not in page
    assert json.loads(json.dumps(write(found)))["checks"][0]["verdict"] == "underpowered"
