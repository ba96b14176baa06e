"""The program to come, as far as members of today must get along with it: it supports a feature level and a version of
the frames between members that today's does not, and sends such frames once that level is in force.

python -m tests.transport_zmq.daemon.later_program serve …
"""

import raft.features

raft.features.FEATURE_LEVEL = 2  # before anybody reads it

import quorate  # noqa: E402
from transport_zmq.versions import SENT_FROM  # noqa: E402

SENT_FROM[2] = 2

if __name__ == "__main__":
    quorate.main()
