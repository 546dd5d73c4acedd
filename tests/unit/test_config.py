"""The configuration: what is read, what is refused and in which words, and that the documentation says the same."""

import os
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trustme
import yaml
from builders import watched
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from exporter.config import units
from exporter.config.document import LARGEST, MOST_COPIES, MOST_TOLD, MOST_VALUES
from exporter.config.fields import DOCUMENT_SCHEMES
from exporter.config.reader import BLOCKS, ConfigError, Problem, from_addresses, load
from exporter.config.settings import (
    Authorization,
    BasicAuth,
    Cloud,
    Config,
    Entra,
    IpProtocol,
    Look,
    Module,
    OAuth2,
    Origin,
    Secret,
    Tls,
    TrustSource,
)
from exporter.policy import DEFAULTS, THRESHOLD_NAMES, PolicySettings, Profile

ROOT = Path(__file__).parents[2]
REJECTED = ROOT / "tests/corpus/config/rejected"
ACCEPTED = ROOT / "tests/corpus/config/accepted"
DOCUMENTATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")


def load_from(folder: Path, name: str) -> Config:
    return load(
        name,
        read_file=lambda file: (folder / file).read_bytes(),
        list_files=lambda pattern: sorted(str(file.relative_to(folder)) for file in folder.glob(pattern)),
    )


def read(text: str | bytes, files: Mapping[str, bytes] | None = None) -> Config:
    """A configuration written in the test, beside files of which nothing but these exists."""
    content = {"fedmeta.yml": text.encode() if isinstance(text, str) else text, **(files or {})}

    def read_file(file: str) -> bytes:
        try:
            return content[file]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", file) from None

    def list_files(pattern: str) -> Sequence[str]:
        return [file for file in content if Path(file).match(pattern)]

    return load("fedmeta.yml", read_file=read_file, list_files=list_files)


def problems_of(attempt: Callable[[], Config]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        attempt()
    return list(map(str, caught.value.problems))


# What is refused


@pytest.mark.parametrize("file", sorted(REJECTED.glob("*.yml")), ids=lambda file: file.stem)
def test_a_rejected_file_is_explained_in_exactly_these_words(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_from(REJECTED, file.name)
    assert f"{caught.value}\n" == file.with_suffix(".expect").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted(REJECTED.glob("*.expect")), ids=lambda file: file.stem)
def test_no_explanation_holds_a_secret(file: Path) -> None:
    assert "hunter" not in file.read_text(encoding="utf-8")
    assert file.with_suffix(".yml").exists()


def test_a_problem_says_where_it_is_as_exactly_as_it_is_known() -> None:
    assert str(Problem("fedmeta.yml", 12, "targets[2].url", "must be http")) == (
        "fedmeta.yml:12: targets[2].url: must be http"
    )
    assert str(Problem("fedmeta.yml", None, "", "cannot be read")) == "fedmeta.yml: cannot be read"
    assert str(Problem("", None, "address 1", "must be http")) == "address 1: must be http"


def test_a_missing_file_is_a_problem_of_the_whole_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load("absent.yml")
    assert caught.value.problems == (Problem("absent.yml", None, "", "cannot be read: No such file or directory"),)


def test_an_error_without_words_of_the_system_is_named_by_its_kind() -> None:
    def read_file(_: str) -> bytes:
        raise PermissionError

    assert problems_of(lambda: load("fedmeta.yml", read_file=read_file)) == [
        "fedmeta.yml: cannot be read: PermissionError"
    ]


def test_a_signer_and_a_secret_are_looked_for_beside_the_configuration_file() -> None:
    asked = []

    def read_file(file: str) -> bytes:
        asked.append(file)
        if file != "/etc/fedmeta/fedmeta.yml":
            raise FileNotFoundError(2, "No such file or directory")
        return b"policies: {a: {signer: [signer.pem, /srv/signer.pem]}}"

    assert problems_of(lambda: load("/etc/fedmeta/fedmeta.yml", read_file=read_file)) == [
        "/etc/fedmeta/fedmeta.yml:1: policies.a.signer[0]: cannot be read: No such file or directory",
        "/etc/fedmeta/fedmeta.yml:1: policies.a.signer[1]: cannot be read: No such file or directory",
    ]
    assert asked[1:] == ["/etc/fedmeta/signer.pem", "/srv/signer.pem"]


@pytest.mark.parametrize(
    "text",
    [
        "modules: {a: {timeout: soon}}\ntargets: [{host: a.example, module: a, interval: 5s}]",
        "targets: [{host: a.example, interval: soon}]\nmodules: {default: {timeout: 1h}}",
        "policies: {a: {profile: adfs, thresholds: {missing: soon, generation: 4d}}}",
        "modules: {a: {timeout: soon}}\ntargets: [{host: a.example, vantages: {internet: a}, interval: 5s}]",
        "targets: [{host: a.example, entra: {source: user_realm, domains: [a.com], interval: soon, module: default}}]",
        """
        modules: {a: {timeout: soon}}
        targets: [{host: a.example, entra: {source: user_realm, domains: [a.com], interval: 5s, module: a}}]
        """,
    ],
    ids=["timeout", "interval", "threshold", "vantage", "inquiry", "inquiry's timeout"],
)
def test_what_follows_from_a_mistake_is_not_reported_as_another(text: str) -> None:
    problems = problems_of(lambda: read(text))
    assert len(problems) == 1
    assert problems[0].endswith("must be a duration such as 30s, 5m, 1h30m or 20d")


@pytest.mark.parametrize(
    "text",
    [
        "modules: {a: on}\ntargets: [{host: a.example, module: a, vantages: {internet: a}}]",
        "policies: {a: [on]}\ntargets: [{host: a.example, policy: a}]",
    ],
    ids=["module", "policy"],
)
def test_the_name_of_what_cannot_be_read_is_known_all_the_same(text: str) -> None:
    [problem] = problems_of(lambda: read(text))
    assert problem.endswith(".a: must be a mapping: keys, each with a colon and a space after it")


def test_a_vantage_without_a_module_of_this_name_is_the_only_mistake() -> None:
    text = (
        "modules: {outside: {timeout: 1h}}\ntargets: [{host: a.example, module: outside, vantages: {inside: outsid}}]"
    )
    assert problems_of(lambda: read(text)) == [
        "fedmeta.yml:2: targets[0].vantages.inside: no module has this name; did you mean outside?"
    ]


def test_the_name_of_a_target_counts_although_its_url_is_wrong() -> None:
    assert problems_of(lambda: read("targets: [{url: x, name: a}, {host: b, name: a}]")) == [
        f"fedmeta.yml:1: targets[0].url: must {DOCUMENT_SCHEMES}",
        "fedmeta.yml:1: targets[1].name: the name a is taken by the target in fedmeta.yml:1",
    ]


KEYS = sorted({key for readers in BLOCKS.values() for key in readers})
WHOLE = {
    "top level": "{}",
    "defaults": "defaults: {}",
    "targets[]": "targets: [{}]",
    "targets[].nodes[]": "targets: [{{host: a.example, nodes: [{}]}}]",
    "targets[].entities": "targets: [{{host: a.example, entities: {}}}]",
    "modules.<name>": "modules: {{a: {}}}",
    "modules.<name>.tls_config": "modules: {{a: {{tls_config: {}}}}}",
    "policies.<name>": "policies: {{a: {}}}",
    "policies.<name>.thresholds": "policies: {{a: {{thresholds: {}}}}}",
    "probe": "probe: {}",
}
"""A configuration around each block that shows unknown keys."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_key_that_has_its_place_elsewhere_is_led_there_and_to_no_near_word(name: str) -> None:
    for key in KEYS:
        homes = [each for each, readers in BLOCKS.items() if key in readers]
        if name not in homes:
            text = WHOLE[name].format(f"{{{key}: x}}")
            (line,) = (each for each in problems_of(partial(read, text)) if "unknown key" in each)
            stands = line.partition("unknown key here; one of this name stands ")[2].replace("under ", "").split(" or ")
            assert stands == [
                *(["at the top level"] if "top level" in homes else []),
                *(each for each in homes if each != "top level"),
            ]


SYNTAX = [
    *"\n -:[]{},\"'#|>?%@`\\\t&*!~<",
    "\n  ",
    "\n- ",
    ": ",
    "---\n",
    "\\U",
    "%TAG ! x\n",
    "%YAML 1.1\n",
    "\x00",
    "é",
]
WORDS = ["5m", "0", "on", "https://u:p@x/", "http://[", "file:///x", "*.x", "\ud800", "\u2028", "A" * 40]
YAML_LIKE = st.lists(st.sampled_from([*KEYS, *SYNTAX, *WORDS])).map("".join)


@settings(deadline=None)
@given(YAML_LIKE | st.text())
@example('"\\UFFFFFFFF"')
@example("[" * 1_000)
@example("a: &a [*a, *a]\n")
@example("%TAG ! x\n%TAG ! x\n---\n")
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    try:
        config = load("fedmeta.yml", read_file=lambda _: content, list_files=lambda _: ())
    except ConfigError as error:
        assert error.problems  # noqa: PT017 -- either outcome is right
    else:
        assert "default" in config.modules


def values(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | blocks(inner), max_leaves=10)


def blocks(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(
        st.dictionaries(st.text(max_size=5), inner, max_size=2),
        *(st.dictionaries(st.sampled_from(sorted(readers)), inner, max_size=4) for readers in BLOCKS.values()),
    )


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["5m", "16MB", "adfs", "default", "https://a.example/", "a.example", "on", "c0ffee"])
)


@settings(deadline=None)
@given(values(LEAVES))
def test_any_yaml_is_a_configuration_or_a_config_error(document: object) -> None:
    content = yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")
    try:
        config = load("fedmeta.yml", read_file=lambda _: content, list_files=lambda _: ())
    except ConfigError as error:
        assert error.problems  # noqa: PT017 -- either outcome is right
    else:
        assert all(target.look.interval > 0 for target in config.targets)


# What is read


class Plain(yaml.SafeDumper):
    """Writes what is shared as often as it is."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- whatever it is
        return True


def spelt_out(text: str) -> str:
    """The same YAML without anchors and merge keys, as PyYAML reads it."""
    return yaml.dump(yaml.safe_load(text), Dumper=Plain, sort_keys=False)


def test_anchors_and_merge_keys_mean_what_they_mean_to_others() -> None:
    text = (ACCEPTED / "anchors.yml").read_text()
    config = read(text)
    assert config == read(spelt_out(text))
    merged = config.targets[2]
    assert (merged.look.interval, merged.labels) == (1200, {"team": "identity", "site": "north"})
    assert (merged.policy.profile, merged.policy.thresholds) == (Profile.ADFS, {"missing": 3})


SHARED = st.sampled_from(
    ["{interval: 10m}", "{labels: {team: a}}", "{policy: {profile: saml}}", "{vantage: in}", "*earlier"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(SHARED, max_size=3), st.sampled_from(["interval: 1h", "labels: *l", "vantage: a"]))))
def test_any_merge_of_any_mappings_means_what_it_means_to_others(targets: Sequence[tuple[Sequence[str], str]]) -> None:
    lines = ["targets:", "  - &t0", "    host: t0.example", "    labels: &l {site: north}"]
    for number, (merged, own) in enumerate(targets, 1):
        named = ", ".join(merged).replace("*earlier", f"*t{number - 1}")
        lines += [f"  - &t{number}", f"    host: t{number}.example", f"    <<: [{named}]", f"    {own}"]
    text = "\n".join(lines)
    assert read(text) == read(spelt_out(text))


def test_as_many_copies_as_a_generator_writes_are_read() -> None:
    """Ten thousand targets with ten keys in common are below the bound; a hundred thousand are not."""
    keys = "labels: {a: b, c: d, e: f}"
    targets = "".join(f"  - {{<<: *c, host: t{number}.example}}\n" for number in range(3_000))
    assert len(read(f"defaults: &c {{{keys}}}\ntargets:\n{targets}").targets) == 3_000
    more = "".join(f"  k{number}: *c\n" for number in range(MOST_COPIES // 8 + 1))
    assert problems_of(lambda: read(f"defaults: &c {{{keys}}}\nmodules:\n{more}")) == [
        f"fedmeta.yml:1: aliases (*) add more than {MOST_COPIES} values to those that are written"
    ]


def test_what_is_too_much_to_be_read_in_time_is_told_at_once() -> None:
    many = "labels:\n" + "- a\n" * (MOST_VALUES + 1)
    assert problems_of(lambda: read(many)) == [
        f"fedmeta.yml:{MOST_VALUES}: more than {MOST_VALUES} values: share them out among several files"
    ]
    assert problems_of(lambda: read("#" * (LARGEST + 1))) == [f"fedmeta.yml:1: larger than {LARGEST} bytes"]


def test_of_many_mistakes_a_hundred_are_told_and_the_others_counted() -> None:
    with pytest.raises(ConfigError) as caught:
        read("targets:\n" + "- a\n" * (MOST_TOLD + 7))
    assert len(caught.value.problems) == MOST_TOLD + 7
    assert str(caught.value).splitlines()[MOST_TOLD:] == ["and 7 more"]


def test_a_name_is_as_long_as_a_label_shows_it() -> None:
    assert read(f"targets: [{{host: fs.example, name: {'n' * 512}}}]").targets[0].name == "n" * 512
    assert problems_of(lambda: read(f"targets: [{{host: fs.example, name: {'n' * 513}}}]")) == [
        "fedmeta.yml:1: targets[0].name: must have at most 512 characters"
    ]


@pytest.mark.parametrize("file", sorted(ACCEPTED.glob("*.yml")), ids=lambda file: file.stem)
def test_an_accepted_file_has_both_defaults(file: Path) -> None:
    config = load_from(ACCEPTED, file.name)
    assert {"default"} <= config.modules.keys() & config.policies.keys()


@pytest.mark.parametrize("name", ["empty.yml", "empty-blocks.yml"])
def test_an_empty_configuration_watches_nothing_and_lets_nobody_probe(name: str) -> None:
    assert load_from(ACCEPTED, name) == Config(modules={"default": Module()}, policies={"default": PolicySettings()})


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read(b"\xef\xbb\xbftargets: [{host: sts.contoso.com}]").targets[0].name == "sts.contoso.com"


def test_a_host_becomes_the_adfs_address_and_every_address_has_a_name() -> None:
    adfs = "/federationmetadata/2007-06/federationmetadata.xml"
    assert [(target.name, target.url) for target in load_from(ACCEPTED, "addresses.yml").targets] == [
        ("sts.contoso.com", f"https://STS.contoso.com{adfs}"),
        ("sts.fabrikam.com", f"https://sts.fabrikam.com:8443{adfs}"),
        ("2001:db8::1", f"https://[2001:db8::1]{adfs}"),
        ("sts.müller.example", f"https://sts.müller.example{adfs}"),
        ("metadata.example.org", "http://metadata.example.org:8080/aggregate.xml?all=yes"),
        ("metadata.xml", "file:///srv/metadata.xml"),
        ("other metadata.xml", "file://localhost/srv/other%20metadata.xml"),
        ("sts.contoso.com/wap1", "https://192.0.2.1/FederationMetadata/2007-06/FederationMetadata.xml"),
    ]


def test_modules_say_how_to_fetch() -> None:
    modules = load_from(ACCEPTED, "modules.yml").modules
    assert modules == {
        "default": Module(),
        "everything": Module(
            name="everything",
            timeout=90.0,
            tls=Tls("ca.pem", "client.pem", "/etc/ssl/client.key", "sts.contoso.com", insecure_skip_verify=True),
            basic_auth=BasicAuth("on", Secret("12345")),
            http_headers={"X-Team": Secret("identity"), "X-Api-Key": Secret(file="api.key")},
            proxy_url=Secret("http://prometheus:hunter2@proxy.contoso.com:3128"),
            preferred_ip_protocol=IpProtocol.IP6,
            ip_protocol_fallback=False,
            follow_redirects=False,
            body_size_limit=3 * 2**29,
        ),
        "bearer": Module(name="bearer", authorization=Authorization("Bearer", Secret(file="token"))),
        "scheme": Module(name="scheme", authorization=Authorization("Negotiate", Secret("*hunter2"))),
        "oauth2": Module(
            name="oauth2",
            oauth2=OAuth2(
                "watcher",
                Secret(file="secrets/oauth2"),
                "https://login.example.com/token",
                ("metadata", "offline"),
                {"resource": "https://sts.contoso.com"},
            ),
        ),
        "partner": Module(
            name="partner",
            authorization=Authorization("Bearer", Secret("hunter2")),
            probe=True,
            hosts=(
                Origin("https", "idp.example.org", 443),
                Origin("https", "*.contoso.com", 8443),
                Origin("http", "10.0.0.1", 8080),
                Origin("https", "2001:db8::1", 443),
                Origin("https", "xn--bcher-kva.example", 443),
            ),
        ),
        "reserved": Module(name="reserved", probe=False),
    }


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://idp.example.org/x", True),
        ("https://IDP.example.org:443/", True),
        ("https://idp.example.org:444/", False),
        ("http://idp.example.org/", False),
        ("http://idp.example.org:443/", False),
        ("https://idp.example.org.evil.example/", False),
        ("https://a.idp.example.org/", False),
        ("https://a.b.contoso.com:8443/", True),
        ("https://contoso.com:8443/", False),
        ("https://evilcontoso.com:8443/", False),
        ("https://a.contoso.com/", False),
        ("http://10.0.0.1:8080/", True),
        ("https://[2001:db8::1]/", True),
        ("https://bücher.example/", True),
        ("https://xn--bcher-kva.example/", True),
    ],
)
def test_credentials_are_for_the_hosts_that_are_named_with_their_scheme_and_port(url: str, *, covered: bool) -> None:
    assert load_from(ACCEPTED, "modules.yml").modules["partner"].is_for(url) is covered


@pytest.mark.parametrize(("host", "another"), [("faß.example", "fass.example"), ("σοφός.example", "σοφόσ.example")])
def test_credentials_are_for_the_host_that_a_fetch_of_it_looks_up(host: str, another: str) -> None:
    """There are two rules for these letters, and by one of them each pair is the same name."""
    for named, other in ((host, another), (another, host)):
        module = Module(hosts=(Origin.of(f"https://{named}/"),))
        assert module.is_for(f"https://{URL(f'https://{named}').raw_host}/")
        assert not module.is_for(f"https://{other}/")


def test_credentials_are_all_that_is_shown_to_an_endpoint() -> None:
    modules = load_from(ACCEPTED, "modules.yml").modules
    assert [name for name, module in modules.items() if not module.has_credentials] == ["default", "reserved"]
    assert [name for name, module in modules.items() if module.serves_probe] == ["default", "partner"]
    assert [each.has_credentials for each in (Module(http_headers={"X": Secret("x")}), Module(tls=Tls(cert_file="x")))]
    assert not Module(tls=Tls(ca_file="x"), proxy_url=Secret("http://kim:x@proxy.example")).has_credentials


@pytest.mark.parametrize(
    ("proxy", "serves"),
    [
        ("http://proxy.example:3128", True),
        ("http://proxy.example/@", True),
        ("http://kim:x@proxy.example:3128", False),
        ("http://:x@proxy.example", False),
        ("http://token@proxy.example", False),
    ],
)
def test_a_module_with_a_proxys_password_is_for_probe_only_where_it_says_so(proxy: str, *, serves: bool) -> None:
    module = Module(proxy_url=Secret(proxy))

    assert module.serves_probe is serves
    assert replace(module, probe=True).serves_probe
    assert not replace(module, probe=False).serves_probe


def test_no_secret_shows_in_a_representation() -> None:
    shown = repr(load_from(ACCEPTED, "modules.yml"))
    assert "everything" in shown
    assert "hunter2" not in shown
    assert "12345" not in shown


def test_policies_say_what_to_expect() -> None:
    config = load_from(ACCEPTED, "policies.yml")
    by_hand = PolicySettings(
        "by-hand", auto_certificate_rollover=False, thresholds={"due": 42.0, "tls": 0.5, "valid_until": 0.0}
    )
    assert config.policies == {
        "default": PolicySettings(expiry=False),
        "by-hand": by_hand,
        "unknown": PolicySettings("unknown", primary="00112233445566778899aabbccddeeff" * 2),
    }
    assert [target.policy for target in config.targets] == [
        by_hand,
        PolicySettings(expiry=False),
        PolicySettings("target:c.contoso.com", profile=Profile.ENTRA, thresholds={"missing": 100.0}),
    ]


def test_a_policy_that_is_written_in_place_has_a_name_that_no_other_can_have() -> None:
    text = """
        defaults: {policy: {expiry: off}}
        policies: {defaults: {}, a: {}}
        targets:
          - host: a.example
          - host: b.example
          - {host: c.example, name: c, policy: {expiry: off}}
          - {host: d.example, policy: {expiry: off}}
          - {host: e.example, policy: a}
          - {host: f.example, policy: default}
    """
    config = read(text)

    assert [target.policy.name for target in config.targets] == [
        "defaults:policy",
        "defaults:policy",
        "target:c",
        "target:d.example",
        "a",
        "default",
    ]
    assert {name: policy.name for name, policy in config.policies.items()} == {
        name: name for name in ("default", "defaults", "a")
    }


def test_a_target_wins_over_the_defaults_and_labels_are_put_together() -> None:
    config = load_from(ACCEPTED, "targets.yml")
    slow = Module(name="slow", timeout=3600.0)
    url = "https://{}.contoso.com/federationmetadata/2007-06/federationmetadata.xml"
    defaults = {"team": "identity", "tier": "1"}
    assert config.targets == (
        watched("a.contoso.com", url.format("a"), module=slow, interval=3600.0, vantage="internet", labels=defaults),
        watched(
            "b.contoso.com",
            url.format("b"),
            interval=10.0,
            vantage="intranet",
            entity_id="http://b.contoso.com/adfs/services/trust",
            labels={"team": "identity", "tier": "2"},
            watch=("https://*.example.edu/*",),
        ),
        watched("c.contoso.com", url.format("c"), module=slow, interval=3600.0, vantage="internet", labels=defaults),
    )
    assert config.probe_allow == ("*.contoso.com", "2001:db8::*", "::1")
    assert config.target_files == ("more/*.yml", "more/a.yml", "later/**/*.yml")


def test_a_service_is_looked_at_from_each_vantage_and_at_each_node() -> None:
    config = load_from(ACCEPTED, "looks.yml")
    outside, inside = config.modules["outside"], config.modules["inside"]
    a, b, c = config.targets
    assert (a.name, a.look.place, a.look.module, a.look.address) == (
        "a.contoso.com",
        ("service", "internet"),
        outside,
        None,
    )
    assert [(each.node, each.vantage, each.module, each.address) for each in a.looks[1:]] == [
        ("service", "intranet", inside, None),
        ("service", "dmz", inside, None),
        # Nodes are looked at without a proxy.
        ("10.0.0.11", "intranet", inside, "10.0.0.11"),
        ("wap2.contoso.com:8443", "intranet", inside, "wap2.contoso.com:8443"),
        ("wap3", "intranet", inside, "[2001:db8::13]:8443"),
        ("[2001:db8::14]", "intranet", inside, "[2001:db8::14]"),
    ]
    assert (b.look.vantage, b.look.module) == ("elsewhere", Module())
    assert [(each.node, each.vantage, each.address) for each in b.looks[1:]] == [
        ("10.0.0.21", "elsewhere", "10.0.0.21")
    ]
    assert [(each.vantage, each.module) for each in c.looks] == [("elsewhere", Module())]


def test_a_look_is_at_its_target_in_all_but_its_place() -> None:
    a = load_from(ACCEPTED, "looks.yml").targets[0]
    assert a.entra == Entra(domains=("contoso.com",), source=TrustSource.USER_REALM)
    assert len({look.place for look in a.looks}) == len(a.looks)
    for look in a.looks:
        assert (look.url, look.interval) == (a.url, a.look.interval)


def test_a_target_may_say_how_to_ask_entra_id() -> None:
    config = load_from(ACCEPTED, "entra.yml")
    client_id = "f9b8cd3a-2d6b-4c1f-8f3e-0a1b2c3d4e5f"
    module = Module(name="default", timeout=20.0)
    assert [target.entra for target in config.targets] == [
        Entra(
            domains=("contoso.com", "xn--mller-kva.example", "sub.3m.co.uk"),
            tenant="contoso.onmicrosoft.com",
            client_id=client_id,
            client_secret=Secret(file="secrets/client"),
            module=module,
        ),
        Entra(
            domains=("contoso.cn",),
            cloud=Cloud.CHINA,
            tenant="61318f71-9c58-4f75-b8af-329e649fcd80",
            client_id="watcher",
            client_certificate=Secret(variable="CLIENT_CERTIFICATE"),
            interval=5.0,
            module=Module(name="outside", timeout=5.0),
            login_url="http://127.0.0.1:8080/login",
            graph_url="https://graph.example.com",
        ),
        Entra(("c.com",), tenant="t", client_id="w", client_secret=Secret(variable="CLIENT_SECRET"), module=module),
        Entra(
            ("d.com",), tenant="t", client_id="w", client_certificate=Secret(file="/etc/ssl/client.pem"), module=module
        ),
        Entra(("e.com",), tenant="t", client_id="w", federated_token=Secret(file="token"), module=module),
        Entra(("f.com",), TrustSource.USER_REALM, Cloud.USGOV, module=module, login_url="https://login.example.com"),
    ]


def test_target_files_are_found_beside_the_configuration_file_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "[fedmeta]"
    (folder / "targets" / "deep").mkdir(parents=True)
    (folder / "fedmeta.yml").write_text("target_files: [targets/**/*.yml]")
    (folder / "targets" / "b.yml").write_text("- host: b.contoso.com")
    (folder / "targets" / "deep" / "a.yml").write_text("- host: a.contoso.com")
    config = load(str(folder / "fedmeta.yml"))
    assert [target.name for target in config.targets] == ["b.contoso.com", "a.contoso.com"]
    assert config.target_files == (str(tmp_path / "[[]fedmeta]" / "targets/**/*.yml"),)


def test_a_pipe_in_place_of_any_file_of_the_configuration_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.yml")
    (tmp_path / "fedmeta.yml").write_text("policies: {a: {signer: pipe.yml}}\ntarget_files: ['p*.yml']")
    assert problems_of(lambda: load("pipe.yml")) == ["pipe.yml: cannot be read: it is a pipe"]
    assert problems_of(lambda: load("fedmeta.yml")) == [
        "fedmeta.yml:1: policies.a.signer: cannot be read: it is a pipe",
        "pipe.yml: cannot be read: it is a pipe",
    ]


def test_signers_come_from_pem_and_der_files(authority: trustme.CA) -> None:
    other = trustme.CA(key_type=trustme.KeyType.ECDSA).cert_pem.bytes()
    first = authority.cert_pem.bytes()
    ders = [ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in (first, other)]
    files = {"both.pem": first + other, "other.der": ders[1]}
    assert read("policies: {default: {signer: both.pem}}", files).policies["default"].signers == tuple(ders)
    assert read("policies: {default: {signer: [other.der, both.pem]}}", files).policies["default"].signers == (
        ders[1],
        *ders,
    )


# Addresses on the command line


def test_addresses_are_watched_with_the_defaults() -> None:
    assert from_addresses(["sts.contoso.com", "http://idp.example.org/metadata", "file:///srv/a.xml"]) == Config(
        targets=(
            watched("sts.contoso.com", "https://sts.contoso.com/federationmetadata/2007-06/federationmetadata.xml"),
            watched("idp.example.org", "http://idp.example.org/metadata"),
            watched("a.xml", "file:///srv/a.xml"),
        ),
        modules={"default": Module()},
        policies={"default": PolicySettings()},
    )


def test_wrong_addresses_are_all_named_by_their_number() -> None:
    addresses = ["ldap://a", "sts.contoso.com", "https://u:hunter2@a/", "https://sts.contoso.com/x", "", "u:hunter2@a"]
    assert problems_of(lambda: from_addresses(addresses)) == [
        f"address 1: must {DOCUMENT_SCHEMES}",
        "address 3: must not hold a user name or a password; a module has keys for them",
        "address 4: sts.contoso.com is named twice; a configuration file can give each target a name of its own",
        "address 5: must name a host",
        f"address 6: must be a host name, with or without a port, or {DOCUMENT_SCHEMES}",
    ]


@pytest.mark.parametrize("address", ["./metadata.xml", "C:\\fed\\metadata.xml", "sts.contoso.com/adfs"])
def test_an_address_with_a_path_is_told_how_it_begins(address: str) -> None:
    assert problems_of(lambda: from_addresses([address])) == [
        f"address 1: must be a host name, with or without a port, or {DOCUMENT_SCHEMES}"
    ]


# Units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("100ms", 0.1),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("5d", 432_000.0),
        ("2w", 1_209_600.0),
        ("1y", 31_536_000.0),
        ("1y2w3d4h5m6s", 33_019_506.0),
        ("292y", 9_208_512_000.0),
    ],
)
def test_a_duration_is_read_as_prometheus_reads_it(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "1.5h", "-5m", "5 m", "5m ", "30s1m", "1m1m", "5M", "\u0665m", "1" * 5000 + "s"]
)
def test_what_prometheus_takes_for_no_duration_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        units.duration(text)


def test_a_duration_ends_where_prometheus_runs_out_of_nanoseconds() -> None:
    with pytest.raises(ValueError, match="must not be longer than 292y"):
        units.duration("293y")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("512B", 512),
        ("1KB", 2**10),
        ("1KiB", 2**10),
        ("16MB", 2**24),
        ("1.5GiB", 3 * 2**29),
        ("1TB", 2**40),
        ("2PB", 2**51),
        ("1EB", 2**60),
    ],
)
def test_a_size_is_read_in_powers_of_1024(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize("text", ["", "16", "16 MB", "16mb", "-1MB", "1iB", "MB", ".5MB", "1ZB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as"):
        units.size(text)


# The documentation


def documented_rows() -> dict[str, dict[str, list[str]]]:
    """The cells of each key's row, by the heading above it."""
    sections = re.split(r"^## ", DOCUMENTATION, flags=re.MULTILINE)[1:]
    return {
        title.strip("`"): {
            row[0].strip("`"): row[1:]
            for line in body.splitlines()
            if line.startswith("| `")
            for row in [[cell.strip() for cell in line.strip("|").split("|")]]
        }
        for title, _, body in (section.partition("\n") for section in sections)
        if title.startswith("`")
    }


def test_every_key_is_documented_and_every_documented_key_exists() -> None:
    assert {title: list(rows) for title, rows in documented_rows().items()} == {
        title: list(readers) for title, readers in BLOCKS.items()
    }


def test_the_example_in_the_documentation_is_a_configuration(authority: trustme.CA) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION, flags=re.DOTALL)
    config = read(text, {"federation-signer.pem": authority.cert_pem.bytes()})
    assert [target.name for target in config.targets] == ["sts.contoso.com", "federation"]
    contoso, federation = config.targets
    assert [(look.node, look.vantage, look.module.name) for look in contoso.looks] == [
        ("service", "internet", "outside"),
        ("service", "intranet", "inside"),
        ("10.0.0.11", "intranet", "inside"),
        ("wap2", "intranet", "inside"),
    ]
    assert contoso.entra is not None
    assert contoso.entra.domains == ("contoso.com", "fabrikam.com")
    assert contoso.entra.module.proxy_url is not None
    assert [look.place for look in federation.looks] == [("service", "internet")]
    assert federation.look.module.body_size_limit == 128 * 2**20


def test_documented_defaults_of_targets_and_modules_are_the_real_ones() -> None:
    rows = documented_rows()
    target, module, entra = rows["defaults"], rows["modules.<name>"], rows["targets[].entra"]
    assert units.duration(target["interval"][1].strip("`")) == Look("").interval
    assert target["vantage"][1].strip("`") == Look("").vantage
    assert units.duration(module["timeout"][1].strip("`")) == Module().timeout
    assert units.size(module["body_size_limit"][1].strip("`")) == Module().body_size_limit
    assert module["preferred_ip_protocol"][1].strip("`") == Module().preferred_ip_protocol
    assert units.duration(entra["interval"][1].strip("`")) == Entra(()).interval
    assert entra["source"][1].strip("`") == Entra(()).source
    assert entra["cloud"][1].strip("`") == Entra(()).cloud
    assert entra["module"][1].strip("`") == Entra(()).module.name


@pytest.mark.parametrize("words", [Cloud, TrustSource])
def test_every_cloud_and_source_is_documented(words: type[Cloud | TrustSource]) -> None:
    rows = documented_rows()["targets[].entra"]
    kinds = rows["cloud" if words is Cloud else "source"][0]
    assert re.findall(r"`(\w+)`", kinds) == list(words)


@pytest.mark.parametrize("name", THRESHOLD_NAMES)
def test_documented_thresholds_are_the_real_ones(name: str) -> None:
    cells = documented_rows()["policies.<name>.thresholds"][name]
    documented = [units.duration(cell.strip("`")) / 86400 for cell in cells[: len(Profile)]]
    assert documented == [getattr(DEFAULTS[profile], name) for profile in Profile]
