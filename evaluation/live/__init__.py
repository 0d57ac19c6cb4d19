"""Live suites: tasks that a model works on itself, on real screens, and that judge it themselves."""
