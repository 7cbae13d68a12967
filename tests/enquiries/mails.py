"""Messages of RFC 5322 as mail servers hand them over, written out by hand."""

from __future__ import annotations

import itertools
import textwrap

_numbers = itertools.count(1)


def mail(headers: str = "", body: str = "Do you support Windows?\n", **given: str) -> bytes:
    """A message of Nia to Plumb's address; `given` replaces headers, or takes away (empty)."""
    known = {
        "return-path": "<nia@hooli.example>",
        "from": "Nia Park <nia@hooli.example>",
        "to": "sales@plumb.example",
        "subject": "Windows",
        "message-id": f"<m{next(_numbers)}@hooli.example>",
    }
    known |= {name.rstrip("_").replace("_", "-"): value for name, value in given.items()}
    lines = [f"{name.title()}: {value}" for name, value in known.items() if value]
    more = textwrap.dedent(headers).strip("\n")
    return "\n".join([*lines, *([more] if more else []), "", body]).encode("utf-8", "surrogateescape")


def multipart(kind: str, *parts: str) -> tuple[str, str]:
    """The header and the body of a multipart message."""
    boundary = f"b{next(_numbers)}"
    inside = "".join(f"--{boundary}\n{textwrap.dedent(part).lstrip()}\n" for part in parts)
    return f'MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="{boundary}"', f"{inside}--{boundary}--\n"
