"""Which profile and which thresholds a target gets, and from what."""

from dataclasses import asdict

import builders
import pytest
from builders import DAY, ENTITY_ID, HOST, NOW, authority, certificate, pair

from exporter import metadata
from exporter.demo.documents import KeyPair
from exporter.model import Role
from exporter.policy import (
    ADFS_METADATA_PATH,
    DEFAULTS,
    THRESHOLD_NAMES,
    PolicySettings,
    Profile,
    ProfileEvidence,
    Thresholds,
    in_force,
    is_auto_managed,
)

ADFS_URL = f"https://{HOST}{ADFS_METADATA_PATH}"
TENANT = "61318f71-9c58-4f75-b8af-329e649fcd80"


def issued(subject: str = "CN=Token Signing - fs.example", *, not_before_days: float = -165) -> KeyPair:
    return pair(subject=subject, not_before=NOW + not_before_days * DAY, issuer=authority())


def token_service(*signing: KeyPair, entity_id: str) -> bytes:
    """WS-Federation and SAML sides of one publisher that is not AD FS."""
    keys = [builders.key(each) for each in signing]
    return builders.entity(
        builders.web_service("SecurityTokenServiceType", *keys),
        builders.descriptor_of(Role.IDP, *keys),
        entity_id=entity_id,
    )


def profile_of(document: bytes, *, settings: PolicySettings | None = None) -> tuple[Profile, ProfileEvidence]:
    # The address says AD FS: where a document speaks, it must not count.
    policy = in_force(settings or PolicySettings(), metadata.parse(document), ADFS_URL)
    return policy.profile, policy.evidence


ENTRA_TENANT = f"https://sts.windows.net/{TENANT}/"
ENTRAS_KEYS = (
    pair(subject="CN=accounts.accesscontrol.windows.net"),
    pair(subject="CN=login.microsoftonline.us", nth=1),
)
SHAPES = {
    "what AD FS generated": (builders.adfs(), Profile.ADFS),
    "what an enterprise CA issued to a farm": (builders.adfs(issued()), Profile.ADFS_MANUAL),
    "self-signed, and not by AD FS": (builders.adfs(pair(subject="CN=fs.example")), Profile.ADFS_MANUAL),
    "AD FS's words in a certificate that a CA issued": (
        builders.adfs(issued(f"CN=ADFS Signing - {HOST}")),
        Profile.ADFS_MANUAL,
    ),
    "the newest of several is AD FS's own": (builders.adfs(issued(), pair(not_before=NOW - 2 * DAY)), Profile.ADFS),
    "the newest of several was issued": (builders.adfs(pair(), issued(not_before_days=-2)), Profile.ADFS_MANUAL),
    "a farm whose keys cannot be read": (
        builders.entity(
            builders.web_service("SecurityTokenServiceType", builders.key_name()),
            entity_id="http://fs.example/adfs/services/trust",
        ),
        Profile.ADFS,
    ),
    "a farm with an entityID of its own is known by its addresses": (
        builders.adfs(entity_id="urn:example:federation"),
        Profile.ADFS,
    ),
    "Entra ID": (token_service(*ENTRAS_KEYS, entity_id=ENTRA_TENANT), Profile.ENTRA),
    "an application's own certificate in Entra ID": (
        token_service(pair(subject="CN=Microsoft Azure Federated SSO Certificate"), entity_id=ENTRA_TENANT),
        Profile.SAML,
    ),
    "an application's own certificate beside Entra ID's": (
        token_service(*ENTRAS_KEYS, pair(subject="CN=app"), entity_id=ENTRA_TENANT),
        Profile.SAML,
    ),
    "WS-Federation by somebody else": (builders.wsfed_only(), Profile.SAML),
    "SAML, even with a certificate of AD FS's shape": (builders.saml_metadata(), Profile.SAML),
    "SAML below a path like that of AD FS": (
        builders.saml_metadata("https://idp.example/adfs/services/trust"),
        Profile.SAML,
    ),
    "a farm in a group of its own": (builders.aggregate([builders.adfs()]), Profile.ADFS),
    "an aggregate, even of a farm": (builders.aggregate([builders.adfs(), builders.saml_metadata()]), Profile.SAML),
}


@pytest.mark.parametrize(("document", "profile"), SHAPES.values(), ids=SHAPES.keys())
def test_the_documents_shape_gives_the_profile(document: bytes, profile: Profile) -> None:
    assert profile_of(document) == (profile, ProfileEvidence.SHAPE)


@pytest.mark.parametrize(
    ("entity_id", "profile"),
    [
        ("http://[fs.example/adfs/services/trust", Profile.ADFS),
        ("https://fs.example\N{FULLWIDTH NUMBER SIGN}@x/adfs/", Profile.ADFS),
        ("http://[fs.example", Profile.SAML),
        ("https://fs.example/?next=/adfs/", Profile.SAML),
        ("urn:fs.example:/adfs/", Profile.SAML),
    ],
)
def test_an_entity_id_may_be_no_address_at_all(entity_id: str, profile: Profile) -> None:
    document = builders.entity(
        builders.web_service("SecurityTokenServiceType", builders.key(pair())), entity_id=entity_id
    )

    assert profile_of(document) == (profile, ProfileEvidence.SHAPE)


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        (ADFS_URL, Profile.ADFS),
        (f"https://FS.EXAMPLE{ADFS_METADATA_PATH.upper()}", Profile.ADFS),
        (f"https://login.microsoftonline.com/{TENANT}{ADFS_METADATA_PATH}", Profile.ENTRA),
        (f"https://login.microsoftonline.us/{TENANT}{ADFS_METADATA_PATH}", Profile.ENTRA),
        (f"https://login.microsoftonline.com/{TENANT}{ADFS_METADATA_PATH}?appid={TENANT}", Profile.SAML),
        (f"https://login.microsoftonline.com/{TENANT}{ADFS_METADATA_PATH}?AppID={TENANT}", Profile.SAML),
        ("https://idp.example/saml/metadata", Profile.SAML),
        (f"https://idp.example/?next={ADFS_METADATA_PATH}", Profile.SAML),
        ("file:///srv/metadata.xml", Profile.SAML),
    ],
)
def test_without_a_document_the_address_gives_the_profile(url: str, profile: Profile) -> None:
    policy = in_force(PolicySettings(), None, url)

    assert (policy.profile, policy.evidence) == (profile, ProfileEvidence.URL)


@pytest.mark.parametrize(("on", "profile"), [(True, Profile.ADFS), (False, Profile.ADFS_MANUAL)])
def test_what_the_operator_says_about_rollover_outranks_the_shape(on: bool, profile: Profile) -> None:  # noqa: FBT001 -- a row of the table
    settings = PolicySettings(auto_certificate_rollover=on)

    assert profile_of(builders.saml_metadata(), settings=settings) == (profile, ProfileEvidence.AUTO_ROLLOVER)
    assert settings.possible_profiles() == (profile,)


@pytest.mark.parametrize("profile", Profile)
def test_a_configured_profile_outranks_everything(profile: Profile) -> None:
    settings = PolicySettings(profile=profile, auto_certificate_rollover=profile is not Profile.ADFS)

    assert profile_of(builders.adfs(), settings=settings) == (profile, ProfileEvidence.CONFIGURED)
    assert settings.possible_profiles() == (profile,)


def test_without_a_word_from_the_operator_any_profile_may_turn_out() -> None:
    assert PolicySettings().possible_profiles() == tuple(Profile)


def test_the_policy_carries_what_was_configured() -> None:
    settings = PolicySettings(auto_certificate_rollover=True, expiry=False, primary="ab" * 32)

    policy = in_force(settings, None, ADFS_URL)

    assert (policy.auto_certificate_rollover, policy.expiry, policy.primary) == (True, False, "ab" * 32)


COMMON = {
    "missing": 5,
    "generation": 20,
    "promotion": 5,
    "due": 35,
    "poll": 35,
    "trust": 15,
    "notice": 2,
    "successor_margin": 30,
    "successor_validity": 365,
    "unexpected": 22,
    "encryption": 14,
    "tls": 14,
    "valid_until": 2,
}


@pytest.mark.parametrize(
    ("profile", "own"),
    [
        (Profile.ADFS, {}),
        (Profile.ADFS_MANUAL, {"unexpected": 60, "encryption": 35}),
        (Profile.SAML, {"due": 30, "unexpected": 60, "encryption": 35}),
        (Profile.ENTRA, {}),
    ],
)
def test_each_profile_has_its_defaults(profile: Profile, own: dict[str, float]) -> None:
    assert asdict(DEFAULTS[profile]) == COMMON | own
    assert tuple(COMMON) == THRESHOLD_NAMES


def test_a_configured_threshold_replaces_the_profiles_and_leaves_the_others() -> None:
    settings = PolicySettings(profile=Profile.SAML, thresholds={"due": 45, "missing": 7})

    policy = in_force(settings, None, ADFS_URL)

    assert asdict(policy.thresholds) == asdict(DEFAULTS[Profile.SAML]) | {"due": 45, "missing": 7}


@pytest.mark.parametrize("profile", Profile)
def test_the_defaults_do_not_contradict_each_other(profile: Profile) -> None:
    assert list(DEFAULTS[profile].contradictions(profile)) == []


@pytest.mark.parametrize(
    ("profile", "thresholds", "sentences"),
    [
        (
            Profile.ADFS,
            Thresholds(missing=20.5),
            ["missing (20.5 d) must not exceed generation (20 d) under profile adfs"],
        ),
        (
            Profile.ADFS,
            Thresholds(generation=4, missing=4),
            [
                "promotion (5 d) must not exceed generation (4 d) under profile adfs",
                "trust (15 d) must not exceed generation (4 d) under profile adfs",
            ],
        ),
        (
            Profile.ADFS,
            Thresholds(unexpected=19),
            ["generation (20 d) must not exceed unexpected (19 d) under profile adfs"],
        ),
        (Profile.ADFS, Thresholds(missing=20, promotion=20, trust=20, unexpected=20), []),
        (Profile.ADFS, Thresholds(due=1), []),
        (
            Profile.ADFS_MANUAL,
            Thresholds(missing=36, unexpected=34),
            [
                "missing (36 d) must not exceed due (35 d) under profile adfs-manual",
                "due (35 d) must not exceed unexpected (34 d) under profile adfs-manual",
            ],
        ),
        (
            Profile.SAML,
            Thresholds(missing=31, due=30, unexpected=60),
            ["missing (31 d) must not exceed due (30 d) under profile saml"],
        ),
        (Profile.SAML, Thresholds(missing=30, due=30, unexpected=30, generation=1), []),
        (Profile.ENTRA, Thresholds(missing=99, unexpected=0), []),
    ],
)
def test_thresholds_that_cannot_both_hold_are_named(
    profile: Profile, thresholds: Thresholds, sentences: list[str]
) -> None:
    assert list(thresholds.contradictions(profile)) == sentences


@pytest.mark.parametrize("subject", [f"CN=ADFS Signing - {HOST}", f"CN=ADFS Encryption - {HOST}"])
def test_adfs_certificates_are_known_by_their_subject_and_that_they_issued_themselves(subject: str) -> None:
    assert is_auto_managed(certificate(subject=subject))
    assert not is_auto_managed(certificate(subject=subject, issuer=authority()))


@pytest.mark.parametrize("subject", ["CN=ADFS Signing", f"CN=My ADFS Signing - {HOST}", f"CN={ENTITY_ID}"])
def test_any_other_subject_is_not_adfs(subject: str) -> None:
    assert not is_auto_managed(certificate(subject=subject))


def test_only_adfs_profiles_may_use_what_adfs_is_known_to_do() -> None:
    assert {profile for profile in Profile if profile.is_adfs} == {Profile.ADFS, Profile.ADFS_MANUAL}
