"""The command line: thin, lazy, wires the other packages together."""

__version__ = "0.1.0"
