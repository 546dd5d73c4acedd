"""YAML text to a frozen Config: every error at once, each with its path and line in the file."""
