"""The terminal program: shows and asks."""
