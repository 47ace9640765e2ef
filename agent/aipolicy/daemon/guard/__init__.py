"""What stands behind the exec gate: the process of the classifier (service), and the daemon's side (link)."""
