"""Who asks for work in random runs, and what must hold of the answers (contract C1, C3, L1, L2).

Start reading at `proposer.py`, the simplest; the histories of the clients in `workload.py` must be linearizable.
"""
