"""The command line as a caller meets it: help, exit codes, one line for errors, and nothing heavy imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deftly.cli import COMMANDS

GOLDEN = Path(__file__).parent / "golden"
HEAVY = [
    "torch",
    "transformers",
    "numpy",
    "PIL",
    "cv2",
    "mss",
    "Xlib",
    "playwright",
    "pyautogui",
    "rich",
    "httpx",
    "yaml",
    "agent",
    "actions",
    "inference",
]


def deftly(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_")} | environment
    return subprocess.run([sys.executable, "-m", "deftly", *argv], capture_output=True, text=True, timeout=120, env=env, check=False)


def test_help_reads_as_the_golden_file() -> None:
    done = deftly("--help")
    assert done.returncode == 0
    assert done.stdout == (GOLDEN / "help.txt").read_text()


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, json; from deftly.cli import main; main(['--help']); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not set(HEAVY) & set(json.loads(done.stderr))


def test_version_is_the_package_version() -> None:
    import deftly as package

    assert deftly("--version").stdout == f"deftly {package.__version__}\n"


def test_no_command_prints_the_help_and_is_wrong_use() -> None:
    done = deftly()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (GOLDEN / "help.txt").read_text()


def test_an_unknown_command_is_named_in_one_line() -> None:
    done = deftly("runn")
    assert done.returncode == 2
    assert done.stderr == "deftly: error: no command is called 'runn': did you mean run?\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_reads_as_its_golden_file(command: str) -> None:
    done = deftly(command, "--help", COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (GOLDEN / f"{command}-help.txt").read_text()


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "deftly", "--help"], stdout=write_end, stderr=subprocess.PIPE, timeout=120, check=False
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


BROKEN_COMMAND = """
import sys, types
from deftly.cli import main

def run_command(argv):
    raise {error}

sys.modules["deftly.commands.run"] = types.SimpleNamespace(run_command=run_command)
sys.exit(main(["run"]))
"""


def broken_command(error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = BROKEN_COMMAND.format(error=error)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
    )


def test_an_unexpected_error_tells_how_to_get_the_traceback() -> None:
    done = broken_command("RuntimeError('the moon\\nis full')")
    assert done.returncode == 1
    assert done.stderr == "deftly: RuntimeError: the moon is full\n  (set DEFTLY_DEBUG=1 for the traceback)\n"


def test_with_debug_the_traceback_comes() -> None:
    done = broken_command("RuntimeError('the moon')", DEFTLY_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_exits_130() -> None:
    done = broken_command("KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, "deftly: interrupted\n")


def test_a_missing_file_is_named_without_a_traceback() -> None:
    done = broken_command("FileNotFoundError(2, 'No such file or directory', '/nowhere/x')")
    assert (done.returncode, done.stderr) == (2, "deftly: error: No such file or directory: /nowhere/x\n")
