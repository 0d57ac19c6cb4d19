"""What can be wrong with a public name.

ValueError
└── PluginError
    ├── UnknownName     nothing has that name; the message tells the nearest
    ├── NameClash       two things have that name; the message names both
    └── BrokenPlugin    the thing that has the name cannot be loaded; the message says whose it is and why
"""

from __future__ import annotations


class PluginError(ValueError):
    """A public name cannot be used."""


class UnknownName(PluginError):
    """Nothing has that name; the message tells the nearest one, and all that there are."""


class NameClash(PluginError):
    """Two things are published under one name; the message names both."""


class BrokenPlugin(PluginError):
    """What is published under that name cannot be loaded; the message says whose it is and why."""
