"""What the clients of random runs do, and whether the history of it is linearizable (contract C3).

Start reading at `workload.py`.
"""
