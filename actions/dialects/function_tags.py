r"""Functions in tags, as UI-TARS-2 and Qwen3.5 write calls; not XML, since values stand in them as they are.

    <function=type>                         or  <function name="type">
    <parameter=content>a < b</parameter>        <parameter name="content" string="true">a < b</parameter>
    </function>

A value ends at a closing tag behind which the call goes on. What would end it too early is written `&lt;/parameter>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from actions.dialects.json_text import JsonError

OPENING_FUNCTION = re.compile(r"""<function(?:=|\s+name\s*=\s*)["']?([\w.:-]+)["']?\s*>""", re.IGNORECASE)
_OPENING = re.compile(r"""\s*<parameter(?:=|\s+name\s*=\s*)["']?([\w.-]+)["']?(?:\s+\w+\s*=\s*["']?\w+["']?)?\s*>""", re.IGNORECASE)
_CLOSING = re.compile(r"</parameter>(?=\s*(?:<parameter[=\s]|</function>|</(?:seed:)?tool_call>|<function[=\s]|\Z))", re.IGNORECASE)
_END = re.compile(r"\s*</function>|\s*(?=</(?:seed:)?tool_call>|<function[=\s]|\Z)", re.IGNORECASE)
_ESCAPED = re.compile(r"&(amp;)*lt;/parameter>", re.IGNORECASE)


def read_function(text: str, at: int, *, padded: bool) -> tuple[str, dict[str, object], int]:
    """The name and the values of the function that begins at `at`, and where it ends.

    `padded` says that values may stand on lines of their own.

    Raises:
        JsonError: it is never closed, or a value is not.
    """
    opening = OPENING_FUNCTION.match(text, at)
    if not opening:
        raise JsonError("a function in tags was expected", text, at)
    values: dict[str, object] = {}
    at = opening.end()
    while found := _OPENING.match(text, at):
        closing = _CLOSING.search(text, found.end())
        if not closing:
            raise JsonError(f"the parameter {found[1]!r} is never closed", text, found.start())
        if found[1] in values:
            raise JsonError(f"the parameter {found[1]!r} stands twice", text, found.start())
        values[found[1]] = _unescaped(text[found.end() : closing.start()], padded)
        at = closing.end()
    end = _END.match(text, at)
    if not end:
        raise JsonError("</function> was expected", text, at)
    return opening[1], values, end.end()


def write_function(name: str, values: Mapping[str, str]) -> str:
    """The function in tags; `read_function` reads it back, whatever the values hold."""
    lines = [f"<parameter={key}>{_escaped(value)}</parameter>" for key, value in values.items()]
    return "\n".join([f"<function={name}>", *lines, "</function>"])


def _unescaped(value: str, padded: bool) -> str:
    if padded and len(value) > 1 and value.startswith("\n") and value.endswith("\n"):
        value = value[1:-1]
    return _ESCAPED.sub(lambda found: "</parameter>" if found[0][1] != "a" else "&" + found[0][5:], value)


def _escaped(value: str) -> str:
    value = _ESCAPED.sub(lambda found: "&amp;" + found[0][1:], value)
    return value.replace("</parameter>", "&lt;/parameter>")
