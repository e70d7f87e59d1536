"""What the program can be told, one file for each command; doors call these and nothing below."""
