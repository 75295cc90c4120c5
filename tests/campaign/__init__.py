"""The canary campaign: plant people everywhere, erase them, and look at every byte. `python -m tests.campaign` runs it."""
