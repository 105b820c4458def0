"""The browser in which tests open the HTML page, and the programs that judge the page.

``make tools`` installs them from npm: Chromium as it is packed for small Linux machines, axe-core and
html-validate. ``python -m tests.browser`` unpacks the browser; ``python -m tests.browser PNG`` makes the
picture of the README from the repository of ``tests.leaked``.
"""

from __future__ import annotations

import base64
import contextlib
import os
import platform
import shutil
import struct
import sys
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tests.leaked import four_keys
from tests.running import ROOT, keyscan

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOOLS = ROOT / ".tools"
CHROMIUM = TOOLS / "chromium" / "chromium"
_PACKED = TOOLS / "node_modules/@sparticuz/chromium/bin"
AXE = TOOLS / "node_modules/axe-core/axe.min.js"
HTML_VALIDATE = TOOLS / "node_modules/html-validate/bin/html-validate.mjs"

PICTURE_SIZE = (960, 1130)
"""Down to the end of the timeline, in pixels."""


_READ_PIXELS = """async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const drawing = canvas.getContext('2d');
    drawing.drawImage(image, 0, 0);
    const all = drawing.getImageData(0, 0, image.width, image.height).data;
    let text = '';
    for (let at = 0; at < all.length; at += 4) {
        text += String.fromCharCode(all[at], all[at + 1], all[at + 2]);
    }
    return [image.width, image.height, btoa(text)];
}"""
"""Width, height and the pixels, red, green and blue, of a picture."""


def executable() -> Path | None:
    """Return the browser, ours or the machine's; None if there is none."""
    if CHROMIUM.exists():
        return CHROMIUM
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return Path(found) if found else None


def can_be_installed() -> bool:
    """Return True where the packed browser runs."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser, without a sandbox of its own: it opens files of this test only."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the extra browser

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=executable(),
            args=["--no-sandbox", "--disable-gpu"],
            env={**os.environ, "LD_LIBRARY_PATH": str(CHROMIUM.parent / "lib")},
        )
        yield started
        started.close()


def unpack() -> None:
    """Unpack the browser and the libraries that small machines lack."""
    import brotli  # noqa: PLC0415 - of the package, and used here only

    CHROMIUM.parent.mkdir(exist_ok=True)
    CHROMIUM.write_bytes(brotli.decompress((_PACKED / "chromium.br").read_bytes()))
    CHROMIUM.chmod(0o755)
    libraries = BytesIO(brotli.decompress((_PACKED / "al2023.tar.br").read_bytes()))
    with tarfile.open(fileobj=libraries) as archive:
        archive.extractall(CHROMIUM.parent, filter="data")


def picture(target: Path, started: Browser) -> None:
    """Write the picture of a page."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "keys.html")
        keyscan("--format", "html", "--output", page, cwd=four_keys(Path(folder)))
        width, height = PICTURE_SIZE
        view = started.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        view.goto(page.as_uri())
        target.write_bytes(_compress(view, view.screenshot()))
        view.close()


def _compress(page: Page, png: bytes) -> bytes:
    """Return a PNG half as large: with a palette, and without filters, which text does not need.

    The browser reads it. The form is that of https://www.w3.org/TR/png-3/.
    """
    address = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    width, height, encoded = page.evaluate(_READ_PIXELS, address)
    raw = base64.b64decode(encoded)
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    palette = _choose_palette(Counter(pixels))
    number = {color: palette.index(_nearest(color, palette)) for color in set(pixels)}
    rows = (bytes(number[each] for each in pixels[at : at + width]) for at in range(0, len(pixels), width))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": b"".join(palette),
        b"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows), 9),
        b"IEND": b"",
    }
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _choose_palette(colors: Counter[bytes]) -> list[bytes]:
    """Return up to 256 colours: the most frequent ones, then those that are the least like the chosen."""
    palette = [color for color, _ in colors.most_common(128)]
    distances = {color: _distance(color, _nearest(color, palette)) for color in colors}
    while len(palette) < 256 and (furthest := max(distances, key=distances.__getitem__)) not in palette:
        palette.append(furthest)
        distances = {color: min(old, _distance(color, furthest)) for color, old in distances.items()}
    return palette


def _nearest(color: bytes, palette: list[bytes]) -> bytes:
    return min(palette, key=lambda each: _distance(color, each))


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    if sys.argv[1:]:
        with browser() as running:
            picture(Path(sys.argv[1]), running)
    else:
        unpack()
