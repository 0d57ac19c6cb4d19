"""Shows what a node of PipeWire shows: a program of its own, run by whichever Python has GObject's bindings, so it imports nothing of ours.

    python3 frames.py DESCRIPTOR NODE

Asked by a line with the number of the picture that is already known, it answers with a line of JSON (number, width, height, bytes) and,
where it has a newer one, that many bytes: rows of four bytes a pixel, blue first. It ends when nobody asks any more, or with the stream.
"""

import json
import sys
from typing import Any


def tell(**what: object) -> None:
    sys.stdout.buffer.write(json.dumps(what).encode() + b"\n")


class Latest:
    """The newest picture of a stream that shows one only when something on the screen has changed."""

    def __init__(self, gst: Any, descriptor: int, node: str) -> None:
        self._gst = gst
        self._pipeline = gst.parse_launch(
            f"pipewiresrc fd={descriptor} path={node} always-copy=true ! videoconvert "
            "! video/x-raw,format=BGRx ! appsink name=sink max-buffers=1 drop=true sync=false"
        )
        self._sink = self._pipeline.get_by_name("sink")
        self._sample: Any = None
        self._number = 0
        self._pipeline.set_state(gst.State.PLAYING)

    def look(self, known: int, patience_ns: int) -> None:
        """Answer with the newest picture, waiting for the first one."""
        newer = self._sink.emit("try-pull-sample", patience_ns if self._sample is None else 0)
        if newer is not None:
            self._sample, self._number = newer, self._number + 1
        wrong = self._pipeline.get_bus().pop_filtered(self._gst.MessageType.ERROR | self._gst.MessageType.EOS)
        if wrong is not None or self._sample is None:
            raise EOFError(wrong.parse_error()[0].message if wrong and wrong.type == self._gst.MessageType.ERROR else "it shows nothing")
        shape = self._sample.get_caps().get_structure(0)
        buffer = self._sample.get_buffer()
        size = buffer.get_size() if self._number != known else 0
        tell(number=self._number, width=shape.get_value("width"), height=shape.get_value("height"), bytes=size)
        if size:
            sys.stdout.buffer.write(buffer.extract_dup(0, size))


def main(descriptor: int, node: str) -> None:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst

        Gst.init(None)
        latest = Latest(Gst, descriptor, node)
        for line in sys.stdin:
            latest.look(int(line), 10 * Gst.SECOND)
            sys.stdout.buffer.flush()
    except Exception as error:  # noqa: BLE001 - the end of this program, whose owner tells the user
        tell(error=str(error) or type(error).__name__)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
