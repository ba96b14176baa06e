"""The write-ahead log and the snapshots of a member, over any disk.

Start reading at `store.py`, which decides what must be done; `disk.py` says how that is done, `segment.py` and
`snapshots.py` are the formats, `recovery.py` reads them again. All of it is written for MicroPython too.
"""

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `storage` too
