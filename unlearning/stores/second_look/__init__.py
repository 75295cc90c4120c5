"""How the second look reads: it shares no code with the purge or the sweep, so that it does not share their mistakes."""
