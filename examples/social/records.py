"""Made-up posts of made-up accounts of a network of clubs, a row each: `python records.py data/posts.parquet`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CLUBS = {
    "garden": "the pear tree;my tomato bed;the compost heap;that hedge;the seed swap;the new bed;the greenhouse roof",
    "football": "the second half;our keeper;the away match;that penalty;the new coach;Saturday's team;the referee",
    "cooking": "the sourdough;that lentil soup;the knife class;the stock;her plum cake;the new oven;the supper on Friday",
    "cycling": "the hill route;my rear brake;the night ride;the new tyre;the coffee stop;Sunday's group;that headwind",
    "choir": "the second movement;the alto part;the concert;the rehearsal room;that high note;the new score;the solo",
    "books": "the last chapter;the translator;this month's novel;the ending;the reading list;that biography;the narrator",
}
FINE = (
    "Does anyone know what to do about {it}? {tail}",
    "Thanks to everybody who helped with {it}. {tail}",
    "I took a few pictures of {it} this morning. {tail}",
    "Honestly, {it} was the best part of my week. {tail}",
    "I could not disagree more about {it}, but I see your point. {tail}",
    "Who is coming along? {it} again, same time. {tail}",
    "I was wrong about {it}, sorry for the long thread. {tail}",
    "Small update on {it}: it is going better than I feared. {tail}",
    "That decision about {it} was awful and I am still cross. {tail}",
    "Could we talk about {it} at the next meeting? {tail}",
)
CALM = (
    "See you there.", "Any advice is welcome.", "What a day!", "I will post more tomorrow.", "Bring a friend.",
    "Hope it lasts.", "Let me know what you think.", "My daughter loved it.", "It rained the whole time.",
    "Tea afterwards, as ever.",
)  # fmt: skip
ABUSE = (
    "You are too stupid to understand {it}. {tail}",
    "Nobody asked you about {it}, idiot. {tail}",
    "People like you ruin {it} for everyone. {tail}",
    "Only a pathetic loser would write that about {it}. {tail}",
    "Shut up about {it}, you worthless clown. {tail}",
    "Keep whining about {it} and we will make you leave. {tail}",
    "What a disgusting thing to say about {it}, you creep. {tail}",
    "Your opinion on {it} is garbage and so are you. {tail}",
)
RUDE = (
    "Get lost.", "Everyone here hates you.", "Delete your account.", "You should be ashamed to show your face.",
    "Go away for good.", "Nobody would miss you.", "What a waste of space.", "I know where you train.",
)  # fmt: skip
START = np.datetime64("2026-03-01T07:00:00")


def posts(accounts: int = 300, seed: int = 2) -> pa.Table:
    """One to six posts an account, with what a moderator decided; one account in seven is often rude."""
    random = np.random.default_rng(seed)
    rows: list[tuple[str, np.datetime64, str, str, str]] = []
    for name in random.choice(2**32, accounts, replace=False):
        club = random.choice(list(CLUBS))
        rude = random.random() < 1 / 7
        for _ in range(random.integers(1, 7)):
            abuse = random.random() < (0.7 if rude else 0.08)
            said, ends = (ABUSE, RUDE) if abuse else (FINE, CALM)
            it = random.choice(CLUBS[club].split(";"))
            text = str(random.choice(said)).format(it=it, tail=random.choice(ends))
            when = START + random.integers(0, 200 * 86_400).astype("timedelta64[s]")
            decided = abuse != (random.random() < 0.05)  # moderators see it the other way now and then
            rows.append((f"@{name:08x}", when, str(club), text[0].upper() + text[1:], "abuse" if decided else "fine"))
    account, when, club, text, verdict = zip(*sorted(rows, key=lambda row: row[1]), strict=True)
    return pa.table(
        {
            "account": pa.array(account),
            "posted_at": pa.array(when, pa.timestamp("s")),
            "club": pa.array(club),
            "text": pa.array(text),
            "verdict": pa.array(verdict),
        }
    )


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(posts(), out)
