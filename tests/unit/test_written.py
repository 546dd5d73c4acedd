"""The configuration in force as YAML: read again it is the same, and it holds no secret."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import units
from exporter.config.reader import BLOCKS, load
from exporter.config.settings import Authorization, BasicAuth, Config, Entra, Module, OAuth2, Secret, Target
from exporter.config.urls import MASK, shown
from exporter.config.written import written
from exporter.policy import PolicySettings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests/corpus/config/accepted").glob("*.yml"))

ANOTHER_WAY = {("top level", "defaults"), ("top level", "target_files"), ("targets[]", "host")}
"""Keys that say what others say of each target."""


def again(text: str, config: Config) -> Config:
    """What the text means, read as a file beside the certificates of the signers."""
    signers = {sha256(each).hexdigest(): each for target in config.targets for each in target.policy.signers}
    signers |= {sha256(each).hexdigest(): each for policy in config.policies.values() for each in policy.signers}

    def read_file(name: str) -> bytes:
        return text.encode() if name == "again.yml" else signers[name]

    return load("again.yml", read_file=read_file, list_files=lambda _: ())


def masked(config: Config) -> Config:
    """The same with every secret masked, and what stands in place of something else put as it is written."""
    return Config(
        tuple(map(_target, config.targets)),
        {name: _module(each) for name, each in config.modules.items()},
        config.policies,
        config.probe_allow,
    )


def _target(target: Target) -> Target:
    looks = tuple(replace(each, url=shown(each.url), module=_module(each.module)) for each in target.looks)
    entra = target.entra and _entra(target.entra)
    return replace(target, looks=looks, entra=entra, policy=_policy(target))


def _policy(target: Target) -> PolicySettings:
    name = target.policy.name
    return replace(target.policy, name=f"target:{target.name}" if target.policy.is_in_place else name)


def _entra(entra: Entra) -> Entra:
    return replace(
        entra,
        module=_module(entra.module),
        login_url=entra.login_url and shown(entra.login_url),
        graph_url=entra.graph_url and shown(entra.graph_url),
    )


def _module(module: Module) -> Module:
    basic, bearer, oauth2 = module.basic_auth, module.authorization, module.oauth2
    return replace(
        module,
        basic_auth=basic and BasicAuth(basic.username, _secret(basic.password)),
        authorization=bearer and Authorization(bearer.type, _secret(bearer.credentials)),
        oauth2=oauth2
        and OAuth2(
            oauth2.client_id,
            _secret(oauth2.client_secret),
            shown(oauth2.token_url),
            oauth2.scopes,
            dict.fromkeys(oauth2.endpoint_params, MASK),
        ),
        http_headers={name: _secret(each) for name, each in module.http_headers.items()},
        proxy_url=module.proxy_url and Secret(text=shown(module.proxy_url.text or "")),
        probe=module.serves_probe,
    )


def _secret(secret: Secret) -> Secret:
    return secret if secret.text is None else Secret(text=MASK)


def keys(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a text with the block that it stands in, as the tables of the reader name them."""
    if isinstance(value, list):
        for each in value:
            yield from keys(each, f"{path}[]")
    elif isinstance(value, dict):
        named = path in {"modules", "policies", "modules.<name>.http_headers"}
        for key, each in value.items():
            if not named:
                yield path or "top level", key
            yield from keys(each, f"{path}.{'<name>' if named else key}".removeprefix("."))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_written_means_the_same_when_it_is_read_again(file: Path) -> None:
    config = load(str(file))
    assert again(written(config), config) == masked(config)


def test_every_key_is_written_but_those_that_are_another_way_to_say_it() -> None:
    found = {pair for file in FILES for pair in keys(yaml.safe_load(written(load(str(file)))))}
    expected = {(block, key) for block, readers in BLOCKS.items() for key in readers if block != "defaults"}
    assert expected - found == ANOTHER_WAY


def test_a_file_is_named_from_the_root_wherever_the_configuration_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES[0].parents[1])
    config = load("accepted/modules.yml")
    assert config.modules["everything"].tls.ca_file == "accepted/ca.pem"
    assert again(written(config), config).modules["everything"].tls.ca_file == str(FILES[0].parent / "ca.pem")
    assert again(written(config), config).modules["bearer"].authorization == Authorization(
        "Bearer", Secret(file=str(FILES[0].parent / "token"))
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_secret_of_these_files_is_written(file: Path) -> None:
    assert "hunter2" not in written(load(str(file)))
    assert "12345" not in written(load(str(file)))


@example(1001)
@given(st.integers(min_value=1, max_value=292 * 365 * 86400 * 1000 - 1))
def test_every_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    assert round(1000 * units.duration(units.as_duration(milliseconds / 1000))) == milliseconds


@given(st.integers(min_value=1, max_value=2**60))
def test_every_size_is_read_as_it_is_written(size: int) -> None:
    assert units.size(units.as_size(size)) == size


def test_what_a_policy_leaves_open_is_shown_as_unknown() -> None:
    config = load("fedmeta.yml", read_file=lambda _: b"policies: {a: {}}\n", list_files=lambda _: ())
    assert yaml.safe_load(written(config))["policies"]["a"]["auto_certificate_rollover"] == "unknown"
