"""``--config.check``: what a configuration names and is not there, and what in it has no use."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from exporter.config.reader import Lines, from_addresses, load, load_with_lines
from exporter.config.surroundings import doubtful, lacking
from exporter.config.written import written

CA = trustme.CA().cert_pem.bytes()
EVERYTHING = """
modules:
  a:
    tls_config: {ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}
    basic_auth: {username: kim, password_file: password}
    http_headers: {X-Key: {file: header}, X-Team: identity}
  b:
    authorization: {credentials_file: credentials}
  c:
    oauth2: {client_id: kim, client_secret_file: secret, token_url: "https://login.example/"}
targets:
  - host: a.example
    module: a
    entra: {tenant: t, client_id: c, domains: [a.com], client_certificate_file: entra.pem}
  - host: b.example
    module: b
    entra: {tenant: t, client_id: c, domains: [b.com], client_secret_env: THE_SECRET}
  - host: c.example
    module: c
    entra: {tenant: t, client_id: c, domains: [c.com], federated_token_file: token}
  - host: d.example
    entra: {source: user_realm, domains: [d.com]}
"""
FILES = ("ca.pem", "cert.pem", "key.pem", "password", "header", "credentials", "secret", "entra.pem", "token")


def lacks(text: str, files: Mapping[str, bytes], environment: Mapping[str, str]) -> list[str]:
    content = {"fedmeta.yml": text.encode(), **files}

    def read_file(file: str) -> bytes:
        try:
            return content[file]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", file) from None

    config, lines = load_with_lines("fedmeta.yml", read_file=read_file, list_files=lambda _: ())
    return list(map(str, lacking(config, lines, read_file=read_file, environment=environment)))


def doubts(text: str) -> list[str]:
    config, lines = load_with_lines("fedmeta.yml", read_file=lambda _: text.encode(), list_files=lambda _: ())
    return sorted(map(str, doubtful(config, lines, list_files=lambda _: ())))


def test_where_all_is_there_nothing_is_lacking() -> None:
    assert lacks(EVERYTHING, dict.fromkeys(FILES, CA), {"THE_SECRET": "x"}) == []


@pytest.mark.parametrize(
    ("file", "whose"),
    [
        ("ca.pem", "fedmeta.yml:4: modules.a.tls_config.ca_file"),
        ("cert.pem", "fedmeta.yml:4: modules.a.tls_config.cert_file"),
        ("key.pem", "fedmeta.yml:4: modules.a.tls_config.key_file"),
        ("password", "fedmeta.yml:5: modules.a.basic_auth.password_file"),
        ("header", "fedmeta.yml:6: modules.a.http_headers.X-Key.file"),
        ("credentials", "fedmeta.yml:8: modules.b.authorization.credentials_file"),
        ("secret", "fedmeta.yml:10: modules.c.oauth2.client_secret_file"),
        ("entra.pem", "fedmeta.yml:14: targets[0].entra.client_certificate_file"),
        ("token", "fedmeta.yml:20: targets[2].entra.federated_token_file"),
    ],
)
def test_every_file_that_is_not_there_or_empty_is_told(file: str, whose: str) -> None:
    files = dict.fromkeys(FILES, CA)
    assert lacks(EVERYTHING, {**files, file: b" \n"}, {"THE_SECRET": "x"}) == [f"{whose}: {file} is empty"]
    del files[file]
    assert lacks(EVERYTHING, files, {"THE_SECRET": "x"}) == [
        f"{whose}: {file} cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize("content", [b"hunter2", b"-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("file", ["ca.pem", "cert.pem"])
def test_a_file_of_certificates_that_holds_none_is_told_without_what_it_holds(file: str, content: bytes) -> None:
    files = {**dict.fromkeys(FILES, CA), file: content}
    (told,) = lacks(EVERYTHING, files, {"THE_SECRET": "x"})
    assert told.endswith(f"{file} holds no certificate in PEM")
    assert "hunter" not in told


def test_a_file_of_a_private_key_needs_no_certificate() -> None:
    files = {
        **dict.fromkeys(FILES, CA),
        "key.pem": b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
    }
    assert lacks(EVERYTHING, files, {"THE_SECRET": "x"}) == []


@pytest.mark.parametrize("environment", [{}, {"THE_SECRET": ""}])
def test_a_variable_that_is_not_set_is_told(environment: dict[str, str]) -> None:
    assert lacks(EVERYTHING, dict.fromkeys(FILES, CA), environment) == [
        "fedmeta.yml:17: targets[1].entra.client_secret_env: the environment variable of this name is not set, or empty"
    ]


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("10.0.0.11", True),
        ("10.0.0.11:8443", True),
        ("2001:db8::1", True),
        ("wap1", True),
        ("wap1.example:8443", True),
        ("10.0.0.300", False),
        ("10.0.0", False),
        ("10.0.0.300:8443", False),
        ("1.2.3.4.5.", False),
    ],
)
def test_a_node_whose_address_is_none_is_told(address: str, *, is_one: bool) -> None:
    told = (
        f"fedmeta.yml:1: targets[0].nodes[0]: {address} is neither an IP address nor a name:"
        " no name ends in digits alone"
    )
    assert lacks(f"targets: [{{host: a.example, nodes: ['{address}']}}]", {}, {}) == ([] if is_one else [told])


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("fedmeta.yml:1: targets[0].host", "targets: [{name: a, host: '%s'}]"),
        ("fedmeta.yml:1: targets[0].url", "targets: [{name: a, url: 'https://%s:8443/m.xml'}]"),
        (
            "fedmeta.yml:1: targets[0].entra.login_url",
            "targets: [{name: a, host: a.example, entra: {login_url: 'https://%s/', ^}}]",
        ),
        (
            "fedmeta.yml:1: targets[0].entra.graph_url",
            "targets: [{name: a, host: a.example, entra: {graph_url: 'https://%s/', ^}}]",
        ),
        ("fedmeta.yml:1: modules.default.proxy_url", "modules: {default: {proxy_url: 'http://kim:hunter2@%s:3128'}}"),
        (
            "fedmeta.yml:1: modules.default.oauth2.token_url",
            "modules: {default: {oauth2: {token_url: 'https://%s/t', ~}}}",
        ),
    ],
)
def test_a_host_of_any_address_that_is_none_is_told(where: str, text: str) -> None:
    text = text.replace("^", "tenant: t, client_id: c, domains: [a.com], client_secret_env: S")
    text = text.replace("~", "client_id: c, client_secret: hunter2")
    for host in ("10.0.0.300", "1.2.3"):
        assert lacks(text % host, {}, {"S": "x"}) == [
            f"{where}: leads to {host}, which is neither an IP address nor a name: no name ends in digits alone"
        ]
    for host in ("10.0.0.30", "[2001:db8::1]", "a.example", "10.example"):
        assert lacks(text % host, {}, {"S": "x"}) == []


SECRETS = """
modules:
  a:
    basic_auth: {username: kim, password: hunter2}
    http_headers: {X-Key: hunter3, X-File: {file: header}}
    proxy_url: http://kim:hunter4@proxy.example
  b:
    authorization: {credentials: hunter5}
  c:
    oauth2:
      client_id: c
      client_secret: hunter6
      token_url: https://login.example/?key=hunter7
      endpoint_params: {resource: hunter8}
targets:
  - {name: a, url: "https://a.example/?x=hunter9", module: a}
  - {name: b, url: "https://b.example/?hunter10", module: b}
  - {name: c, url: "https://c.example/m?id=1#hunter11", module: c}
  - name: d
    host: d.example
    entra:
      source: user_realm
      domains: [a.com]
      login_url: https://login.example/?a=1&b=hunter12
"""


def test_every_secret_that_is_masked_is_told_where_what_config_shows_is_used_as_a_configuration() -> None:
    assert doubts(SECRETS) == []
    saved = written(load("fedmeta.yml", read_file=lambda _: SECRETS.encode(), list_files=lambda _: ()))
    lines = saved.splitlines()
    told = doubts(saved)
    for each in told:
        _, number, path, message = each.split(":", 3)
        assert "***" in lines[int(number) - 1], path
        assert message.endswith("is ***, as /config shows what may be secret: write what it stands for")
    assert sorted(each.split(": ")[1] + (" in part" if "a part of it" in each else "") for each in told) == [
        "modules.a.basic_auth.password",
        "modules.a.http_headers.X-Key",
        "modules.a.proxy_url in part",
        "modules.b.authorization.credentials",
        "modules.c.oauth2.client_secret",
        "modules.c.oauth2.endpoint_params.resource",
        "modules.c.oauth2.token_url in part",
        "targets[0].url in part",
        "targets[1].url in part",
        "targets[2].url in part",
        "targets[3].entra.login_url in part",
    ]
    shown = "\n".join(line for line in saved.splitlines() if not line.startswith("#"))
    assert len(doubts(saved)) == sum("***" in line for line in shown.splitlines())


def test_a_module_or_policy_that_nothing_uses_is_told() -> None:
    text = "modules: {a: {}, b: {}, c: {}, default: {}}\npolicies: {x: {}, y: {}, default: {}}\n"
    text += (
        "targets: [{host: a.example, module: a, policy: x, entra: {source: user_realm, domains: [a.com], module: b}}]"
    )
    assert doubts(text) == [
        "fedmeta.yml:1: modules.c: has no use: no target names it, and /probe may not use it",
        "fedmeta.yml:2: policies.y: has no use: no target names it, and /probe may look at nothing",
    ]


def test_what_probe_may_use_has_a_use() -> None:
    text = "modules: {a: {}, b: {basic_auth: {username: kim, password: x}}}\npolicies: {x: {}}\nprobe: {allow: ['*']}"
    assert doubts(text) == ["fedmeta.yml:1: modules.b: has no use: no target names it, and /probe may not use it"]


def test_a_vantage_that_is_almost_called_internet_is_told_once_for_each_target() -> None:
    text = "targets: [{host: a.example, vantage: Internet, nodes: [wap1]}, {host: b.example, vantage: internet}]"
    told = "is not the vantage internet, in small letters, which sees what Entra ID sees"
    assert doubts(text) == [f"fedmeta.yml:1: targets[0].vantage: Internet {told}"]
    assert doubts(text.replace("Internet", "' internet '")) == [f"fedmeta.yml:1: targets[0].vantage:  internet  {told}"]
    assert doubts("defaults: {vantage: Internet}\ntargets: [{host: a.example}]") == [
        f"fedmeta.yml:2: targets[0]: Internet {told}"
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "null\n", "targets: []\n"])
def test_a_configuration_that_watches_nothing_is_told(text: str) -> None:
    assert doubts(text) == ["fedmeta.yml:1: nothing is watched: there is no target, and /probe may look at nothing"]
    assert doubts("probe: {allow: ['*']}") == []


def test_a_pattern_of_target_files_that_matches_none_is_told() -> None:
    config, lines = load_with_lines(
        "fedmeta.yml", read_file=lambda _: b"probe: {allow: ['*']}\ntarget_files:\n  - a-*.yml\n  - b-*.yml\n"
    )
    found = doubtful(config, lines, list_files=lambda pattern: [] if pattern.startswith("b") else ["a-1.yml"])
    assert list(map(str, found)) == ["fedmeta.yml:4: target_files[1]: matches no file"]


@pytest.mark.parametrize(
    ("pattern", "is_one"),
    [
        ("https://.*", True),
        (".*", True),
        ("^https://idp", True),
        ("idp.example$", True),
        (r"*\.example", True),
        ("*", False),
        ("*.example", False),
        ("idp.*", False),
        ("idp-?.[ab].example", False),
    ],
)
def test_a_regular_expression_in_the_place_of_a_pattern_is_told(pattern: str, *, is_one: bool) -> None:
    told = ": seems to be a regular expression, and is a pattern, in which * alone stands for any text"
    watch = f"targets: [{{host: a.example, entities: {{watch: [x, '{pattern}']}}}}]"
    assert doubts(watch) == ([f"fedmeta.yml:1: targets[0].entities.watch[1]{told}"] if is_one else [])
    if "/" not in pattern:
        assert doubts(f"probe: {{allow: ['{pattern}']}}") == (
            [f"fedmeta.yml:1: probe.allow[0]{told}"] if is_one else []
        )


def test_what_is_in_no_file_is_told_with_its_target() -> None:
    found = lacking(from_addresses(["1.2.3"]), Lines(), read_file=lambda _: b"", environment={})
    assert list(map(str, found)) == [
        "target 1.2.3: leads to 1.2.3, which is neither an IP address nor a name: no name ends in digits alone"
    ]


def test_the_example_of_the_documentation_is_beyond_doubt() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert doubts(example.replace("signer: federation-signer.pem", "expiry: true")) == [
        "fedmeta.yml:41: target_files[0]: matches no file"
    ]
