"""Tables: read, written and redacted, as one file or as a folder of parts."""
