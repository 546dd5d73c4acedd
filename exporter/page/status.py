"""How the exporter itself is, for whoever asks whether what its pages say can be relied upon."""

import platform

from exporter.exposition.own import Status
from exporter.findings import moment
from exporter.names import counted
from exporter.page.frame import paragraph, table
from exporter.page.html import Html, element, together

_BAD = "state warning"


def troubles(status: Status) -> Html:
    """What is wrong with it, or nothing."""
    unread = "" if status.reloaded else f"{_not_read(status)} Its log says what is wrong, and so does --config.check."
    unsaved = ""
    if status.storage.writable is False:
        unsaved = f"What must survive a restart is not saved: {status.storage.fault or 'the disk does not answer'}"
    return together(paragraph(unread, _BAD), paragraph(unsaved, _BAD))


def facts(status: Status) -> Html:
    """What it is, since when it serves, and what it works with."""
    read = f"Read on {moment(status.reloaded_at)}." if status.reloaded else _not_read(status)
    rows = [
        ("Version", f"{status.version}, with Python {platform.python_version()} on {platform.system()}"),
        ("Serves since", moment(status.since)),
        ("Targets", f"{status.targets}"),
        ("Configuration", read),
        ("State", _state(status)),
    ]
    return element("section", element("h2", "This exporter"), table(rows))


def _not_read(status: Status) -> str:
    return f"The configuration could not be read again; that of {moment(status.reloaded_at)} is in force."


def _state(status: Status) -> str:
    storage = status.storage
    if storage.writable is None:
        return "In memory alone: a restart forgets when each certificate was first seen."
    if not storage.writable:
        return "Not saved at the moment."
    return "Saved." if not storage.waiting else f"Saved, but for {counted(storage.waiting, 'target')} so far."
