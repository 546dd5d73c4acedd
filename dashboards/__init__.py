"""The Grafana dashboards: :mod:`dashboards.build` writes them, :mod:`dashboards.boards` says what is on them."""
