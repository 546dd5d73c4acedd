"""The whole picture on loopback, ``make demo-stack``; it is all stopped with Ctrl-C, and nothing stays behind.

The demo's farms and the exporter, Prometheus with the shipped rules, Alertmanager with the shipped sample, whose
receivers are lines on this terminal, and Grafana with the shipped dashboards where it is installed.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import stack
import yaml
from aiohttp import web

CHECKOUT = Path(__file__).parents[1]
EVERY = "15s"
"""As often as the demo looks at its farms."""


async def show(folder: Path) -> None:
    """Runs all of it until it is cancelled."""
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        exporter = await start(demo(folder))
        terminal = await start(receivers())
        sample = (CHECKOUT / "alerts" / "alertmanager.example.yml").read_text(encoding="utf-8")
        alertmanager = await start(
            stack.alertmanager(
                stack.found("prometheus-alertmanager", "alertmanager"),
                stack.telling(sample, terminal),
                folder / "alertmanager",
                port=9093,
            )
        )
        scraped, told = (url.removeprefix("http://") for url in (exporter, alertmanager))
        rules = CHECKOUT / "alerts" / "fedmeta.rules.yml"
        prometheus = await start(
            stack.prometheus(
                stack.found("prometheus"),
                stack.watching([scraped], told, rules, scrapes=EVERY),
                folder / "prometheus",
                port=9090,
            )
        )
        print(f"exporter      {exporter}/")
        print(f"prometheus    {prometheus}/")
        print(f"alertmanager  {alertmanager}/")
        if program := grafana_program():
            print(f"grafana       {await start(grafana(program, folder / 'grafana', prometheus))}/dashboards")
        else:
            print("grafana       not installed here; put grafana or grafana-server onto PATH to see the dashboards too")
        print("\nAlerts arrive below, as Alertmanager sends them; those that wait for an hour first arrive after it.")
        print("Stop with Ctrl-C.\n", flush=True)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """The URL of an exporter that watches the demo's farms."""
    address = f"127.0.0.1:{stack.free_port(10059)}"
    command = [sys.executable, "-m", "exporter", "demo", f"--web.listen-address={address}"]
    async with stack.running(command, log=folder / "demo.txt", ready=f"http://{address}/-/ready", cwd=CHECKOUT):
        yield f"http://{address}"


@asynccontextmanager
async def receivers() -> AsyncIterator[str]:
    """The URL below which every receiver's notifications become lines on the terminal."""
    app = web.Application()
    app.router.add_post("/{receiver}", _print_alerts)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _print_alerts(request: web.Request) -> web.Response:
    receiver = request.match_info["receiver"]
    for alert in (await request.json())["alerts"]:
        labels = alert["labels"]
        about = labels.get("target", labels.get("job", ""))
        print(
            f"{datetime.now().astimezone():%H:%M:%S}  {receiver}: {alert['status']}, {labels['severity']}:"
            f" {labels['alertname']} of {about}. {alert['annotations']['summary']}.",
            flush=True,
        )
    return web.Response()


def grafana_program() -> list[str] | None:
    """The command that starts Grafana, if it is installed."""
    for name, arguments in (("grafana", ["server"]), ("grafana-server", [])):
        if path := shutil.which(name):
            binary = Path(path).resolve()
            homes = (binary.parents[1], Path("/usr/share/grafana"), binary.parents[1] / "share" / "grafana")
            home = next((each for each in homes if (each / "conf" / "defaults.ini").is_file()), None)
            return [path, *arguments, *([f"--homepath={home}"] if home else [])]
    return None


@asynccontextmanager
async def grafana(command: list[str], folder: Path, prometheus: str) -> AsyncIterator[str]:
    """The URL of a Grafana with the dashboards, for anybody on this machine, that asks nothing of the internet."""
    port = stack.free_port(3000)
    settings = {
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(folder / "data"),
        "GF_PATHS_LOGS": str(folder / "logs"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(provisioning(folder / "provisioning", prometheus)),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    }
    url = f"http://127.0.0.1:{port}"
    async with stack.running(
        command, log=folder / "log.txt", ready=f"{url}/api/health", environment={**os.environ, **settings}, cwd=folder
    ):
        yield url


def provisioning(folder: Path, prometheus: str) -> Path:
    """The folder, with the shipped samples in it, their addresses those of here."""
    dashboards = CHECKOUT / "dashboards"
    sources, boards = (
        yaml.safe_load((dashboards / "provisioning" / name).read_text(encoding="utf-8"))
        for name in ("datasources.yml", "dashboards.yml")
    )
    (source,), (provider,) = sources["datasources"], boards["providers"]
    source["url"], source["jsonData"]["timeInterval"] = prometheus, EVERY
    provider["options"]["path"] = str(dashboards)
    stack.write(folder / "datasources" / "fedmeta.yaml", sources)
    stack.write(folder / "dashboards" / "fedmeta.yaml", boards)
    return folder


async def main() -> int:
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        # The first signal cancels the show, the next ones not its clean-up.
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with tempfile.TemporaryDirectory(prefix="fedmeta-demo-stack-") as folder:
        try:
            with suppress(asyncio.CancelledError):
                await show(Path(folder))
        except (stack.NotStartedError, FileNotFoundError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
