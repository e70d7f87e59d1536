"""Adapter for the HuskyVoice API: HTTP client, rate limiters, retry, response parsing."""
