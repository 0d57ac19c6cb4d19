"""Which errors are the caller's to mend, and the words in which the command line says so."""

from __future__ import annotations

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_OUR_PACKAGES = ("plugins", "actions", "agent", "inference", "training", "evaluation", "server", "deftly")
_MENDABLE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class UsageError(ValueError):
    """The command was called in a way that cannot work; the message names what was given and how to mend it."""


def is_for_the_caller(error: Exception) -> bool:
    """Whether `error` is one that the caller can mend, so that its message is enough and a traceback would only hide it."""
    ours = type(error).__module__.partition(".")[0] in _OUR_PACKAGES
    return (ours and isinstance(error, ValueError)) or isinstance(error, _MENDABLE)


def in_words(error: Exception) -> str:
    """`error` as one line."""
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.strerror or type(error).__name__}: {error.filename}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())
