"""The command line: one file per command, and the door they share."""
