"""The words of a message: headers and bodies decoded, HTML as text, whatever the sender says about their encoding."""

from __future__ import annotations

import re
from email.header import decode_header
from html.parser import HTMLParser
from typing import Any

LONGEST_HEADER = 100_000
LONGEST_HTML = 500_000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
FOLD = re.compile(r"\r?\n[ \t]*")
TAG = re.compile(r"<[^>]*>")


def decode(raw: bytes, charset: str | None) -> str:
    """Bytes as text. What is UTF-8 is read as that whatever is claimed: no other text is by chance."""
    claimed = [charset] if charset else []
    # Bytes of seven bits are UTF-8 as well, but may be an encoding by escapes (ISO-2022-JP).
    for name in ["utf-8", *claimed] if any(byte > 127 for byte in raw) else [*claimed, "utf-8"]:
        try:
            return raw.decode(name)
        except (LookupError, ValueError, OverflowError):
            continue
    return raw.decode("cp1252", "replace")


def header_text(raw: Any) -> str:
    """A header's value on one line."""
    try:
        parts = decode_header(FOLD.sub(" ", raw[:LONGEST_HEADER]) if isinstance(raw, str) else raw)
    # An encoded word that is broken: it stands as it was sent.
    except Exception:
        parts = [(str(raw)[:LONGEST_HEADER], None)]
    text = "".join(one if isinstance(one, str) else decode(one, charset) for one, charset in parts)
    return " ".join(CONTROL.sub(" ", text).split())


def clean(text: str) -> str:
    """Text with plain line ends, without control characters, and never more than one blank line at once."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return BLANK_LINES.sub("\n\n", CONTROL.sub("", lines)).strip()


class _Reader(HTMLParser):
    BREAKS = frozenset({"br", "p", "div", "li", "tr", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "hr"})
    SILENT = frozenset({"script", "style", "head", "title", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self.SILENT:
            self.silent += 1
        elif tag in self.BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in self.BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(re.sub(r"\s+", " ", data))


def html_text(html: str) -> str:
    """The words of a page, a line for each of its blocks."""
    reader = _Reader()
    try:
        reader.feed(html[:LONGEST_HTML])
        reader.close()
        text = "".join(reader.words)
    # The standard library's parser gives up on some broken declarations.
    except Exception:
        text = TAG.sub(" ", html[:LONGEST_HTML])
    return clean("\n".join(line.strip() for line in text.split("\n")))
