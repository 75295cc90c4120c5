"""How content that is no table is searched for people: by word, by byte."""
