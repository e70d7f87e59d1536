"""Use cases, one file for each command; a door translates between a caller and one of them."""
