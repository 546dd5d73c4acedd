"""The thresholds of the policies in force, as a fragment: once for all targets that have them."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from exporter.exposition import families
from exporter.exposition.fragment import Fragment, Writer
from exporter.policy import Policy
from exporter.rollover import FOREVER


def policies_fragment(policies: Iterable[Policy], now: datetime) -> Fragment:
    """The thresholds of each policy under each of its profiles, in days."""
    writer = Writer()
    # A policy under a profile has the same thresholds for whatever target.
    for (name, profile), policy in {(each.name, each.profile): each for each in policies}.items():
        for threshold in fields(policy.thresholds):
            days = getattr(policy.thresholds, threshold.name)
            writer.write(families.THRESHOLD, days, policy=name, profile=profile, threshold=threshold.name)
    return writer.fragment(now, FOREVER)
