"""Where people leave traces: one kind of place a file, each a `domain.traces.Place`."""
