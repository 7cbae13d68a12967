"""Request bodies of unknown length (`Transfer-Encoding: chunked`), which Django would take for empty.

Django reads as many bytes as CONTENT_LENGTH says, and a program that makes its export while it sends it cannot say. So
the body is stored first, in memory while it is small and else in a file without a name, and then has a length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import Any

from crm.core.request_ids import HEADER, id_of

IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TooLarge(Exception):
    """The body is longer than is allowed."""


class SpoolChunkedBodies:
    """Wraps a WSGI application; `limit` is the longest body in bytes, chunked or not."""

    def __init__(self, application: Application, *, limit: int) -> None:
        self.application = application
        self.limit = limit

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and int(length) > self.limit:
            return self.refuse(environ, start_response)
        # Only a server that ends the stream itself may be read to its end; with any other that would wait forever.
        if length or not environ.get("wsgi.input_terminated") or not environ.get("HTTP_TRANSFER_ENCODING"):
            return self.application(environ, start_response)
        body = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed when the response is
        try:
            size = self.store(environ["wsgi.input"], body)
        except TooLarge:
            body.close()
            return self.refuse(environ, start_response)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        environ = {**environ, "wsgi.input": body, "CONTENT_LENGTH": str(size)}
        del environ["HTTP_TRANSFER_ENCODING"]
        return ClosingAfter(self.application(environ, start_response), body)

    def store(self, stream: Any, body: SpooledTemporaryFile[bytes]) -> int:
        """Copy the stream; returns its length in bytes."""
        size = 0
        while piece := stream.read(PIECE):
            size += len(piece)
            if size > self.limit:
                raise TooLarge
            body.write(piece)
        return size

    def refuse(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """413, and the connection is given up: nobody reads the rest of the body. To programs in the API's shape."""
        words = f"The request is larger than {self.limit // 1024 // 1024} MB: send it in parts."
        text, kind = f"{words}\n".encode(), "text/plain; charset=utf-8"
        name = id_of(environ.get("HTTP_X_REQUEST_ID"))
        if environ.get("PATH_INFO", "").startswith("/api/"):
            # Not above: it needs the settings, and this module is there before they are.
            from crm.core.api.problems import MEDIA_TYPE, Problem

            body = {**Problem(413, "too_large", words).as_json(), "request_id": name}
            text, kind = json.dumps(body).encode(), MEDIA_TYPE
        start_response(
            "413 Content Too Large",
            [
                ("Content-Type", kind),
                ("Content-Length", str(len(text))),
                ("Content-Security-Policy", "default-src 'none'"),
                ("Connection", "close"),
                (HEADER, name),
            ],
        )
        return [text]


class ClosingAfter:
    """The response's parts; closes the response and then the stored body when the server is done with them."""

    def __init__(self, response: Iterable[bytes], body: SpooledTemporaryFile[bytes]) -> None:
        self.response = response
        self.body = body

    def __iter__(self) -> Any:
        return iter(self.response)

    def close(self) -> None:
        """As WSGI asks."""
        try:
            close = getattr(self.response, "close", None)
            if close is not None:
                close()
        finally:
            self.body.close()
