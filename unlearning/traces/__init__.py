"""Where people survive: the places within reach, what is found in them, what is deleted, and what is out of reach."""
