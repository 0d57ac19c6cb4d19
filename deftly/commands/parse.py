"""`deftly parse`: a model's text from stdin, its thought and actions on stdout."""

from __future__ import annotations

import argparse
import json
import re
import sys

from actions.coordinates import COORDINATES
from actions.dialects import DIALECTS, get_dialect
from actions.dialects.base import MAX_CHARACTERS
from actions.geometry import Frame, Point, Size
from actions.space import Action, Prediction
from actions.wire import action_to_json, prediction_to_json
from deftly.errors import UsageError

_SIZE = re.compile(r"([1-9][0-9]{0,5})[xX×]([1-9][0-9]{0,5})")
_MAX_BYTES = 4 * MAX_CHARACTERS  # in UTF-8 no text that a dialect would read is longer


def parse_command(argv: list[str]) -> int:
    """Exit code 0 when the text was understood, 1 when it was not."""
    if "--list" in argv:
        return _list()
    options = _options(argv)
    dialect = get_dialect(options.dialect, None, options.coordinates)
    frame = Frame(options.screen, options.image)
    text, error = _read_text()
    try:
        prediction = Prediction(text=text, error=error) if error else dialect.parse(text, frame)
    except ValueError as impossible:
        raise UsageError(f"--{'image' if options.image else 'screen'}: {impossible}") from None
    if options.json:
        print(json.dumps(prediction_to_json(prediction), allow_nan=False))
    else:
        _print(prediction, frame)
    return 1 if prediction.error else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deftly parse",
        description="Read a model's text from stdin and print its thought and actions, points as fractions of the screen.",
        epilog="exit codes: 0 understood, 1 the text has an error, 2 wrong use",
    )
    parser.add_argument("--dialect", required=True, metavar="NAME", help="how the model writes, such as uitars-1.5; --list names them all")
    parser.add_argument("--screen", required=True, type=_size, metavar="WxH", help="size of the screen in pixels, such as 1920x1080")
    parser.add_argument("--image", type=_size, metavar="WxH", help="size of the image that was sent, where it was not the screen itself")
    parser.add_argument(
        "--coordinates",
        choices=COORDINATES,
        metavar="RULE",
        help=f"the space of its coordinates, where not its family's: {', '.join(COORDINATES)}",
    )
    parser.add_argument("--list", action="store_true", help="name the dialects, a line each, with the space of their coordinates")
    parser.add_argument("--json", action="store_true", help='print {"thought", "actions", "error"}')
    return parser.parse_args(argv)


def _list() -> int:
    """Every dialect, its coordinate rule, and further names for it."""
    for entry in DIALECTS.entries():
        coordinates = getattr(entry.load(), "family_coordinates", "its own")
        print(f"{entry.name:<18}  {coordinates:<14}  {' '.join(DIALECTS.aliases_of(entry))}".rstrip())
    return 0


def _size(text: str) -> Size:
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no size: write width x height in pixels, such as 1920x1080")
    return Size(int(found[1]), int(found[2]))


def _read_text() -> tuple[str, str | None]:
    """What stdin holds, and why it cannot be a model's text. Stops reading where no text can be that long."""
    if sys.stdin is None:
        raise UsageError("stdin is closed: pipe the model's text into deftly parse")
    data = sys.stdin.buffer.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        return "", f"stdin holds more than {_MAX_BYTES} bytes: at most {MAX_CHARACTERS} characters of a model's text are read"
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        return "", f"stdin is not text: byte {error.start} (0x{data[error.start]:02x}) is not UTF-8"


def _print(prediction: Prediction, frame: Frame) -> None:
    if prediction.thought:
        print(f"thought  {_printable(prediction.thought)}")
    for number, action in enumerate(prediction.actions, start=1):
        print(f"{number:>7}  {_in_words(action, frame.screen)}")
    if prediction.error:
        print(f"error    {_printable(prediction.error)}", file=sys.stderr)


def _in_words(action: Action, screen: Size) -> str:
    """The action on one line, its points also in pixels of the screen."""
    words = [action.type]
    for name in action_to_json(action):
        value = getattr(action, name)
        if isinstance(value, Point):
            words.append(f"{name}={_place(value, screen)}")
        elif name == "path":
            words.append(" → ".join(_place(point, screen) for point in value))
        elif name == "keys":
            words.append("+".join(value))
        elif name != "type" and value not in (None, ()):
            words.append(f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}")
    return "  ".join(words)


def _place(point: Point, screen: Size) -> str:
    x_px, y_px = point.to_pixel(screen)
    return f"({point.x:.4f}, {point.y:.4f}) = {x_px},{y_px} px"


def _printable(text: str) -> str:
    """`text` without what could steer a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
