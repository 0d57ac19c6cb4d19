"""Pieces of the OpenAPI document that several routers name."""

from __future__ import annotations

from typing import Any

CHAT_BODY = {"$ref": "#/components/schemas/ChatBody"}
ACT_BODY = {"$ref": "#/components/schemas/ActBody"}
JSON_OBJECT = {"type": "object"}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "integer", "null"]},
            },
        }
    },
}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered", "content": {"application/json": {"schema": ERROR}}},
    "5XX": {"description": "The server or its engine cannot answer now", "content": {"application/json": {"schema": ERROR}}},
}
