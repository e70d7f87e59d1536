"""The HuskyVoice API over httpx: pacing, retries, requests, and what their answers mean."""
