"""The agent: finds AI tools on a workstation, says what the policy says of them, and acts on it."""

__version__ = "0.1.0"
