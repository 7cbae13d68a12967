"""The encoding and the delimiter of a file, recognised from its beginning; plain rules, shown and changeable."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence

# What the page offers, in its order: our name of the encoding to what people call it.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows (cp1252)",
    "mac_roman": "Mac Roman",
    # These are chosen, never recognised: their bytes are letters in Windows' own as well.
    "cp1250": "Central European (cp1250)",
    "cp1251": "Cyrillic (cp1251)",
    "cp1253": "Greek (cp1253)",
    "cp1254": "Turkish (cp1254)",
    "cp932": "Japanese (Shift JIS)",
    "cp949": "Korean (cp949)",
    "gb18030": "Chinese (GB 18030)",
    "big5": "Chinese, traditional (Big5)",
}
# Every byte of one is something in the other: only who reads it can tell.
MISTAKEN = {"cp1252": ("mac_roman",), "mac_roman": ("cp1252",)}
DELIMITERS = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Pipe |"}
# Of text in the one encoding read as the other: which letters stand where the other has signs nobody types in words.
LETTERS_IN_MAC = frozenset(
    b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96"
)
LETTERS_IN_MAC_MORE = frozenset(b"\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f")
LETTERS_IN_WINDOWS = frozenset(range(0xC0, 0x100)) - {0xD7, 0xF7}
# Quotes, dashes and the euro are frequent in Windows text, and stand where Mac has letters.
SIGNS_IN_WINDOWS = frozenset(b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99")
UNDEFINED_IN_WINDOWS = frozenset(b"\x81\x8d\x8f\x90\x9d")
SIGNATURES = (
    (b"PK\x03\x04", "a zip or a spreadsheet of Excel: save it as CSV"),
    (b"PK\x05\x06", "an empty zip: save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet of Excel: save it as CSV"),
    (b"\x1f\x8b", "packed with gzip: unpack it"),
    (b"7z\xbc\xaf", "packed with 7-Zip: unpack it"),
    (b"Rar!", "packed with RAR: unpack it"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "a database"),
)


def what_else(head: bytes) -> str:
    """What the file is when its first bytes say that it is no text; else empty."""
    return next((said for begin, said in SIGNATURES if head.startswith(begin)), "")


def detect_encoding(head: bytes) -> str:
    """The encoding of a file that begins so; `head` may end within a character.

    A mark at the beginning decides; without one, what can be read as UTF-8 is; zeros at every second byte are UTF-16;
    of the two old ones, the one under which more of the strange bytes are letters.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head[:2000]:
        even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
        if even == 0 or odd == 0:
            return "utf-16-le" if odd else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _old_encoding(head)
    return "utf-8"


def read_otherwise(pieces: Sequence[str], encoding: str) -> list[tuple[str, list[str]]]:
    """What the pieces of a text would be in the other encodings that are mistaken for this one, where that differs."""
    found = []
    for other in MISTAKEN.get(encoding, ()):
        try:
            read = [piece.replace("…", "").encode(encoding).decode(other) for piece in pieces]
        except UnicodeError:
            continue
        if read and read != [piece.replace("…", "") for piece in pieces]:
            found.append((ENCODINGS[other], read))
    return found


def _old_encoding(head: bytes) -> str:
    counts = Counter(byte for byte in head if byte >= 0x80)
    if any(counts[byte] for byte in UNDEFINED_IN_WINDOWS):
        return "mac_roman"
    mac = sum(counts[byte] for byte in (*LETTERS_IN_MAC, *LETTERS_IN_MAC_MORE) if byte not in SIGNS_IN_WINDOWS)
    windows = sum(counts[byte] for byte in (*LETTERS_IN_WINDOWS, *SIGNS_IN_WINDOWS))
    return "mac_roman" if mac > windows else "cp1252"


def detect_delimiter(text: str) -> str:
    """The delimiter of a text that begins so: the one that cuts its first rows into most columns, all alike.

    A comma when none does: a file of one column has no delimiter. A line “sep=;” at the beginning, as Excel reads and
    other programs write it, says it itself.
    """
    if (said := text[:5]).lower().startswith("sep=") and said[-1:] in DELIMITERS and text[5:6] in ("\r", "\n"):
        return said[-1]
    best, found = (0.0, 0), ","
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter) if row][:50]
        except csv.Error:
            continue
        # The last row may be cut off where the beginning ends.
        widths = [len(row) for row in (rows[:-1] if len(rows) > 2 else rows)]
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike, widths[0]) > best:
            best, found = (alike, widths[0]), delimiter
    return found
