"""How content is searched for people: by cell, by word, by byte."""
