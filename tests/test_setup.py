"""The set-up script where it cannot do its work: it says what is missing, and the command that installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the programs are Debian's")
def test_without_apt_it_names_the_missing_programs_and_the_command(tmp_path: Path) -> None:
    command = [sys.executable, str(REPO / "scripts" / "setup.py")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "missing: xvfb, openbox, chromium, xterm" in done.stderr
    assert "sudo apt-get install --no-install-recommends xvfb openbox chromium xterm" in done.stderr


def test_without_a_python_it_says_which_are_fit(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/sh", str(REPO / "scripts" / "setup.sh")],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no Python from 3.11 to 3.13 was found" in done.stderr


def setup_vllm(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The set-up of vLLM in a checkout in `folder`, without any package index."""
    if not (folder / "scripts").exists():
        shutil.copytree(REPO / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPO / "pyproject.toml", folder)
    command = [sys.executable, "-m", "scripts.setup_vllm", *options]
    nowhere = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=nowhere, capture_output=True, text=True, timeout=240, check=False)


def test_where_vllm_cannot_be_installed_the_tests_go_on_without_and_a_line_says_so(tmp_path: Path) -> None:
    done = setup_vllm(tmp_path, "--optional")
    assert done.returncode == 0, done.stderr
    assert "the tests that need it will be skipped: pip could not install vllm" in done.stdout
    asked_for = setup_vllm(tmp_path)
    assert asked_for.returncode == 1
    assert "pip could not install vllm" in asked_for.stderr
