"""The form in a real browser: what is to be seen on it, and what comes of filling it in.

`python -m integration_tests.form.show` draws the picture in the docs.
"""

import json
import shutil
import subprocess
import sys
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

from integration_tests.command import run

HERE = Path(__file__).parent
PICTURE = HERE.parents[1] / "docs/integrations/sources/kore-llm-logs-form.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXAMPLE = {
    "Bot IDs": ["st-73bfdb2f-0000-55e6-b4c8-3f568a6e0000"],
    "Client ID": "cs-7ec16ace-0000-5724-b395-aa08bdfa0000",
    "Client Secret": "no-real-secret",
    "Start Date": "2025-01-01T00:00:00Z",
}
DRAWN_FROM = "specification"
"""The key of the picture's text chunk that says from which specification it was drawn."""


def specification() -> dict[str, Any]:
    """What the connector's own `spec` says is to be configured."""
    (message,) = run("spec").of_type("SPEC")
    found: dict[str, Any] = message["spec"]["connectionSpecification"]
    return found


def browser() -> str | None:
    """The path of a browser, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def missing() -> str | None:
    """What this machine lacks to show the form, in a sentence; None if nothing."""
    if not shutil.which("node"):
        return "Node.js is not installed"
    if not (HERE / "node_modules/.installed").exists():
        return "the form's npm packages are not installed: run make integration_tests/form/node_modules/.installed"
    if not browser():
        return "Chromium is not installed: apt-get install chromium"
    return None


def show(fillings: list[dict[str, Any]], picture: Path | None = None) -> dict[str, Any]:
    """The cards of the form, and the outcome of each filling (field title -> value); see `show.mjs`."""
    spec = specification()
    given: dict[str, Any] = {
        "specification": spec, "title": spec["title"], "browser": browser(), "fillings": fillings
    }  # fmt: skip
    if picture:
        given["picture"] = {"path": str(picture), "filling": EXAMPLE}
    command = ["node", "show.mjs"]
    done = subprocess.run(command, input=json.dumps(given), cwd=HERE, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    if picture:
        _sign(picture, digest(spec))
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def digest(spec: dict[str, Any]) -> str:
    return sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def _sign(picture: Path, text: str) -> None:
    """Puts a PNG text chunk behind the header chunk, which ends at byte 33."""
    data = picture.read_bytes()
    body = b"tEXt" + f"{DRAWN_FROM}\0{text}".encode()
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    picture.write_bytes(data[:33] + chunk + data[33:])


if __name__ == "__main__":
    if missing():
        sys.exit(f"The form cannot be drawn: {missing()}.")
    show([], PICTURE)
    print(f"Drawn: {PICTURE.relative_to(HERE.parents[1])}")
