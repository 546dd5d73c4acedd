"""YAML text to a frozen Config: every mistake at once, each with its file, line and path.

The keys of every block stand in tables; docs/configuration.md is compared with them.
"""

import glob
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from exporter import regular
from exporter.config import fields
from exporter.config.document import (
    LARGEST,
    Block,
    ConfigError,
    Key,
    Mistake,
    Place,
    Problem,
    Readers,
    Source,
    attempt,
    block,
    compose,
    each,
)
from exporter.config.entra import entra_keys, read_entra
from exporter.config.looks import NODE_KEYS, check_nodes, looks_like, read_nodes, read_vantages
from exporter.config.modules import MODULE_BLOCKS, Modules, read_module
from exporter.config.patterns import matching_files
from exporter.config.settings import Config, Look, Module, Target
from exporter.names import printable
from exporter.policy import DEFAULTS, IN_PLACE, THRESHOLD_NAMES, PolicySettings, Profile

__all__ = [
    "BLOCKS",
    "ConfigError",
    "Lines",
    "Problem",
    "from_addresses",
    "load",
    "load_with_lines",
    "matching_files",
    "read_file",
    "target_at",
]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = {
    "target",
    "url",
    "policy",
    "profile",
    "profile_evidence",
    "auto_certificate_rollover",
    "expiry",
    "module",
}
_SCRAPE_LABELS = {"job", "instance"}


def read_file(name: str) -> bytes:
    """What a file of the configuration holds, or as much of it as shows that it is too large. Raises OSError."""
    return regular.content(name, LARGEST + 1)


@dataclass(frozen=True, slots=True)
class Lines:
    """Where in the files of a configuration its parts stand."""

    root: Place | None = None
    """None: it is in no file, and has targets alone."""
    targets: Mapping[str, Place] = field(default_factory=dict)
    """By name."""

    def problem(self, message: str, *keys: Key) -> Problem:
        """What is wrong with the part that these keys lead to; below ``targets`` the first is the target's name."""
        if self.root is None:
            return Problem("", None, f"target {keys[1]}", message)
        of_target = keys[:1] == ("targets",)
        place = self.targets[str(keys[1])].below(*keys[2:]) if of_target else self.root.below(*keys)
        return Problem(place.source.file, place.line, place.path, message)


def load(
    file: str,
    *,
    read_file: Callable[[str], bytes] = read_file,
    list_files: Callable[[str], Sequence[str]] = matching_files,
) -> Config:
    """The configuration in a YAML file and the target files that it names.

    ``list_files`` gives the files of a pattern, in order. Raises ConfigError with every problem there is, in the
    order of the files and lines.
    """
    return load_with_lines(file, read_file=read_file, list_files=list_files)[0]


def load_with_lines(
    file: str,
    *,
    read_file: Callable[[str], bytes] = read_file,
    list_files: Callable[[str], Sequence[str]] = matching_files,
) -> tuple[Config, Lines]:
    """What :func:`load` gives, and where in the files all of it stands."""
    taken: dict[str, Place] = {}
    problems: list[Problem] = []
    root = compose(Source(file, Path(file).parent, read_file, problems, _HOMES))
    configs = list(attempt(root, lambda place: _config(place, list_files, taken)))
    if problems:
        order = list(dict.fromkeys([file, *(problem.file for problem in problems)]))
        raise ConfigError(sorted(problems, key=lambda problem: (order.index(problem.file), problem.line or 0)))
    return configs[0], Lines(root, taken)


def from_addresses(addresses: Sequence[str]) -> Config:
    """The configuration that watches these hosts (as AD FS) and URLs, with the defaults for the rest.

    Raises ConfigError with every problem there is.
    """
    problems: list[Problem] = []
    targets: dict[str, Target] = {}
    for number, address in enumerate(addresses, 1):
        try:
            target = target_at(address, targets)
        except Mistake as mistake:
            problems.append(Problem("", None, f"address {number}", str(mistake)))
        else:
            targets[target.name] = target
    if problems:
        raise ConfigError(problems)
    return Config(tuple(targets.values()), {"default": Module()}, {"default": PolicySettings()})


def target_at(address: str, taken: Collection[str] = (), *, files: bool = True) -> Target:
    """The target at a host (as AD FS) or URL, with the defaults for the rest; its name is not one of ``taken``.

    Raises :class:`~exporter.config.document.Mistake`; without ``files`` also for the URL of a file.
    """
    if "://" in address:
        url = fields.checked_target_url(address) if files else fields.checked_service_url(address)
    elif set(address).isdisjoint(fields.NOT_IN_HOST):
        url = fields.checked_adfs_url(address)
    else:
        schemes = fields.DOCUMENT_SCHEMES if files else fields.WEB_SCHEMES
        raise Mistake(f"must be a host name, with or without a port, or {schemes}")
    name = _default_name(url)
    if name in taken:
        raise Mistake(f"{name} is named twice; a configuration file can give each target a name of its own")
    return Target(name, (Look(url),))


def _default_name(url: str) -> str:
    parts = urlsplit(url)
    if parts.hostname and parts.scheme != "file":
        return parts.hostname
    return printable(unquote(parts.path.rpartition("/")[2]))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a target may refer to by name."""

    modules: Modules
    policies: Mapping[str, PolicySettings]


@dataclass(frozen=True, slots=True)
class _Common:
    """What targets may have in common."""

    look: Look
    """At no URL yet."""
    policy: PolicySettings
    labels: Mapping[str, str]
    vantages: Mapping[str, Module | None]
    """By name; None: the module of the target."""


def _config(place: Place, list_files: Callable[[str], Sequence[str]], taken: dict[str, Place]) -> Config:
    found = block(place, _TOP_KEYS)
    modules = found.values.get("modules", Block(place))
    policies = found.values.get("policies", Block(place))
    # What has a mistake has its name all the same.
    known = _Known(
        Modules(
            {"default": Module()}
            | {name: replace(modules.values.get(name, Module()), name=name) for name in modules.places},
            modules.faulty,
        ),
        {"default": PolicySettings()}
        | {name: replace(policies.values.get(name, PolicySettings()), name=name) for name in policies.places},
    )
    look = Look("", known.modules.by_name["default"])
    base = _Common(look, known.policies["default"], {}, {look.vantage: None})
    for item in found.values.get("defaults", ()):
        for defaults in attempt(item, lambda item: block(item, _common_keys(known))):
            base = _common(defaults, base, f"defaults{IN_PLACE}policy")
    patterns = [
        (pattern, item)
        for item in found.values.get("target_files", ())
        for pattern in attempt(item, fields.path_pattern)
    ]
    return Config(
        targets=tuple(
            target
            for item in chain(found.values.get("targets", ()), _in_target_files(patterns, list_files))
            for target in attempt(item, lambda item: _target(item, base, known, taken))
        ),
        modules=known.modules.by_name,
        policies=known.policies,
        probe_allow=found.values.get("probe", ()),
        target_files=tuple(pattern for pattern, _ in patterns),
    )


def _in_target_files(
    patterns: Iterable[tuple[str, Place]], list_files: Callable[[str], Sequence[str]]
) -> Iterator[Place]:
    files: dict[str, Source] = {}
    for pattern, item in patterns:
        for listed in attempt(item, lambda _: list_files(pattern)):  # noqa: B023 -- it is called at once
            if not listed and glob.escape(item.text()) == item.text():
                item.wrong("no such file")
            files |= {file: replace(item.source, file=file) for file in listed}
    for source in files.values():
        for targets in attempt(compose(source), Place.items):
            yield from targets


def _target(place: Place, base: _Common, known: _Known, taken: dict[str, Place]) -> Target:
    found = block(place, _target_keys(known))
    url = found.values.get("url") or found.values.get("host", "")
    name = found.values.get("name") or _default_name(url)
    common = _common(found, base, f"target{IN_PLACE}{name}")
    first = taken.setdefault(name, place) if name and "name" not in found.faulty else place
    if first is not place:
        found.at("name").wrong(f"the name {name} is taken by the target in {first.source.file}:{first.line}")
    look = replace(common.look, url=url)
    modules = {vantage: module or look.module for vantage, module in common.vantages.items()}
    if found.faulty.isdisjoint(("interval", "module", "vantages")):
        known.modules.check_interval(found, look.interval, modules.values())
    known.modules.check_hosts(found.at("url" if "url" in found.places else "host"), url, modules.values())
    nodes = found.values.get("nodes", {})
    if nodes:
        check_nodes(found.at("nodes"), url, modules.values())
    found.require(("url", "host"))
    return Target(
        name,
        looks_like(look, modules, nodes),
        policy=common.policy,
        entity_id=found.values.get("entity_id"),
        labels=common.labels,
        watch=found.values.get("entities", ()),
        entra=found.values.get("entra"),
    )


def _common(found: Block, base: _Common, in_place: str) -> _Common:
    """What a block says, or else ``base``; ``in_place`` is the name of a policy that is written in the block."""
    found.at_most_one(("vantage", "vantages"))
    vantages = found.values.get("vantages", base.vantages)
    if "vantage" in found.values:
        vantages = {found.values["vantage"]: None}
    policy = found.values.get("policy", base.policy)
    return _Common(
        replace(
            base.look,
            module=found.values.get("module", base.look.module),
            interval=found.values.get("interval", base.look.interval),
        ),
        policy if policy.name else replace(policy, name=in_place),
        {**base.labels, **found.values.get("labels", {})},
        vantages,
    )


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


def _policies(place: Place) -> Block:
    found = each(place, _policy)
    for name, at in found.places.items():
        if IN_PLACE in name:
            at.wrong("the name of a policy must not hold a colon: only those of policies written in place do")
    return found


def _policy(place: Place) -> PolicySettings:
    """A policy, which has no name yet."""
    found = block(place, _POLICY_KEYS)
    settings = PolicySettings(
        name="",
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


def _common_keys(known: _Known) -> Readers:
    policy_named = fields.named("policy", known.policies)
    return {
        "module": known.modules.named,
        "interval": fields.positive_duration,
        "vantage": fields.text,
        "vantages": lambda place: read_vantages(place, known.modules),
        "policy": lambda place: _policy(place) if isinstance(place.node, yaml.MappingNode) else policy_named(place),
        "labels": _labels,
    }


def _target_keys(known: _Known) -> Readers:
    return {
        "name": fields.target_name,
        "url": fields.target_url,
        "host": fields.adfs_url,
        **_common_keys(known),
        "nodes": read_nodes,
        "entity_id": fields.text,
        "entities": _entities,
        "entra": lambda place: read_entra(place, known.modules),
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
    # Whatever refers to modules and policies is read when those are known.
    "defaults": lambda place: (place,),
    "targets": Place.items,
    "target_files": Place.items,
    "modules": lambda place: each(place, read_module),
    "policies": _policies,
    "probe": _probe,
}

_NOTHING_KNOWN = _Known(Modules({"default": Module()}), {})

BLOCKS: Mapping[str, Readers] = {
    "top level": _TOP_KEYS,
    "defaults": _common_keys(_NOTHING_KNOWN),
    "targets[]": _target_keys(_NOTHING_KNOWN),
    "targets[].nodes[]": NODE_KEYS,
    "targets[].entities": _ENTITIES_KEYS,
    "targets[].entra": entra_keys(_NOTHING_KNOWN.modules),
    **MODULE_BLOCKS,
    "policies.<name>": _POLICY_KEYS,
    "policies.<name>.thresholds": _THRESHOLD_KEYS,
    "probe": _PROBE_KEYS,
}
"""Every key that a configuration may have, by its block."""


def _home(key: str) -> str:
    below = " or ".join(name for name, readers in BLOCKS.items() if key in readers and readers is not _TOP_KEYS)
    return " or ".join([*(["at the top level"] if key in _TOP_KEYS else []), *([f"under {below}"] if below else [])])


_HOMES = {key: _home(key) for readers in BLOCKS.values() for key in readers}
"""By key the blocks in which it may stand, as the end of a sentence."""
