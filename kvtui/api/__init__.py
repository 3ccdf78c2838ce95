"""The Workers KV REST API, spoken over httpx."""
