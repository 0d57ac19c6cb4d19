"""`make fuzz`: coverage-guided inputs over all dialects with atheris; not collected by pytest, which has hypothesis for every day.

An input picks a dialect, or leaves it to chance so that none is starved, and is text as it is, or indexes into the pieces of every
grammar. It fails when reading raises, when it takes more than 50 ms of processor time three times over, when code is executed, or when
memory grows.

python tests/actions/fuzz_dialects.py -runs=5000000
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
import zlib
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
with atheris.instrument_imports(include=["actions"]):
    from actions.dialects import DIALECTS, get_dialect
    from actions.geometry import Frame, Point, Size
    from actions.space import Click, Drag, Finished, Hotkey, Prediction, Scroll, TypeText, Wait
    from tests.actions.hostile import PIECES

    # Dialects import their modules when they are asked for, so that this belongs here, too.
    ALL = [get_dialect(entry.name) for entry in DIALECTS.entries() if entry.origin == "deftly"]

FRAME = Frame(Size(1920, 1080))
MAX_SECONDS = 0.05
MAX_GROWTH_MIB = 96  # the fuzzer keeps the inputs that reached something new
WARM_UP, CHECK_EVERY, TELL_EVERY_SECONDS = 100_000, 5_000, 15.0
WANTED = next((int(found[1]) for each in sys.argv if (found := re.fullmatch(r"-runs=(\d+)", each))), 0)

counts = dict.fromkeys((dialect.name for dialect in ALL), 0)
state = {"inputs": 0, "understood": 0, "warm_mib": 0.0, "slowest_ms": 0.0}
times = {"started": time.monotonic(), "told": time.monotonic()}
reading = False


class Broken(Exception):
    """What must not happen happened."""


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Nothing that a model wrote may be executed, opened or started. (`ast.parse` is the event `compile`; it only makes a tree.)"""
    if reading and event.startswith(("exec", "os.system", "os.exec", "os.posix_spawn", "subprocess.", "open", "socket.", "ctypes.")):
        raise Broken(f"reading a text caused {event}{arguments!r:.200}")


def text_of(data: bytes) -> str:
    """The text that the fuzzer's bytes stand for."""
    if data[:1] < b"\x60":
        return data[1:].decode("utf-8", "replace")
    return "".join(PIECES[byte % len(PIECES)] if byte < 0xE0 else chr(byte - 0xC0) for byte in data[1:])


def seconds_to_read(dialect_index: int, text: str) -> float:
    global reading
    dialect, start = ALL[dialect_index], time.thread_time()
    reading = True
    try:
        prediction = dialect.parse(text, FRAME)
    finally:
        reading = False
    spent = time.thread_time() - start
    if (prediction.error is None) != bool(prediction.actions):
        raise Broken(f"{dialect.name} read {text!r} as {prediction}")
    state["understood"] += prediction.error is None
    return spent


def test_one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    index = (zlib.crc32(data) if data[0] & 1 else data[0] >> 1) % len(ALL)
    text = text_of(data[1:])
    spent = seconds_to_read(index, text)
    if spent > MAX_SECONDS:
        spent = min(spent, *(seconds_to_read(index, text) for _ in range(3)))
        if spent > MAX_SECONDS:
            raise Broken(f"{ALL[index].name} took {spent:.3f} s for {text!r}")
    state["inputs"] += 1
    state["slowest_ms"] = max(state["slowest_ms"], spent * 1000)
    counts[ALL[index].name] += 1
    if state["inputs"] % CHECK_EVERY == 0:
        check_memory()
        tell()


def check_memory() -> None:
    used = resident_mib()
    if state["inputs"] <= WARM_UP:
        state["warm_mib"] = used
    elif used - state["warm_mib"] > MAX_GROWTH_MIB:
        raise Broken(f"memory grew from {state['warm_mib']:.0f} to {used:.0f} MiB within {state['inputs']:,} inputs")


def tell() -> None:
    now = time.monotonic()
    if now < times["told"] + TELL_EVERY_SECONDS and state["inputs"] < WANTED - CHECK_EVERY:
        return
    times["told"] = now
    rate = state["inputs"] / (now - times["started"])
    left = f", {max(0.0, WANTED - state['inputs']) / rate / 60:.0f} min left" if WANTED else ""
    print(
        f"{state['inputs']:,} inputs ({rate:,.0f}/s{left}), {state['understood']:,} understood, slowest {state['slowest_ms']:.1f} ms, "
        f"{resident_mib():.0f} MiB (warm {state['warm_mib']:.0f} MiB); least tried dialect {min(counts.values()):,}",
        flush=True,
    )


def resident_mib() -> float:
    """What the process holds now, not the most that it ever held: a leak shows, one great text does not hide it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def write_seeds(folder: Path) -> None:
    """What each dialect writes itself, for the fuzzer to begin with."""
    point, other = Point(0.5, 0.25), Point(0.1, 0.9)
    steps = (
        *(Click(point=point), Click(point=point, button="right", count=2), Drag(path=(point, other)), Scroll(point=point, dy=-5)),
        *(TypeText(text="it's\n"), Hotkey(keys=("ctrl", "c")), Wait(), Finished(answer="42")),
    )
    for index, dialect in enumerate(ALL):
        for number, action in enumerate(steps):
            text = dialect.format(Prediction(thought="Why.", actions=(action,)), FRAME)
            (folder / f"{index}-{number}").write_bytes(bytes([index << 1, 0]) + text.encode())


def main() -> None:
    with tempfile.TemporaryDirectory() as seeds:
        write_seeds(Path(seeds))
        sys.addaudithook(watch)
        usual = ("-max_len=1024", "-timeout=10", "-print_final_stats=1", "-verbosity=0")
        atheris.Setup([sys.argv[0], *usual, *sys.argv[1:], seeds], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
