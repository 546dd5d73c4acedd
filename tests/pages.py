"""What every page has, said once for all tests of pages."""

LINKS = ("", "runbooks", "metrics", "config", "-/healthy", "-/ready")
"""Where those at the top lead, from the first page; behind them comes one that loads the page again."""
