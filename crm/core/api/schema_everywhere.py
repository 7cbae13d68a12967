"""What every operation of the API has, put into the description once it is made: its request id, what is left of the
key's limit, and how long to wait."""

from __future__ import annotations

from typing import Any

from crm.core.request_ids import HEADER

REQUEST_ID = {
    "name": HEADER,
    "in": "header",
    "description": (
        "A word of your own for this request, by which both logs, and the history of what it writes, are found. One"
        " that will not do is passed over, and the answer says the one that was made."
    ),
    "schema": {"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9._:/+=-]{1,64}$"},
}
HEADERS: dict[str, dict[str, Any]] = {
    "RequestId": {
        "description": "What the log and the history here know the request by.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    },
    "RateLimit": {
        "description": 'How many requests are left to the key, and for how many seconds: "key";r=599;t=42.',
        "schema": {"type": "string"},
    },
    "RateLimitPolicy": {
        "description": 'How many requests the key has in how many seconds: "key";q=600;w=60.',
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "How many seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
}
WAITING = ("429", "503")


def tell_everywhere(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """A hook of the generator: add to each operation and each of its answers what all of them have."""
    parts = result.setdefault("components", {})
    parts.setdefault("headers", {}).update(HEADERS)
    parts.setdefault("parameters", {})["RequestId"] = REQUEST_ID
    for path in result["paths"].values():
        for operation in path.values():
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/RequestId"})
            for code, answer in operation["responses"].items():
                answer["headers"] = {**answer.get("headers", {}), **_headers(code)}
    return result


def _headers(code: str) -> dict[str, Any]:
    names = {HEADER: "RequestId"}
    if code != "401":
        names |= {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    if code in WAITING:
        names["Retry-After"] = "RetryAfter"
    return {name: {"$ref": f"#/components/headers/{part}"} for name, part in names.items()}
