"""The envelope around every answer but a value, and the refusals that travel in it.

Codes and wording are production's, as far as they were ever recorded (Cloudflare's API reference, the old
list of KV error codes, and public records of live calls); what nobody recorded follows the local simulator.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

SERVICE_FAILED = 10001
AUTHENTICATION = 10000
UNAUTHORIZED = 9109
MALFORMED_BODY = 10012
NO_ROUTE = 7000
NO_OBJECT = 7003


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, Cloudflare's code, message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def success(
    result: object, info: Mapping[str, object] | None = None, messages: tuple[object, ...] = ()
) -> Response:
    """HTTP 200 around a result. `info` becomes `result_info`."""
    envelope: dict[str, object] = {"result": result, "success": True, "errors": [], "messages": messages}
    if info is not None:
        envelope["result_info"] = info
    return as_json(envelope)


def failure(status: int, code: int, message: str) -> Response:
    """An error's answer."""
    errors = [{"code": code, "message": message}]
    return as_json({"result": None, "success": False, "errors": errors, "messages": []}, status)


def as_json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def namespace_not_found(operation: str) -> Refusal:
    return Refusal(404, 10013, f"{operation}: 'namespace not found'")


def key_not_found(operation: str) -> Refusal:
    return Refusal(404, 10009, f"{operation}: 'key not found'")


def malformed_body(operation: str, why: str) -> Refusal:
    return Refusal(400, MALFORMED_BODY, f"{operation}: '{why}'")
