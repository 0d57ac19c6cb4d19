"""Compiles the kernels: once for a version of the source, a compiler and an instruction set, into a cache that processes share.

The library has a plain C interface and needs neither Python's nor torch's headers: it takes seconds to build, and one build serves every
version of both. A wheel may carry libraries (`python -m inference.kernels.flash_attention.cpu.build`); then nothing is compiled.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from inference.kernels.flash_attention.cpu.instruction_sets import LEVELS, InstructionSet

SOURCES = Path(__file__).parent / "csrc"
PREBUILT = Path(__file__).parent / "lib"

# Not -ffast-math: infinities mean something here. -fopenmp is for the compiler only: a linked pool of threads would be a second one.
OPTIONS = ("-std=gnu++17", "-O3", "-fopenmp", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
COMPILE_SECONDS = 300


class BuildError(RuntimeError):
    """The kernels cannot be built; the message says why."""


def library(level: InstructionSet) -> Path:
    """The built library for `level`: the wheel's, the cache's, or a new one.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    carried = PREBUILT / _file_name(level)
    if carried.exists():
        return carried
    compiler = find_compiler()
    built = cache_folder() / _digest(compiler, level) / _file_name(level)
    if not built.exists():
        compile_library(compiler, level, built)
    return built


def find_compiler() -> str:
    """`$CXX`, or the first of the usual names that is installed."""
    asked = os.environ.get("CXX")
    for name in (asked,) if asked else ("g++", "c++", "clang++"):
        if (path := shutil.which(name)) is not None:
            return path
    raise BuildError(f"there is no C++ compiler ({asked or 'g++, c++ or clang++'}): install one, for example with apt-get install g++")


def cache_folder() -> Path:
    """Where built kernels are kept: `DEFTLY_CACHE`, or the user's cache folder."""
    if asked := os.environ.get("DEFTLY_CACHE"):
        return Path(asked) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deftly" / "kernels"


def compile_library(compiler: str, level: InstructionSet, into: Path) -> None:
    """Build beside the target and move it there in one step, so that no process ever sees half a library."""
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            parts = [Path(folder, f"{source.stem}.o") for source in sources()]
            for source, part in zip(sources(), parts, strict=True):
                _run([compiler, *OPTIONS, *level.options, "-c", str(source), "-o", str(part)])
            whole = Path(folder, into.name)
            _run([compiler, "-shared", *map(str, parts), "-o", str(whole)])
            whole.replace(into)
    except OSError as error:
        raise BuildError(f"the kernels cannot be built in {into.parent}: {error.strerror or error}") from error


def sources() -> list[Path]:
    return sorted(SOURCES.glob("*.cpp"))


def main() -> None:
    """Build every level of this architecture into the package, for a wheel."""
    for level in LEVELS:
        compile_library(find_compiler(), level, PREBUILT / _file_name(level))
        sys.stdout.write(f"{PREBUILT / _file_name(level)}\n")


def _file_name(level: InstructionSet) -> str:
    return f"attention_{level.name}.so"


def _digest(compiler: str, level: InstructionSet) -> str:
    """Changes with all that the library depends on."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    found.update(" ".join((*OPTIONS, *level.options)).encode())
    found.update(_run([compiler, "--version"]).encode())
    return found.hexdigest()[:16]


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took more than {COMPILE_SECONDS} seconds") from error
    if done.returncode:
        raise BuildError(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
