"""Chromium without a network: a page is opened, keys are pressed, and axe-core looks at it."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--no-sandbox", "--disable-gpu", "--headless")
AXE = Path(find_spec("axe_core_python").origin).with_name("axe.min.js") if find_spec("axe_core_python") else None
KEY_CODES = {
    "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip
WITH_PIPES = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""  # Chromium reads descriptor 3 and writes descriptor 4
DEADLINE = 60  # seconds for a page to load


class Browser:
    """A Chromium that is spoken to by the DevTools protocol over pipes. It needs a POSIX system."""

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        arguments = [CHROMIUM, *OFFLINE, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITH_PIPES, str(commands), str(answers), *arguments],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._number, self._buffer, self._session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, **parameters) -> dict:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                part = os.read(self._answers, 1 << 16)
                assert part, "Chromium ended"
                self._buffer += part
            line, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, page: Path) -> None:
        self.call("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + DEADLINE
        while self.value("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < end, f"{page} does not load"
            time.sleep(0.05)

    def value(self, expression: str) -> object:
        """Return the value of a JavaScript expression, that of its promise where it is one."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, *keys: str) -> None:
        for key in keys:
            text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
            code = {"key": key, "windowsVirtualKeyCode": KEY_CODES.get(key, 0)}
            self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def be(self, scheme: str, width: int = 1200) -> None:
        """Show pages in the colours of a scheme, light or dark, and in a window of some width."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def violations(self) -> list:
        """Return what axe-core finds on the page that is open."""
        self.value(f"{AXE.read_text(encoding='utf-8')}; 0")
        found = "found.violations.map(one => [one.id, one.nodes[0].html.slice(0, 200)])"
        return self.value(f"axe.run().then(found => {found})")

    def close(self) -> None:
        self._session = None
        self.call("Browser.close")
        os.close(self._commands)
        os.close(self._answers)
        self.process.wait(DEADLINE)
