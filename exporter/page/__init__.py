"""The pages for people: how every target stands, what to do, and what is known of it."""

from exporter.page.asked import Asked
from exporter.page.certificates import certificate
from exporter.page.frame import ICON, POLICY
from exporter.page.nowhere import nowhere
from exporter.page.overview import overview
from exporter.page.runbooks import runbooks
from exporter.page.target import target

__all__ = ["ICON", "POLICY", "Asked", "certificate", "nowhere", "overview", "runbooks", "target"]
