"""All lives by name."""

from lives import blindness, fleets, others, rollovers, sudden, trusts, varied
from lives.alerts import as_fleet, in_alerts

LIVES = {life.name: life for module in (rollovers, sudden, blindness, trusts, others, varied) for life in module.LIVES}
"""Of one exporter that watches one target: they are judged by what is found."""

FLEETS = {fleet.name: in_alerts(fleet) for fleet in (*map(as_fleet, LIVES.values()), *fleets.FLEETS)}
"""The same, and those of several exporters and of such as are gone: they are judged by their alerts."""
