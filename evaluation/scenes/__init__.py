"""Real programs on a virtual desktop whose answers to one action are known, to measure how long a step has to wait for them."""
