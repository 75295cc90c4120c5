"""The nine steps, one a file: receive, assess, plan, redact, unlearn, validate, promote, purge, certify.

`adopted` is steps 5 to 7 for models that were trained elsewhere. Each step looks for its own event first, so a run that died
anywhere goes on where it stopped, and a second run changes nothing. Steps 4 to 7 need the old data and the old model; step 8 is
the point of no return and comes after the new version serves.
"""
