"""Configuration: every option, how its text is parsed, and which source wins."""
