"""What a person does to KV: no terminal, no HTTP."""
