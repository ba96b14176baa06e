"""Exhaustive exploration: every order of events of the real core within small bounds (see docs/adr/0016).

Start reading at `member.py` (what one member can do), then `world.py` (what all of them and the network can do) and
`walk.py` (every world, once).
"""
