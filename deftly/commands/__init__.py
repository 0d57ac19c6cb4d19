"""One module per command, each with `<name>_command(argv) -> int`, imported only when that command is called."""
