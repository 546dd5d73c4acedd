"""What tests raise where anything may be raised."""


class StrangeError(BaseException):
    """What no code of ours or of a library ever raises."""
