import socket
from pathlib import Path

import pytest
import stack
import yaml

RULES = """\
- alert: A
  expr: last_over_time(days[1h]) > 86400 and x[1d] offset 1d unless age_seconds < 30 * 60
  for: 15m
  annotations: {description: "within 1h, or in 2d"}
"""


def test_every_wait_and_range_is_shorter_and_what_is_compared_stays() -> None:
    (rule,) = yaml.safe_load(stack.shortened(RULES, 60))

    assert rule == {
        "alert": "A",
        "expr": "last_over_time(days[60000ms]) > 86400 and x[1440000ms] offset 1440000ms unless age_seconds < 30 * 60",
        "for": "15000ms",
        "annotations": {"description": "within 1h, or in 2d"},
    }


@pytest.mark.parametrize(
    ("duration", "shorter"),
    [
        ("1h", "6000ms"),
        ("1h30m", "9000ms"),
        ("2w", "2016000ms"),
        ("1y", "52560000ms"),
        ("500ms", "1ms"),
        ("1ms", "1ms"),
    ],
)
def test_a_duration_in_any_units_is_so_many_times_shorter_and_never_nothing(duration: str, shorter: str) -> None:
    assert stack.shortened(f"for: {duration}", 600) == f"for: {shorter}"


def test_a_route_waits_shorter_too() -> None:
    route = "route: {group_wait: 30s, group_interval: 5m, repeat_interval: 4h, receiver: 30s}"

    assert yaml.safe_load(stack.shortened(route, 10))["route"] == {
        "group_wait": "3000ms",
        "group_interval": "30000ms",
        "repeat_interval": "1440000ms",
        "receiver": "30s",
    }


def test_every_receiver_posts_here_instead_under_its_own_name() -> None:
    sample = """\
route: {receiver: on call}
receivers:
  - name: on call
    pagerduty_configs: [{routing_key: x}]
    webhook_configs: [{url: "https://elsewhere.example/"}]
  - name: nobody
"""

    configuration = stack.telling(sample, "http://127.0.0.1:1")

    assert configuration["route"] == {"receiver": "on call"}
    assert configuration["receivers"] == [
        {"name": name, "webhook_configs": [{"url": f"http://127.0.0.1:1/{path}", "send_resolved": True}]}
        for name, path in (("on call", "on%20call"), ("nobody", "nobody"))
    ]


def test_a_port_that_somebody_has_is_not_taken() -> None:
    with socket.socket() as somebody:
        taken = stack.free_port()
        somebody.bind(("127.0.0.1", taken))
        somebody.listen()

        assert stack.free_port(taken) not in {0, taken}
    assert stack.free_port(taken) == taken


def test_a_program_that_is_nowhere_is_named_with_what_to_do() -> None:
    with pytest.raises(
        FileNotFoundError, match="no-such-program or nor-this is not here: 'make prometheus xmlsec1 chromium'"
    ):
        stack.found("no-such-program", "nor-this")


async def test_a_program_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo no such flag >&2; exit 3"]

    with pytest.raises(stack.NotStartedError, match=r"ended with 3:\nno such flag"):
        async with stack.running(command, log=tmp_path / "log.txt", ready="http://127.0.0.1:9/"):
            pass
