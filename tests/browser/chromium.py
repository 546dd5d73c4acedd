"""Chromium, driven by its own protocol (chromedevtools.github.io/devtools-protocol): a page as a person has it."""

import asyncio
import base64
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientWebSocketResponse

PATIENCE = 30
"""Seconds in which a page must be there, on a busy machine."""

_FLAGS = (
    "--headless=new",
    # Root has no sandbox, and all that is shown is our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    # Whatever it would load from elsewhere is not found, and shows as an error.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)


@contextmanager
def running(program: str) -> Iterator[str]:
    """The address by which a browser is driven, for as long as it runs."""
    with (
        tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(  # noqa: S603 -- the browser that was found
            [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as browser,
    ):
        try:
            assert browser.stderr is not None
            said: list[str] = []
            for line in browser.stderr:
                said.append(line)
                if "DevTools listening on " in line:
                    break
            else:
                raise AssertionError(f"{program} does not start:\n{''.join(said)}")
            # What it says later is read too: it would wait for that.
            reading = Thread(target=browser.stderr.read, daemon=True)
            reading.start()
            yield line.rpartition(" ")[2].strip()
        finally:
            browser.terminate()
            with suppress(subprocess.TimeoutExpired):
                browser.wait(PATIENCE)
            browser.kill()


class Page:
    """A tab of its own, without anything that another one kept."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._session: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What the browser told meanwhile."""

    async def say(self, method: str, **parameters: object) -> Any:  # noqa: ANN401 -- JSON
        """Its answer to a command. Raises :class:`AssertionError` where it refuses."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        while True:
            told = await self._next()
            if told.get("id") == number:
                assert "error" not in told, (method, told)
                return told["result"]

    async def open(self) -> None:
        """Opens the tab."""
        context = await self.say("Target.createBrowserContext", disposeOnDetach=True)
        context_id = context["browserContextId"]
        target = await self.say("Target.createTarget", url="about:blank", browserContextId=context_id)
        attached = await self.say("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.say(f"{domain}.enable")

    async def looks(self, width: int, theme: str, *, scripts: bool = True) -> None:
        """Gives the screen a width, the reader a theme, and pages their scripts or none."""
        await self.say("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        await self.say("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        await self.say("Emulation.setScriptExecutionDisabled", value=not scripts)

    async def goes_to(self, url: str) -> None:
        """Goes to a page, and waits until all of it is there."""
        self.events.clear()
        await self.say("Page.navigate", url=url)
        await self.loaded()

    async def loaded(self) -> None:
        """Waits until the page is there that was asked for last."""
        async with asyncio.timeout(PATIENCE):
            while not any(method == "Page.loadEventFired" for method, _ in self.events):
                await self._next()

    async def clicks(self, selector: str) -> None:
        """Clicks on an element as a person does, and waits for the page that it leads to."""
        place = await self.finds(
            "(each => {each.scrollIntoView(); const at = each.getBoundingClientRect();"
            f" return [at.x + Math.min(at.width, 20) / 2, at.y + at.height / 2]}})({_first(selector)})"
        )
        self.events.clear()
        for kind in ("mousePressed", "mouseReleased"):
            await self.say("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        await self.loaded()

    async def types(self, selector: str, text: str) -> None:
        """Types into a field, and then Enter, and waits for the page that it leads to."""
        await self.finds(f"{_first(selector)}.focus()")
        await self.say("Input.insertText", text=text)
        self.events.clear()
        await self.presses(selector, "\r")
        await self.loaded()

    async def presses(self, selector: str, key: str) -> None:
        """Presses a key where an element has the focus."""
        await self.finds(f"{_first(selector)}.focus()")
        code = 13 if key == "\r" else ord(key.upper())
        for kind in ("keyDown", "keyUp"):
            await self.say("Input.dispatchKeyEvent", type=kind, key=key, text=key, windowsVirtualKeyCode=code)

    async def finds(self, expression: str) -> Any:  # noqa: ANN401 -- JSON
        """What an expression of ours gives, whether the page may run scripts or not."""
        answer = await self.say("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """What the screen shows, as WebP: a quarter of PNG."""
        shot = await self.say("Page.captureScreenshot", format="webp", quality=60)
        return base64.b64decode(shot["data"])

    @property
    def asked(self) -> Sequence[str]:
        """The addresses that the page asked for."""
        return [told["request"]["url"] for method, told in self.events if method == "Network.requestWillBeSent"]

    @property
    def complaints(self) -> Sequence[str]:
        """What the browser says is wrong with the page: errors, warnings, what its policy forbids."""
        kinds = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed"}
        return [f"{method}: {told}" for method, told in self.events if method in kinds]

    async def _next(self) -> dict[str, Any]:
        told: dict[str, Any] = await self._socket.receive_json(timeout=PATIENCE)
        if "method" in told:
            self.events.append((told["method"], told.get("params", {})))
        return told


def _first(selector: str) -> str:
    return f"document.querySelector({selector!r})"


@asynccontextmanager
async def page(address: str) -> AsyncIterator[Page]:
    """A tab of the browser at this address."""
    assert urlsplit(address).hostname == "127.0.0.1"
    async with ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
        opened = Page(socket)
        await opened.open()
        yield opened
