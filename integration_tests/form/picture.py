"""The picture of the configuration form in the docs: `python -m integration_tests.form.picture` draws it with Chromium.

It shows what the specification decides (cards, order, titles, formats, what is folded away), in the arrangement of
Airbyte's own form; it does not imitate how that form behaves. The picture carries a digest of the page that it was
drawn from, so that a test without a browser sees when it is out of date.
"""

import shutil
import subprocess
import sys
import tempfile
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
import yaml

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/integrations/sources/kore-llm-logs-form.png"
TEMPLATE = Path(__file__).with_name("form.html.j2")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=680,1050")
EXAMPLE = {
    "bot_ids": ["st-73bfdb2f-0000-55e6-b4c8-3f568a6e0000"],
    "client_id": "cs-7ec16ace-0000-5724-b395-aa08bdfa0000",
    "start_date": "2026-11-01T00:00:00Z",
}


def specification() -> dict[str, Any]:
    """The connection specification, as the manifest has it."""
    manifest = yaml.safe_load((ROOT / "source_kore_llm_logs/manifest.yaml").read_text())
    return manifest["spec"]["connection_specification"]


def signature(spec: dict[str, Any]) -> bytes:
    """The PNG text chunk that names the page drawn: keyword, zero byte, SHA-256 in hexadecimal."""
    return f"page\0{sha256(html(spec).encode()).hexdigest()}".encode()


def html(spec: dict[str, Any]) -> str:
    """A card for each group; required and `always_show` fields open, the others folded away, both by `order`."""
    fields = sorted(spec["properties"].items(), key=lambda item: item[1]["order"])
    groups = []
    for group in spec["groups"]:
        own = [(name, field) for name, field in fields if field["group"] == group["id"]]
        shown = [one for one in own if one[0] in spec["required"] or one[1].get("always_show")]
        groups.append({"title": group["title"], "shown": shown, "folded": len(own) > len(shown)})
    template = jinja2.Template(TEMPLATE.read_text(), autoescape=True, undefined=jinja2.ChainableUndefined)
    return template.render(title=spec["title"], groups=groups, example=EXAMPLE)


def draw(spec: dict[str, Any], browser: str, picture: Path) -> None:
    """Writes the signed picture. Raises CalledProcessError where the browser fails."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "form.html")
        page.write_text(html(spec))
        files = (f"--user-data-dir={folder}/profile", f"--screenshot={folder}/form.png")
        line = [browser, *OPTIONS, *files, page.as_uri()]
        subprocess.run(line, check=True, capture_output=True, timeout=60)
        data = Path(folder, "form.png").read_bytes()
    body = b"tEXt" + signature(spec)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    picture.write_bytes(data[:33] + chunk + data[33:])  # The header chunk ends at byte 33.


if __name__ == "__main__":
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        sys.exit("The form cannot be drawn: Chromium is not installed (apt-get install chromium).")
    draw(specification(), found, PICTURE)
    print(f"Drawn: {PICTURE.relative_to(ROOT)}")
