"""Presentation of plans, runs and ledgers: text, JSON and exported files."""
