"""docs/runbooks.md: what is for a Linux shell stands below for Windows PowerShell 5.1 too.

No PowerShell runs here: what is compared is what a machine can see in the text.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import builders
import pytest
from lxml import etree

from exporter.model import Use

PAGE = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8")
SAME = re.compile(r"(?:fedmeta-exporter|amtool) [^|&\\$<>]*")
"""A line that both shells read in the same way."""

PLACES = re.compile(r"https?://[\w./:-]+|\b(?:metadata\.xml|sts\.contoso\.com|\d+\.\d+\.\d+\.\d+|/var/lib/[\w-]+)")
"""What is asked, and what is read or written."""


class Twins(NamedTuple):
    """A block for a Linux shell, and the block that follows it with nothing between, if it is for PowerShell."""

    bash: str
    powershell: str | None


def twins() -> Sequence[Twins]:
    found = re.findall(
        r"^( *)```bash\n(.*?)^\1```\n(?:\n\1```powershell\n(.*?)^\1```\n)?", PAGE, re.MULTILINE | re.DOTALL
    )
    return [
        Twins(*(re.sub(rf"^{indent}", "", each, flags=re.MULTILINE) for each in (bash, powershell)))
        for indent, bash, powershell in found
    ]


def is_same(block: str) -> bool:
    return all(SAME.fullmatch(line) for line in block.strip().splitlines())


ALL = twins()
PAIRS = [each for each in ALL if not is_same(each.bash)]


def test_every_block_is_found() -> None:
    assert len(ALL) == PAGE.count("```bash\n")
    assert len(PAIRS) > 25


@pytest.mark.parametrize("block", ALL)
def test_a_block_for_linux_is_followed_by_the_same_for_windows_unless_it_is_the_same(block: Twins) -> None:
    assert bool(block.powershell) is not is_same(block.bash)


@pytest.mark.parametrize("block", PAIRS)
def test_both_ask_the_same_places_in_the_same_files(block: Twins) -> None:
    assert block.powershell

    # Windows is told by its own interface to end a process or to read its configuration again.
    asked = set(PLACES.findall(block.powershell)) - {"http://exporter:10059/-/reload"}
    assert asked == set(PLACES.findall(block.bash))


@pytest.mark.parametrize("block", PAIRS)
def test_both_give_curl_the_same(block: Twins) -> None:
    assert block.powershell
    given = [
        re.findall(r"curl(?:\.exe)? (-sS --max-time \d+)(.*?)(?=\||$|\))", re.sub(r"[\\`]\n *", "", text), re.MULTILINE)
        for text in (block.bash, block.powershell)
    ]

    linux, windows = (
        [
            (time, re.sub(r"[\"']", "", rest).replace("/dev/null", "NUL").replace(" )", "").strip())
            for time, rest in each
            if "-X POST" not in rest
        ]
        for each in given
    )
    assert windows == linux


@pytest.mark.parametrize("block", [each for each in PAIRS if each.powershell])
def test_windows_needs_nothing_that_it_does_not_have(block: Twins) -> None:
    text = str(block.powershell)

    assert not re.search(r"\b(?:openssl|jq|awk|sed|grep|tr|head|sort|uniq|fold|kill|pidof|df)\b (?!-)", text)
    # Without ".exe" it is another command, which takes none of these.
    assert not re.search(r"\bcurl\b(?!\.exe)", text)
    assert not re.search(r"&&|\|\||\?\?|/dev/|\\$", text, re.MULTILINE), "nor newer PowerShell"
    for opening, closing in ("()", "{}", "[]"):
        assert text.count(opening) == text.count(closing), "in regular expressions too"
    assert text.count("'") % 2 == 0
    assert re.sub("'[^']*'", "", text).count('"') % 2 == 0


def read_as_windows_would(block: str, text: str) -> Sequence[str]:
    """What the loop over the parts of a document prints, by its own regular expressions.

    They are such as .NET and Python read alike.
    """
    opens, names, closes, holds = re.findall(r"-cmatch '(.*?)'", block)
    cut, dropped = re.findall(r"-replace '(.*?)'", block)
    use, found = "document-signature", set()
    for part in text.split("<"):
        if re.search(opens, part):
            named = re.search(names, part)
            use = named[1] if named else "both"
        if re.search(closes, part):
            use = "document-signature"
        if re.search(holds, part):
            found.add(f"{use} {re.sub(dropped, '', re.sub(cut, '', part))}")
    return sorted(found)


def signature_last(document: bytes) -> bytes:
    root = etree.fromstring(document)
    root.append(root[0])
    return etree.tostring(root)


@pytest.mark.parametrize(
    "document",
    [
        builders.adfs(builders.pair(), builders.pair(nth=1), signer=builders.pair()),
        builders.saml_metadata(keys=[(Use.UNSPECIFIED, builders.pair()), (Use.SIGNING, builders.NOT_BASE64)]),
        builders.adfs(builders.pair(), signer=builders.pair()).replace(b"MII", b"M&#13;\nII"),
        re.sub(rb"<(/?)(?:\w+:)?(KeyDescriptor|X509Certificate)\b", rb"<\1any:\2", builders.adfs(builders.pair())),
        signature_last(builders.adfs(builders.pair(), signer=builders.pair())),
    ],
    ids=["a farm", "without a use", "with line breaks", "with prefixes", "with its signature last"],
)
def test_both_find_the_same_certificates_in_a_document(document: bytes, tmp_path: Path) -> None:
    (listing,) = (each for each in PAIRS if "certificates.txt" in each.bash and "awk" in each.bash)
    (tmp_path / "metadata.xml").write_bytes(document)
    awk, _, _ = listing.bash.partition("\n\n")
    subprocess.run(["bash", "-euo", "pipefail", "-c", awk], cwd=tmp_path, env={"LC_ALL": "C", **os.environ}, check=True)  # noqa: S603, S607 -- the page is ours, and any bash will do

    linux = (tmp_path / "certificates.txt").read_text(encoding="utf-8").splitlines()
    assert len(linux) > 1
    assert read_as_windows_would(str(listing.powershell), document.decode()) == sorted(linux)


def test_that_nobody_has_run_them_is_said_once() -> None:
    assert " ".join(PAGE.split()).count("untried on Windows") == 1
    assert "untried on Windows" in " ".join(
        re.findall(r"^\*\*From outside\*\*.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)[0].split()
    )


def test_a_table_of_queries_is_for_no_shell() -> None:
    for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL):
        assert "curl" not in block
