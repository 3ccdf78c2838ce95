"""The journal: before-images on the disk. Nothing is loaded here: SQLite comes with journal.py alone."""
