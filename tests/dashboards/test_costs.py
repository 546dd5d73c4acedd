"""No query of a board makes its reader wait: measured on a real Prometheus, in seconds of its processor time."""

from bench_boards import costs

BOUND = 0.5


def test_every_query_costs_half_a_second_at_most_over_300_targets_and_1440_steps() -> None:
    assert [f"{each.query}: {each.seconds:.2f} s" for each in costs() if each.seconds > BOUND] == []
