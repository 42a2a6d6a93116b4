"""Drive a headless Chromium in tests: load a page, run JavaScript, point, type, print, photograph.

It speaks Chromium's DevTools protocol over the websocket that comes with tornado, which Bokeh needs anyway.

    @chromium.needed
    def test_page(tmp_path):
        with chromium.start(path.as_uri(), size=(390, 844), dark=True) as page:
            assert page.evaluate("document.title") == "demo"
            page.screenshot(tmp_path / "page.png")
            assert page.problems == []
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT = 60  # seconds for any one answer: generous, as the machine may be busy
_BUTTONS = {"left": 1, "right": 2, "none": 0}


def find():
    """The path of a Chromium or Chrome: $CHROMIUM, else one on the path; None without one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


needed = pytest.mark.skipif(find() is None, reason="no Chromium is installed, and CHROMIUM names none")


class Page:
    """A page that is open in Chromium.

    console: (kind, text) of every message, such as ("error", "x is not defined"), also of uncaught exceptions.
    requests: every address that was asked for, but for data: and blob:.
    """

    def __init__(self, websocket, loop):
        self._websocket, self._loop = websocket, loop
        self._number, self._dark, self._media = 0, False, ""
        self.console, self.requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    @property
    def problems(self):
        """Texts of the errors and warnings of the console so far."""
        self.send("Runtime.getIsolateId")  # whatever was said before its answer has then arrived
        return [text for kind, text in self.console if kind in ("error", "warning", "assert")]

    def send(self, method, **arguments):
        """The answer of Chromium to a command of its protocol, a dict. Raises: RuntimeError if it refuses."""
        self._number += 1
        message = json.dumps({"id": self._number, "method": method, "params": arguments})
        return self._loop.run_until_complete(asyncio.wait_for(self._exchange(message, method), TIMEOUT))

    async def _exchange(self, message, method):
        await self._websocket.write_message(message)
        while (text := await self._websocket.read_message()) is not None:
            answer = json.loads(text)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"Chromium refuses {method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer.get("method"), answer.get("params"))
        raise RuntimeError(f"Chromium ended during {method}")

    def _note(self, event, what):
        """Keep what the page says and asks for."""
        if event == "Runtime.consoleAPICalled":
            self.console.append(
                (what["type"], " ".join(str(a.get("value", a.get("description"))) for a in what["args"]))
            )
        elif event == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.console.append(("error", details.get("exception", {}).get("description") or details["text"]))
        elif event == "Log.entryAdded":
            self.console.append((what["entry"]["level"], what["entry"]["text"]))
        elif event == "Network.requestWillBeSent" and not what["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append(what["request"]["url"])

    def go(self, url):
        """Load an address and wait until it is loaded; fails if it cannot be."""
        failed = self.send("Page.navigate", url=url).get("errorText")
        if failed:
            raise RuntimeError(f"{url}: {failed}")
        self.wait_for("document.readyState == 'complete'")

    def evaluate(self, javascript):
        """The value of a JavaScript expression, awaited if it is a promise. Raises: RuntimeError with its error."""
        answer = self.send("Runtime.evaluate", expression=javascript, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait_for(self, javascript, seconds=TIMEOUT):
        """The value of an expression as soon as it is true. Raises: TimeoutError."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(javascript)):
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s still not true: {javascript}")
            time.sleep(0.05)
        return value

    def settle(self):
        """Wait until the page has drawn twice, so that what was changed can be seen."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def emulate(self, size=None, dark=None, media=None, scale=1, mobile=False):
        """Change the window's size (width, height in CSS pixels), the colours or the medium ("print"; "": back)."""
        if size is not None:
            width, height = size
            self.send(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
            )
        self._dark = self._dark if dark is None else dark
        self._media = self._media if media is None else media
        preference = {"name": "prefers-color-scheme", "value": "dark" if self._dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=self._media, features=[preference])
        self.settle()

    def rectangle(self, javascript):
        """(x, y, width, height) in the window of the element that an expression gives, after scrolling to it."""
        where = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const r = e.getBoundingClientRect();"
            f" return [r.x, r.y, r.width, r.height]; }})({javascript})"
        )
        self.settle()
        return tuple(where)

    def move(self, x, y, button="none"):
        """Move the mouse to a place in the window."""
        self._mouse("mouseMoved", x, y, button)

    def click(self, x, y):
        """Click on a place in the window."""
        self.move(x, y)
        self._mouse("mousePressed", x, y, "left")
        self._mouse("mouseReleased", x, y, "left")

    def drag(self, start, end, steps=10, each=None):
        """Press at (x, y), move in steps to another place, release there. each: called after every step."""
        self.move(*start)
        self._mouse("mousePressed", *start, "left")
        for k in range(1, steps + 1):
            self.move(*(a + (b - a) * k / steps for a, b in zip(start, end, strict=True)), "left")
            if each:
                each()
        self._mouse("mouseReleased", *end, "left")

    def wheel(self, x, y, down):
        """Turn the wheel at a place, by `down` pixels."""
        self.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=down)

    def _mouse(self, kind, x, y, button):
        held = {"buttons": 0 if kind == "mouseReleased" else _BUTTONS[button], "clickCount": int(button != "none")}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, **held)

    def press(self, key, code=None):
        """Press and release a key by its name in JavaScript, such as "Tab", "ArrowRight", "a"."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        codes |= {"PageUp": 33, "PageDown": 34, "End": 35, "Home": 36}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        known = {"key": key, "code": code or key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **known)
        self.send("Input.dispatchKeyEvent", type="keyUp", **known)

    def screenshot(self, path, whole=False):
        """Write a PNG of the window, or of the whole page, and give its path."""
        clip = {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        Path(path).write_bytes(base64.b64decode(answer["data"]))
        return Path(path)

    def pdf(self, path):
        """Print to a PDF on A4 paper, without backgrounds, as browsers do, and give its path."""
        self.emulate(media="")  # or the printer would be taken for a screen
        answer = self.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        Path(path).write_bytes(base64.b64decode(answer["data"]))
        return Path(path)


@contextmanager
def start(url="about:blank", size=(1280, 900), dark=False, scale=1, mobile=False):
    """Start Chromium, open an address, give its `Page`; it ends, whatever happens, and leaves no files.

    Args: url: http:, file: or data:. size: of the window in CSS pixels. dark: what prefers-color-scheme says. scale:
        device pixels per CSS pixel. mobile: as on a phone, where the page's own viewport counts.
    """
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # The tests open only pages that they have made; the sandbox does not work for root nor in many containers.
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        flags += ["--remote-debugging-port=0", f"--user-data-dir={profile}", "--no-first-run", "--disable-extensions"]
        flags += ["--disable-background-networking", "--force-color-profile=srgb"]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([find(), *flags, "about:blank"], **silent)
        try:
            address = _page_address(process, Path(profile) / "DevToolsActivePort")
            websocket = loop.run_until_complete(asyncio.wait_for(_connect(address), TIMEOUT))
            page = Page(websocket, loop)
            page.emulate(size, dark, scale=scale, mobile=mobile)
            page.go(url)
            yield page
            websocket.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


async def _connect(address):
    return await websocket_connect(address, max_message_size=2**30)  # pictures and PDFs are long messages


def _page_address(process, file):
    """The websocket's address of the one page of a Chromium that has just started and writes its port to a file."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        lines = file.read_text().split() if file.exists() else []
        if lines:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=TIMEOUT) as answer:
                pages = [target for target in json.load(answer) if target["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start" if process.poll() is None else f"Chromium ended with {process.poll()}")
