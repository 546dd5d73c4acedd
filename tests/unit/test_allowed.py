"""Where a request for /probe may look, by what, and for how long."""

from dataclasses import replace

import pytest

from exporter.allowed import NotAllowedError, asked_target, deadline, is_allowed
from exporter.config.settings import Config, Module
from exporter.policy import ADFS_METADATA_PATH, PolicySettings, Profile

CONFIG = Config(
    modules={"default": Module(), "slow": Module("slow", timeout=60)},
    policies={"default": PolicySettings(), "farms": PolicySettings(profile=Profile.ADFS)},
    probe_allow=("*.example.org", "localhost", "::1"),
)


@pytest.mark.parametrize(
    ("scrape_timeout", "module_timeout", "seconds"),
    [
        (None, 10, 10),
        ("", 10, 10),
        ("0", 10, 10),
        ("-5", 10, 10),
        ("nan", 10, 10),
        ("inf", 10, 10),
        ("-inf", 10, 10),
        ("1e999", 10, 10),
        ("abc", 10, 10),
        ("10s", 10, 10),
        ("15", 10, 10),
        ("10.5", 10, 10),
        ("10.4", 10, 9.9),
        ("10", 10, 9.5),
        (" 5 ", 10, 4.5),
        ("5", 2, 2),
        ("1", 10, 0.5),
        ("0.6", 10, 0.1),
        ("0.5", 10, 0.5),
        ("0.2", 10, 0.2),
        ("0.2", 0.1, 0.1),
    ],
)
def test_the_deadline_is_the_modules_or_what_the_scraper_leaves(
    scrape_timeout: str | None, module_timeout: float, seconds: float
) -> None:
    assert deadline(scrape_timeout, module_timeout) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("host", "patterns", "allowed"),
    [
        ("fs.example.org", ("*.example.org",), True),
        ("FS.Example.ORG", ("*.example.org",), True),
        ("a.b.example.org", ("*.example.org",), True),
        ("fs1.example.org", ("fs?.example.org",), True),
        ("fs.example.org", ("elsewhere.example", "fs.example.org"), True),
        ("example.org", ("*.example.org",), False),
        ("fs.example.org.evil.example", ("*.example.org",), False),
        ("fs.example.org.", ("*.example.org",), False),
        ("fs.example.org", (), False),
        ("fs.example.org", ("fs.example",), False),
        ("", ("*",), False),
    ],
)
def test_a_host_is_allowed_when_a_pattern_names_it_whole(
    host: str, patterns: tuple[str, ...], *, allowed: bool
) -> None:
    assert is_allowed(host, patterns) is allowed


def test_a_host_is_asked_as_a_farm_and_a_url_as_it_is() -> None:
    farm = asked_target(CONFIG, "fs.example.org", "slow", "farms")
    assert farm.url == f"https://fs.example.org{ADFS_METADATA_PATH}"
    assert farm.name == "fs.example.org"
    assert farm.look.module.timeout == 60
    assert farm.policy.profile is Profile.ADFS
    assert asked_target(CONFIG, "http://[::1]:8080/m", "default", "default").url == "http://[::1]:8080/m"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/?fs.example.org",
        "https://evil.example/#@fs.example.org",
        "https://evil.example:443/",
        "https://fs.example.org.evil.example/",
        "evil.example:443",
    ],
)
def test_an_address_on_no_allowed_host_is_refused(address: str) -> None:
    with pytest.raises(NotAllowedError, match=r"probe\.allow") as caught:
        asked_target(CONFIG, address, "default", "default")
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "file://localhost/etc/passwd", "FILE://localhost/etc/passwd", "file://etc/passwd/", "a/b"],
)
def test_a_file_is_refused_wherever_it_is_and_no_sentence_offers_one(address: str) -> None:
    everybody = replace(CONFIG, probe_allow=("*",))
    with pytest.raises(NotAllowedError, match=r"begin with http:// or https://$") as caught:
        asked_target(everybody, address, "default", "default")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://",
        "https://fs.example.org@evil.example/",
        "https://fs.example.org:pass@evil.example/",
        "https://evil.example\\@fs.example.org/",
        "https://fs.example.org%2f.evil.example/",
        "https://fs.example.org\n.evil.example/",
        "fs.example.org/../x",
        "ftp://fs.example.org/",
    ],
)
def test_an_address_that_two_readers_could_read_in_two_ways_is_refused(address: str) -> None:
    with pytest.raises(NotAllowedError, match="target: ") as caught:
        asked_target(CONFIG, address, "default", "default")
    assert caught.value.status == 400
