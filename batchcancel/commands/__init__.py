"""Use cases, one file for each command; doors call these and nothing below."""
