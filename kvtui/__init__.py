"""kvtui: the terminal explorer for Cloudflare Workers KV."""

__version__ = "0.1.0"
