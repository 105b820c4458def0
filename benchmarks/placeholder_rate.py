"""Rate at which a random body is classified as a placeholder; must be below 10^-6.

    python -m benchmarks.placeholder_rate 20000000
    python -m benchmarks.placeholder_rate 10000000 --length 20

A body of 43 characters is 32 random bytes in base64url, as a key's is; other lengths
are characters drawn one by one. Only ``classify`` is measured.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING

from boltz_keyscan.detect.classify import KEY_BODY, classify
from boltz_keyscan.model.enums import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
UNIFORM = bytes(ALPHABET[value % 64] for value in range(256))
SHARD = 100_000


def bodies(count: int, length: int, seed: int) -> Iterator[bytes]:
    """``count`` random bodies, the same for the same seed."""
    draw = random.Random(seed).randbytes
    for _ in range(count):
        if length == KEY_BODY:
            yield base64.urlsafe_b64encode(draw(32))[:KEY_BODY]
        else:
            yield draw(length).translate(UNIFORM)


def placeholders(count: int, length: int, seed: int) -> Counter[str]:
    """Count the placeholders among the bodies, by reason."""
    verdicts = map(classify, bodies(count, length, seed))
    return Counter(verdict.reason for verdict in verdicts if verdict.shape is Shape.PLACEHOLDER)


def upper_bound(hits: int, drawn: int) -> float:
    """Return the 95 % upper bound of the rate (Wilson-Hilferty); about 3 / drawn without a hit."""
    n = hits + 1
    return float(n * (1 - 1 / (9 * n) + 1.645 / (3 * n**0.5)) ** 3 / drawn)


def main() -> None:
    """Draw, count, print."""
    parser = argparse.ArgumentParser(description="How often a random body is taken for a placeholder.")
    parser.add_argument("bodies", type=int, nargs="?", default=10_000_000, metavar="N")
    parser.add_argument("--length", type=int, default=KEY_BODY)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0, help="of the first shard; the others count up")
    options = parser.parse_args()
    sizes = [min(SHARD, options.bodies - start) for start in range(0, options.bodies, SHARD)]
    seeds = range(options.seed, options.seed + len(sizes))
    started = time.perf_counter()
    with ProcessPoolExecutor(options.jobs) as pool:
        counts = sum(pool.map(placeholders, sizes, repeat(options.length), seeds), Counter[str]())
    seconds = time.perf_counter() - started
    hits = counts.total()
    print(f"bodies of {options.length} characters  {options.bodies}")
    print(f"placeholders             {hits}")
    for reason, count in counts.most_common():
        print(f"  {reason:<22} {count}")
    print(f"rate                     {hits / options.bodies:.2e}")
    print(f"95 % upper bound         {upper_bound(hits, options.bodies):.2e}")
    print(f"per body and job         {seconds * options.jobs / options.bodies * 1e6:.1f} us")


if __name__ == "__main__":
    main()
