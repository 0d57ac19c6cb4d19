#!/bin/sh
# Finds a Python that fits and hands over to setup.py; all arguments are passed on.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
for needed in "import venv, ensurepip; $fits" "$fits"; do  # Debian's own Python lacks venv until setup.py brings it
    for python in "$DEFTLY_PYTHON" python3.11 python3 python3.12 python3.13 "$HOME"/.pyenv/versions/3.11.*/bin/python; do
        if [ -n "$python" ] && "$python" -c "$needed" >/dev/null 2>&1; then
            exec "$python" "$here/setup.py" "$@"
        fi
    done
done
echo "setup: no Python from 3.11 to 3.13 was found. On Debian: apt-get install python3 python3-venv; or set DEFTLY_PYTHON to one." >&2
exit 1
