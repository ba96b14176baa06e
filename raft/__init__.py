"""Raft as a pure state machine, and as an actor over ports. Imports nothing, not even the standard library.

Start reading here, and go on at `node.py`.

Theory of operation
===================

A cluster keeps one log of commands in the same order on every member. Time is cut into *terms*, numbered upwards. In
each term at most one member, the *leader*, may add to the log; a term begins with an election (paper section 5).

Two numbers matter. The *term* says who is out of date: a message of a lower term is answered with the higher one and
otherwise ignored; a message of a higher term is adopted at once. The *commit index* says what is settled: every entry
up to it is durable on a majority and will be in the log of every later leader.

    follower ──no leader for a timeout──► pre-candidate ──a majority would vote──► candidate ──a majority did──► leader
       ▲                                        │                                     │                            │
       └────────────────── a leader of this term is heard, or a higher term, or (leader) no quorum ◄───────────────┘

What enters: messages of other members (`step`), the passing of time (`tick`), commands (`propose`), and what the
runtime has done since (`persisted`, `applied`). Whatever time can matter to carries `now`, milliseconds of one
monotonic clock; the node has no clock, socket, disk or thread, and calls nothing outside this package. What leaves is
handed out by `ready`, as values: one numbered write for the disk, messages, entries to apply, events. `deadline` says
when to tick next.

The disk may take its time. A leader sends entries while its own disk still writes them (thesis section 10.2.1), but
counts itself only afterwards; an answer that promises something (a vote, an acknowledgement) is held back here until
the write that makes it true has completed. Held messages die with the term and the role in which they were made.

Between any two calls these hold, and the simulator checks them after every event:

- term and vote change only in `_enter_term` and `cast_vote`; the term never falls, the vote is never taken back;
- a message that states a term leaves only when that term is durable (a leader's was, before it was elected);
- the role alone decides what a message means: one file per role, one method `on_...` per message;
- the indexes of the log are ordered as `log.py` says.
"""

DISTRIBUTION = "quorate"  # tells this package apart from others that are called `raft` too
