"""The daemon: the only place that wires the stages together and holds them in a loop."""
