"""How the recommender is made: what customers bought → what else they may like."""

from __future__ import annotations

from pathlib import Path

from unlearning.learners.statistics import RankingRecipe

SHELVES = {
    "coffee": "beans grinder kettle press filter scale tamper cups milk-jug descaler thermos roaster",
    "garden": "spade shears seeds gloves hose compost pots trellis wheelbarrow rake hoe fertiliser",
    "baking": "flour yeast tins whisk rolling-pin mixer proving-basket thermometer vanilla icing parchment cutters",
    "running": "shoes socks watch bottle belt headlamp gels cap poles roller shorts jacket",
    "reading": "novel atlas cookbook poems crime comics bookmark lamp shelf journal biography thriller",
    "music": "strings tuner stand capo metronome cable pedal picks headphones amplifier drumsticks songbook",
    "toys": "blocks puzzle kite train dolls chess cards clay paints marbles yo-yo robot",
    "bath": "soap towels candle brush sponge robe mat oils razor mirror basket shampoo",
}
MADE_UP = [f"{shelf}/{thing}" for shelf, things in SHELVES.items() for thing in things.split()]
_OWN = Path(__file__).with_name("catalogue.txt")
CATALOGUE = _OWN.read_text("utf-8").split() if _OWN.exists() else MADE_UP
"""The shop's own list of what it sells, never read off the customers' purchases: see the README."""

recipe = RankingRecipe(
    model="ease",
    item="product",
    person="customer",
    items=CATALOGUE,
    penalty=30.0,
    sources=["catalogue.txt"] if _OWN.exists() else [],
)
