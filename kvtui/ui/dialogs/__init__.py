"""Modal dialogs: one file each, left only through dismiss(value)."""
