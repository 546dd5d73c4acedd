"""YAML text to a frozen Config: every mistake at once, each with its file, line and path.

The keys of every block stand in tables; docs/configuration.md is compared with them.
"""

import glob
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import yaml

from exporter.config import fields
from exporter.config.document import (
    Block,
    ConfigError,
    Mistake,
    Place,
    Problem,
    Readers,
    Source,
    attempt,
    block,
    compose,
    did_you_mean,
    each,
)
from exporter.config.modules import MODULE_BLOCKS, read_module
from exporter.config.settings import Config, Module, Target
from exporter.policy import DEFAULTS, THRESHOLD_NAMES, PolicySettings, Profile

__all__ = ["BLOCKS", "ConfigError", "Problem", "from_addresses", "load", "matching_files"]

T = TypeVar("T")

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = {"target", "url", "profile", "profile_evidence", "auto_certificate_rollover", "expiry", "module"}
_SCRAPE_LABELS = {"job", "instance"}


def _read_file(name: str) -> bytes:
    return Path(name).read_bytes()


def matching_files(pattern: str) -> Sequence[str]:
    """The files of a pattern of ``target_files``, in order."""
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute, which Path.glob refuses


def load(
    file: str,
    *,
    read_file: Callable[[str], bytes] = _read_file,
    list_files: Callable[[str], Sequence[str]] = matching_files,
) -> Config:
    """The configuration in a YAML file and the target files that it names.

    ``list_files`` gives the files of a pattern, in order. Raises ConfigError with every problem there is, in the
    order of the files and lines.
    """
    problems: list[Problem] = []
    root = compose(Source(file, Path(file).parent, read_file, problems))
    configs = list(attempt(root, lambda place: _config(place, list_files)))
    if problems:
        order = list(dict.fromkeys([file, *(problem.file for problem in problems)]))
        raise ConfigError(sorted(problems, key=lambda problem: (order.index(problem.file), problem.line or 0)))
    return configs[0]


def from_addresses(addresses: Sequence[str]) -> Config:
    """The configuration that watches these hosts (as AD FS) and URLs, with the defaults for the rest.

    Raises ConfigError with every problem there is.
    """
    problems: list[Problem] = []
    targets: dict[str, Target] = {}
    for number, address in enumerate(addresses, 1):
        try:
            target = _target_at(address, targets)
        except Mistake as mistake:
            problems.append(Problem("", None, f"address {number}", str(mistake)))
        else:
            targets[target.name] = target
    if problems:
        raise ConfigError(problems)
    return Config(tuple(targets.values()), {"default": Module()}, {"default": PolicySettings()})


def _target_at(address: str, taken: Collection[str]) -> Target:
    url = fields.checked_target_url(address) if "://" in address else fields.checked_adfs_url(address)
    name = _default_name(url)
    if name in taken:
        raise Mistake(f"{name} is named twice; a configuration file can give each target a name of its own")
    return Target(name, url)


def _default_name(url: str) -> str:
    parts = urlsplit(url)
    return parts.hostname if parts.hostname and parts.scheme != "file" else parts.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a target may refer to by name."""

    modules: Mapping[str, Module]
    faulty_modules: set[str]
    policies: Mapping[str, PolicySettings]


def _config(place: Place, list_files: Callable[[str], Sequence[str]]) -> Config:
    found = block(place, _TOP_KEYS)
    modules = found.values.get("modules", Block(place))
    policies = found.values.get("policies", Block(place))
    known = _Known(
        modules={"default": Module()} | {name: replace(module, name=name) for name, module in modules.values.items()},
        faulty_modules=modules.faulty,
        policies={"default": PolicySettings()} | policies.values,
    )
    base = Target("", "", module=known.modules["default"], policy=known.policies["default"])
    if "defaults" in found.values:
        base = _common(found.values["defaults"], base, known)
    patterns = [
        (pattern, item)
        for item in found.values.get("target_files", ())
        for pattern in attempt(item, fields.path_pattern)
    ]
    taken: dict[str, Place] = {}
    return Config(
        targets=tuple(
            target
            for item in chain(found.values.get("targets", ()), _in_target_files(patterns, list_files))
            for target in attempt(item, lambda item: _target(item, base, known, taken))
        ),
        modules=known.modules,
        policies=known.policies,
        probe_allow=found.values.get("probe", ()),
        target_files=tuple(pattern for pattern, _ in patterns),
    )


def _in_target_files(
    patterns: Iterable[tuple[str, Place]], list_files: Callable[[str], Sequence[str]]
) -> Iterator[Place]:
    files: dict[str, Source] = {}
    for pattern, item in patterns:
        listed = list_files(pattern)
        if not listed and glob.escape(item.text()) == item.text():
            item.wrong("no such file")
        files |= {file: replace(item.source, file=file) for file in listed}
    for source in files.values():
        for targets in attempt(compose(source), Place.items):
            yield from targets


def _target(place: Place, base: Target, known: _Known, taken: dict[str, Place]) -> Target:
    found = block(place, _TARGET_KEYS)
    target = _common(found, base, known)
    module = target.module
    judged = found.faulty.isdisjoint(("interval", "module")) and module.name not in known.faulty_modules
    if judged and module.timeout > target.interval:
        found.at("interval").wrong(
            f"an interval of {target.interval:g} s is shorter than module {module.name}'s timeout"
            f" of {module.timeout:g} s"
        )
    url = found.values.get("url") or found.values.get("host", "")
    name = found.values.get("name") or _default_name(url)
    first = taken.setdefault(name, place) if name and "name" not in found.faulty else place
    if first is not place:
        found.at("name").wrong(f"the name {name} is taken by the target in {first.source.file}:{first.line}")
    found.require(("url", "host"))
    return replace(
        target,
        name=name,
        url=url,
        entity_id=found.values.get("entity_id"),
        watch=found.values.get("entities", ()),
    )


def _common(found: Block, base: Target, known: _Known) -> Target:
    policy = found.values.get("policy")
    return replace(
        base,
        module=_named(found, "module", known.modules, base.module),
        policy=policy if isinstance(policy, PolicySettings) else _named(found, "policy", known.policies, base.policy),
        interval=found.values.get("interval", base.interval),
        vantage=found.values.get("vantage", base.vantage),
        labels={**base.labels, **found.values.get("labels", {})},
    )


def _named(found: Block, key: str, known: Mapping[str, T], otherwise: T) -> T:
    if key not in found.values:
        return otherwise
    name = found.values[key]
    if name not in known:
        found.at(key).wrong(f"no {key} has this name{did_you_mean(name, known)}")
        found.faulty.add(key)
    return known.get(name, otherwise)


def _labels(place: Place) -> Mapping[str, str]:
    found = each(place, fields.text)
    for name, at in found.places.items():
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            at.wrong("is not the name of a label: letters, digits and _, beginning with no digit and not with __")
        elif name in _OWN_LABELS:
            at.wrong("fedmeta_target_info has a label of this name already")
        elif name in _SCRAPE_LABELS:
            at.wrong("Prometheus sets this label itself when it scrapes")
    return found.values


def _entities(place: Place) -> tuple[str, ...]:
    return tuple(block(place, _ENTITIES_KEYS).values.get("watch", ()))


def _probe(place: Place) -> tuple[str, ...]:
    return tuple(block(place, _PROBE_KEYS).values.get("allow", ()))


def _policy_or_its_name(place: Place) -> PolicySettings | str:
    return _policy(place) if isinstance(place.node, yaml.MappingNode) else place.text()


def _policy(place: Place) -> PolicySettings:
    found = block(place, _POLICY_KEYS)
    settings = PolicySettings(
        profile=found.values.get("profile"),
        auto_certificate_rollover=found.values.get("auto_certificate_rollover"),
        thresholds=found.values.get("thresholds", {}),
        signers=found.values.get("signer", ()),
        expiry=found.values.get("expiry", True),
        primary=found.values.get("primary"),
    )
    rollover = settings.auto_certificate_rollover
    if (settings.profile, rollover) in {(Profile.ADFS, False), (Profile.ADFS_MANUAL, True)}:
        found.at("auto_certificate_rollover").wrong(f"contradicts profile {settings.profile}")
    if found.faulty.isdisjoint(("profile", "auto_certificate_rollover", "thresholds")):
        for sentence in _contradictions(settings):
            found.at("thresholds").wrong(sentence)
    return settings


def _contradictions(settings: PolicySettings) -> Iterable[str]:
    return dict.fromkeys(
        sentence
        for profile in settings.possible_profiles()
        for sentence in replace(DEFAULTS[profile], **settings.thresholds).contradictions(profile)
    )


def _thresholds(place: Place) -> Mapping[str, float]:
    return block(place, _THRESHOLD_KEYS).values


_COMMON_KEYS: Readers = {
    "module": fields.text,
    "interval": fields.positive_duration,
    "vantage": fields.text,
    "policy": _policy_or_its_name,
    "labels": _labels,
}
_TARGET_KEYS: Readers = {
    "name": fields.text,
    "url": fields.target_url,
    "host": fields.adfs_url,
    **_COMMON_KEYS,
    "entity_id": fields.text,
    "entities": _entities,
}
_ENTITIES_KEYS: Readers = {"watch": fields.texts}
_POLICY_KEYS: Readers = {
    "profile": fields.one_of(Profile),
    "auto_certificate_rollover": fields.true_false_or_unknown,
    "thresholds": _thresholds,
    "signer": fields.signers,
    "expiry": fields.boolean,
    "primary": fields.fingerprint,
}
_THRESHOLD_KEYS: Readers = dict.fromkeys(THRESHOLD_NAMES, fields.days)
_PROBE_KEYS: Readers = {"allow": fields.host_patterns}
_TOP_KEYS: Readers = {
    "defaults": lambda place: block(place, _COMMON_KEYS),
    "targets": Place.items,
    "target_files": Place.items,
    "modules": lambda place: each(place, read_module),
    "policies": lambda place: each(place, _policy),
    "probe": _probe,
}

BLOCKS: Mapping[str, Readers] = {
    "top level": _TOP_KEYS,
    "defaults": _COMMON_KEYS,
    "targets[]": _TARGET_KEYS,
    "targets[].entities": _ENTITIES_KEYS,
    **MODULE_BLOCKS,
    "policies.<name>": _POLICY_KEYS,
    "policies.<name>.thresholds": _THRESHOLD_KEYS,
    "probe": _PROBE_KEYS,
}
"""Every key that a configuration may have, by its block."""
