"""KV on this machine: the same REST API over wrangler's own on-disk state."""
