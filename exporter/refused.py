"""What keeps the program from doing what it was asked. Imports nothing of ours."""


class RefusedError(Exception):
    """Why nothing was done, as text for who asked."""

    code = 1
    """The exit code of the program."""
