"""The three panes. A pane reads; the screen writes."""
