"""fedmeta-exporter: watches federation metadata and says how a certificate rollover is going."""

__version__ = "0.1.0"
