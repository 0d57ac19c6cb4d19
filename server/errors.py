"""Errors as clients see them: OpenAI's shape, the field that is wrong, what to do, and never a traceback.

{"error": {"message": "…", "type": "invalid_request_error", "param": "messages[0].content", "code": "image_too_large"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.responses import Response

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class ApiError(Exception):
    """An answer that is no: `status`, words for people, and a `code` for programs."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return headers | ({"www-authenticate": 'Bearer realm="deftly"'} if self.status == 401 else {})

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        from starlette.responses import JSONResponse

        return JSONResponse(self.body, status_code=self.status, headers=self.headers)


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, message, code=code, param=param)


def engine_unavailable(what: str, retry_after: int = 2) -> ApiError:
    """There is no engine at the moment."""
    return ApiError(503, f"the model engine {what}: ask again in a moment", code="engine_unavailable", retry_after=retry_after)


def from_validation(errors: list[Any] | Any) -> ApiError:
    """What pydantic found, as one error with the dotted path of its first finding."""
    first: Mapping[str, Any] = errors[0]
    path = dotted(first["loc"])
    return invalid(f"{path or 'the body'}: {first['msg']}", param=path or None)


def dotted(location: tuple[str | int, ...]) -> str:
    """`("messages", 0, "content")` as `messages[0].content`; the tags that pydantic adds for unions are left out."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "body" and part.isidentifier():
            path += f".{part}" if path else part
    return path
