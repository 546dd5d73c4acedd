"""The page where there is none."""

from exporter.page.frame import framed
from exporter.page.html import element


def nowhere(what: str, why: str, *, root: str, version: str) -> str:
    """The HTML of a page that says what is not there and why; ``root`` leads from it to the first page."""
    back = element("p", f"{why}. See ", element("a", "all targets", href=root), ".")
    return framed(what, element("h1", what), back, root=root, version=version)
