"""Records to Prometheus text; the only place that spells a metric name.

Built for ten thousand certificates: what holds between two looks is rendered once and kept, and only the
numbers that move with time are formatted at every scrape.
"""
