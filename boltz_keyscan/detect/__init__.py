"""Recognition of keys: the only package that holds a raw key.

Bytes go in; ``model.finding.Match`` comes out, which has no field for a key. ``detector`` is the
interface. The steps between:

1. ``engine`` searches every byte for literals, the forms that parts of a type prefix may have. They come
   from ``literal_table`` and are compiled once (``engine_file``). Most blobs end here.
2. ``matcher`` moves a window over a blob that has one. ``floods`` drops literals so dense that no key can
   be between them.
3. ``decode`` finds the keys around each literal: plain ones (``plain_keys``), broken ones (``split_keys``),
   and encoded ones, for which the text around it is decoded (``readings``) and searched again.
4. ``classify`` gives the shape of each key, ``boundaries`` the places where a share link may begin, and
   ``overlaps`` the best of several keys in the same bytes.
5. ``matcher`` makes a match of each: its fingerprint, place, cell (``notebook``), comments
   (``inline_comments``) and its line without a key (``surroundings``).

An encoding is a row of ``encodings.FORMS``. Its functions are in ``decoders``, ``escapes``, ``base32`` or,
for texts that a program laid out, in ``layouts``.

Keys are removed from whatever this program prints by ``redact``, from text that is passed on by
``replacement``, and from files by ``rewrite``. This package reads no files and knows no origins.
"""

from __future__ import annotations

from boltz_keyscan.detect.detector import KeyDetector

__all__ = ["KeyDetector"]
