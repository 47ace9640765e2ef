"""The exec gate of Linux: a banned tool is refused before its first instruction.

A process of its own (gate.py) answers the kernel; it is Python's standard library only, opens nothing by path
and waits for nobody. A second one, its parent, ends it when it is stuck (deadman.py). What a file is, a third
one says, which has the catalog and the policy (daemon/classifier.py); without it what is known stays in
force.
"""
