"""A page in headless Chromium, by its DevTools protocol over a pair of pipes.

Takes one JSON object a line and answers each with one:
  {"open": URL}                         goes there
  {"eval": EXPRESSION}                  -> {"value": …}, awaited if it is a promise
  {"until": EXPRESSION, "seconds": N}   asks until it is true
  {"screen": [WIDTH, HEIGHT], "dark": true, "phone": true}
  {"shot": FILE}                        a PNG of the screen
  {"complaints": true}                  -> {"value": [exceptions, errors, what the policy refused]}
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time

PATIENCE = 60
FLAGS = [
    "--headless=new",
    "--no-sandbox",  # or it does not start as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
]


class Browser:
    def __init__(self, profile):
        # Chromium reads commands from descriptor 3 and answers on 4.
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (commands, answers)]

        def three_and_four():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=three_and_four,
            close_fds=False,
        )
        for fd in (commands, answers, *high):
            os.close(fd)
        self.buffer = b""
        self.number = 0
        self.complaints = []
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.answers, 1 << 16)
            if not more:
                raise EOFError("the browser has gone")
            self.buffer += more
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.message(deadline)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def note(self, message):
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        if message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression, seconds):
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = self.evaluate(expression)
            except RuntimeError as error:  # what it asks about may not be there yet
                value, why = None, error
            else:
                why = value
            if value:
                return value
            if time.monotonic() > deadline:
                text = self.evaluate("document.body?.innerText")
                raise TimeoutError(f"never: {expression}: {why}\n{text}\n{self.complaints}")
            time.sleep(0.1)

    def screen(self, size, dark, phone):
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def do(self, step):
        if "open" in step:
            return self.call("Page.navigate", url=step["open"]).get("errorText")
        if "eval" in step:
            return self.evaluate(step["eval"])
        if "until" in step:
            return self.until(step["until"], step.get("seconds", PATIENCE))
        if "screen" in step:
            return self.screen(step["screen"], step.get("dark", False), step.get("phone", False))
        if "shot" in step:
            data = self.call("Page.captureScreenshot", format="png")["data"]
            with open(step["shot"], "wb") as file:
                return file.write(base64.b64decode(data))
        return self.complaints

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            for line in sys.stdin:
                print(json.dumps({"value": browser.do(json.loads(line))}), flush=True)
        finally:
            browser.close()


main()
