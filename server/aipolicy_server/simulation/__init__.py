"""A made-up fleet for trying a server, a policy and a plan: believable, the same for the same seed.

Nothing here is real: no such person, no such machine. What they have comes from the catalog's own examples.
"""
