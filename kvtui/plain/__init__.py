"""The plain commands: every deed of the program for scripts, pipes and screen readers. Nothing of Textual."""
