"""Writes the pictures of the pages in docs/pictures anew, from the demo as it is now."""

import asyncio
from pathlib import Path

from browser.chromium import page, running
from browser.demo import demo
from stack import found

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"

TAKEN = {
    "overview-light": ("/", 1000, "light"),
    "overview-dark": ("/", 1000, "dark"),
    "overview-phone": ("/", 390, "light"),
    "target-light": ("/targets/not-public#rollover", 1000, "light"),
    "target-phone": ("/targets/published#rollover", 390, "dark"),
}
"""Each picture: what it shows, how wide in pixels, and by day or by night."""


async def take(url: str, address: str) -> None:
    """Takes every picture: as much as a screen shows at once."""
    PICTURES.mkdir(exist_ok=True)
    for name, (path, width, theme) in TAKEN.items():
        async with page(address) as tab:
            await tab.looks(width, theme)
            await tab.goes_to(f"{url}{path}")
            (PICTURES / f"{name}.webp").write_bytes(await tab.picture())


if __name__ == "__main__":
    with demo() as url, running(found("chromium", "chromium-browser", "google-chrome")) as address:
        asyncio.run(take(url, address))
