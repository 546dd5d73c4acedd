"""The pages in a real browser, over the demo: at every width, by day and by night, and without any script."""

from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from urllib.parse import urldefrag, urljoin

import pytest
from aiohttp import ClientSession
from browser.chromium import Page, page, running
from browser.demo import demo
from conftest import tool
from yarl import URL

from exporter.demo.scenarios import SCENARIOS

WIDTHS = (390, 1000, 1600)
THEMES = ("light", "dark")
PAGES = ("/", "/?q=nowhere", "/runbooks", *(f"/targets/{each.name}" for each in SCENARIOS))

FITS = "document.documentElement.scrollWidth <= innerWidth"
LINKS = "[...document.querySelectorAll('a')].map(each => each.getAttribute('href'))"
NAMES = "[...document.querySelectorAll('article h2')].map(each => each.textContent)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
CONTRASTS = """
(() => {
    const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgb = colour => {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = colour => {
        const parts = rgb(colour).slice(0, 3).map(each => each / 255);
        const [r, g, b] = parts.map(each => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const behind = element => {
        const colour = getComputedStyle(element).backgroundColor;
        return /^rgba\\(.*, 0\\)$/.test(colour) ? behind(element.parentElement) : colour;
    };
    const poor = [];
    for (const each of document.querySelectorAll('body :not(title)')) {
        if (![...each.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        const style = getComputedStyle(each);
        const ink = each.closest('svg') ? style.fill : style.color;
        const [a, b] = [light(ink), light(behind(each.closest('svg') ?? each))].sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) poor.push(`${each.outerHTML.slice(0, 100)} ${ink}`);
    }
    return poor;
})()
"""
"""What has less contrast than WCAG 2.2 asks for (1.4.3: 4.5 to 1)."""

AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")
FAULTS = """
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(
    ({id, impact, nodes}) => nodes.map(({html}) => `${impact} ${id}: ${html.slice(0, 100)}`)))
"""
"""What axe finds: what a reader would not find, see or hear (WCAG 2.1, and good practice)."""


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with demo() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    with running(tool("chromium", "chromium-browser", "google-chrome")) as address:
        yield address


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Page]:
    async with page(browser) as opened:
        yield opened


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_fits_the_screen_and_the_browser_complains_of_nothing(
    width: int, theme: str, exporter: str, tab: Page
) -> None:
    await tab.looks(width, theme)
    for path in PAGES:
        await tab.goes_to(f"{exporter}{path}")
        assert await tab.finds(FITS), path
        assert await tab.finds(CONTRASTS) == [], path
        assert await tab.finds("document.querySelectorAll('h1, main, [lang]').length") == 3, path
        assert tab.complaints == [], path
        assert {each for each in tab.asked if not each.startswith(f"{exporter}/")} == set(), path


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1600, "light")])
async def test_axe_finds_nothing(width: int, theme: str, exporter: str, tab: Page) -> None:
    await tab.looks(width, theme)
    for path in PAGES:
        await tab.goes_to(f"{exporter}{path}")
        await tab.finds(f"{AXE}; 0")
        assert await tab.finds(FAULTS) == [], path


COPIED = """
[...document.querySelectorAll('pre')].map(block => {
    getSelection().selectAllChildren(block);
    return getSelection().toString();
})
"""
"""What a reader gets who copies each block of commands."""

EMPTY_LINES = """
[...document.querySelectorAll('.finding pre')].filter(block => {
    const {paddingTop, paddingBottom, borderTopWidth, borderBottomWidth} = getComputedStyle(block);
    const around = [paddingTop, paddingBottom, borderTopWidth, borderBottomWidth].map(parseFloat);
    const lines = [...block.children].map(each => each.getBoundingClientRect().height);
    return Math.abs(block.getBoundingClientRect().height - [...around, ...lines].reduce((a, b) => a + b)) > 1;
}).length
"""

BROKEN_WORDS = """
[...document.querySelectorAll('pre code')].flatMap(code => {
    const room = code.clientWidth - parseFloat(getComputedStyle(code).paddingLeft);
    return [...code.querySelectorAll('span')].filter(word => {
        const range = document.createRange();
        range.selectNodeContents(word);
        return word.getBoundingClientRect().width < room && range.getClientRects().length > 1;
    }).map(word => word.textContent);
})
"""
"""Words with a hyphen that have a line's end inside, and would have room without."""


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_command_is_copied_as_it_is_and_no_line_ends_inside_a_flag(
    width: int, exporter: str, tab: Page
) -> None:
    await tab.looks(width, "light")
    hyphened = 0
    for path in PAGES:
        await tab.goes_to(f"{exporter}{path}")
        blocks = "[...document.querySelectorAll('pre')].map(each => each.textContent.trim())"
        assert [each.strip() for each in await tab.finds(COPIED)] == await tab.finds(blocks), path
        assert await tab.finds(EMPTY_LINES) == 0, path
        assert await tab.finds(BROKEN_WORDS) == [], path
        hyphened += await tab.finds("document.querySelectorAll('pre span').length")
    assert hyphened > 100


async def test_axe_would_find_something(exporter: str, tab: Page) -> None:
    await tab.goes_to(f"{exporter}/")
    await tab.finds(f"{AXE}; document.querySelector('label').replaceWith(document.querySelector('input')); 0")
    faults = await tab.finds(FAULTS)
    assert [each.partition(":")[0] for each in faults] == ["critical label"]


async def test_a_reader_who_has_it_dark_gets_it_dark(exporter: str, tab: Page) -> None:
    backgrounds = []
    for theme in THEMES:
        await tab.looks(1000, theme)
        await tab.goes_to(f"{exporter}/")
        backgrounds.append(await tab.finds(BACKGROUND))
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


async def test_every_link_leads_somewhere(exporter: str, tab: Page) -> None:
    await tab.looks(1000, "light")
    found = set()
    for path in PAGES:
        await tab.goes_to(f"{exporter}{path}")
        found |= {urljoin(f"{exporter}{path}", link) for link in await tab.finds(LINKS)}
    sections = {urldefrag(link).fragment for link in found if "/runbooks#" in link}
    assert len(sections) > 10
    await tab.goes_to(f"{exporter}/runbooks")
    assert sections <= set(await tab.finds("[...document.querySelectorAll('[id]')].map(each => each.id)"))
    inside = {link for link in found if link.startswith(f"{exporter}/")}
    async with ClientSession() as session:
        for link in sorted(inside):
            async with session.get(URL(link, encoded=True)) as answer:
                assert answer.status == 200, link
    assert len([link for link in inside if link.endswith(".pem")]) > len(SCENARIOS)


async def test_without_scripts_a_reader_filters_searches_and_sorts(exporter: str, tab: Page) -> None:
    await tab.looks(390, "light", scripts=False)
    await tab.goes_to(f"{exporter}/")
    everything = await tab.finds(NAMES)
    assert sorted(everything) == sorted(each.name for each in SCENARIOS)

    await tab.clicks(".chips a[href='?severity=critical']")
    critical = await tab.finds(NAMES)
    assert critical == everything[: len(critical)]
    assert 0 < len(critical) < len(everything)

    await tab.types("input[name=q]", "missing")
    assert await tab.finds(NAMES) == ["missing", "missing-lingering"]
    assert await tab.finds("document.querySelector('select[name=severity]').value") == "critical"

    await tab.clicks("form a")
    await tab.presses("select[name=sort]", "b")
    await tab.clicks("form button")
    assert await tab.finds(NAMES) == sorted(everything)

    await tab.clicks("article h2 a")
    assert await tab.finds("document.querySelector('h1').textContent") == min(everything)
    await tab.clicks("nav a")
    assert await tab.finds(NAMES) == everything
    assert tab.complaints == []
