"""Sets up a checkout: Debian packages, a virtual environment in `.venv`, and Deftly with the extras that were asked for.

Standard library only. Quick to call again: a stamp in `.venv` tells what was installed and from what.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
VENV = REPO / ".venv"
STAMP = VENV / "deftly-setup.json"

# Debian package -> a command that it brings, or a file (a pattern below /usr). Playwright's own Node.js needs libatomic, and the
# bundled model learnt its letters from pages in DejaVu.
DEBIAN_PACKAGES = {
    "xvfb": "Xvfb",
    "openbox": "openbox",
    "chromium": "chromium",
    "xterm": "xterm",
    "fonts-dejavu-core": "share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "libatomic1": "lib/*/libatomic.so.1",
}
DEV_DEBIAN_PACKAGES = {"tigervnc-standalone-server": "Xtigervnc"}  # a server that the tests look at and act on
STARTED = time.monotonic()


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def main() -> int:
    """Set up what the command line asks for; 0 when it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extras", default="eval", help="extras of pyproject.toml, joined by commas (default: eval)")
    parser.add_argument("--force", action="store_true", help="install again even where the stamp says that all is there")
    options = parser.parse_args()
    extras = sorted(set(options.extras.split(",")))
    try:
        install_debian_packages(extras)
        if not options.force and is_done(extras):
            return 0
        make_venv()
        install_torch()
        install_deftly(extras)
        STAMP.write_text(json.dumps({"of": fingerprint(), "extras": sorted({*extras, *stamped_extras()})}))
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    say("ready")
    return 0


def say(text: str) -> None:
    print(f"[set-up {time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


# --- what was done before


def fingerprint() -> str:
    """Changes with whatever decides what gets installed, and where."""
    parts = [(REPO / name).read_bytes() for name in ("pyproject.toml", "scripts/setup.py")]
    return hashlib.sha256(b"\0".join([*parts, str(REPO).encode()])).hexdigest()


def stamped_extras() -> list[str]:
    """The extras installed from the present files; none when the files changed since."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return []
    extras: list[str] = stamp["extras"] if stamp.get("of") == fingerprint() else []
    return extras


def is_done(extras: list[str]) -> bool:
    return set(extras) <= set(stamped_extras()) and Path(venv_python()).exists()


# --- Debian packages


def install_debian_packages(extras: list[str]) -> None:
    """Bring the missing Debian packages, or say how to."""
    missing = missing_debian_packages(extras) + missing_parts_of_python(extras)
    if not missing or not sys.platform.startswith("linux"):
        return
    as_root = apt_prefix()
    if as_root is None:
        raise SetupError(
            f"these programs are missing: {', '.join(missing)}. Install them and call this again:\n"
            f"    sudo apt-get install --no-install-recommends {' '.join(missing)}"
        )
    say(f"installing Debian packages: {' '.join(missing)}")
    # The package lists of a fresh machine are empty or old, but reading them anew costs more than one failed try.
    install = [*as_root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if run(install, quiet=True) != 0:
        run([*as_root, "apt-get", "update", "-qq"])
        if run(install) != 0:
            raise SetupError(f"apt-get could not install {' '.join(missing)}; what it said is above")


def missing_debian_packages(extras: list[str]) -> list[str]:
    wanted = DEBIAN_PACKAGES | (DEV_DEBIAN_PACKAGES if "dev" in extras else {})
    return [package for package, brings in wanted.items() if not is_there(brings)]


def is_there(brings: str) -> bool:
    return any(Path("/usr").glob(brings)) if "/" in brings else shutil.which(brings) is not None


def missing_parts_of_python(extras: list[str]) -> list[str]:
    """Debian cuts its own Python into packages; any other Python comes whole, or lacks what no package brings."""
    if sys.base_prefix != "/usr":
        return []
    missing = [f"python3.{sys.version_info.minor}-venv"] if find_spec("ensurepip") is None else []
    return [*missing, "python3-tk"] if "dev" in extras and find_spec("_tkinter") is None else missing


def apt_prefix() -> list[str] | None:
    """What to put before `apt-get` to run it as root; `None` where that cannot be done without asking."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    allowed = shutil.which("sudo") is not None and run(["sudo", "-n", "true"], quiet=True) == 0
    return ["sudo", "-n"] if allowed else None


# --- Python packages


def venv_python() -> str:
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def make_venv() -> None:
    """Make `.venv`, or keep the one that works."""
    if Path(venv_python()).exists() and run([venv_python(), "-m", "pip", "--version"], quiet=True) == 0:
        return
    say(f"making .venv with Python {sys.version.split()[0]}")
    if run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError("the virtual environment could not be made; on Debian: apt-get install python3-venv")


def install_torch() -> None:
    """Install torch by itself where pip's own choice would be a CUDA build of several GB for a machine without a GPU."""
    requirement = next(r for r in project()["dependencies"] if r.startswith("torch"))
    if has_nvidia_gpu() or not pip_would_bring_cuda(requirement):
        return
    say("installing torch for the CPU (there is no NVIDIA GPU here)")
    pip_install("uv")
    uv = [venv_python(), "-m", "uv", "pip", "install", "-q", "--python", venv_python(), "--torch-backend=cpu", requirement]
    if run(uv, quiet=True) != 0:
        say("uv could not bring a CPU build of torch; pip will bring its own choice, which is larger")


def project() -> dict[str, list[str]]:
    table: dict[str, list[str]] = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    return table


def has_nvidia_gpu() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def pip_would_bring_cuda(requirement: str) -> bool:
    plan = subprocess.run(
        [venv_python(), "-m", "pip", "install", "-q", "--dry-run", "--report", "-", requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if plan.returncode != 0:
        return False  # the real installation will fail too, and say why
    names = [item["metadata"]["name"].lower() for item in json.loads(plan.stdout)["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)


def install_deftly(extras: list[str]) -> None:
    say(f"installing Deftly with {', '.join(extras)} (a minute or two the first time)")
    pip_install("-e", f"{REPO}[{','.join(extras)}]")
    if "dev" in extras and sys.platform.startswith("linux"):
        # Some tests act through it. It would bring an old copy of Xlib along, in the place of the one that we use.
        pip_install("--no-deps", "pyautogui>=0.9.54")


def pip_install(*arguments: str) -> None:
    command = [venv_python(), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=REPO, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"pip could not install {arguments[-1]}:\n{done.stderr}")


def run(command: list[str], quiet: bool = False) -> int:
    """The exit code of `command`; its output is dropped when `quiet`, and never asks questions."""
    output = subprocess.DEVNULL if quiet else None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, cwd=REPO, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        ).returncode
    except OSError:
        return 127


if __name__ == "__main__":
    sys.exit(main())
