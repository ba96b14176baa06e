"""Rare situations that a run may come to, and that some run must: a promise never put to the test is not tested.

Where an invariant says "never", a situation says "sometimes". Each is counted, and a series of runs in which one never
comes about is too tame. How they are recognized: see `spotter.py`.
"""

from __future__ import annotations

from collections import Counter

SITUATIONS = {
    # Elections
    "split-vote": "two candidates of one term took votes from each other, and it had no leader",
    "pre-vote-beside-leader": "a pre-vote was refused by a voter that hears its leader (E6)",
    "vote-request-beside-leader": "a vote request was passed over by a voter that hears its leader (E6)",
    "term-learned-by-rejection": "a pre-candidate adopted the higher term that a refusal told it of (E3, E4)",
    "vote-remembered": "a voter restarted within a term, and refused another candidate for the vote it had cast (E1)",
    "promise-outlives-restart": "a restarted voter elected nobody, for all that it might have promised before (E10)",
    "two-leaders": "a leader was elected while another still led an earlier term",
    "leader-unheard": "a leader that no quorum echoed stepped down (E5)",
    "leader-disk-stalled": "a leader stepped down because its disk stood still (D4)",
    "leader-freed-returning-node": "a node that came back with a higher term made the leader step down (E6)",
    "quiet-leader-found-dead": "a quiescent leader crashed, and a follower campaigned (L4)",
    # Replication
    "leader-lost-entries": "a former leader's entries, never committed, were truncated from its own log",
    "truncation-of-several": "a conflict truncated more than one entry (R1)",
    "majority-lost-entry": "an entry that a majority held on disk was overwritten: it was not committed (Figure 8)",
    "successor-committed-entry": "entries of an older term were committed together with one of the leader's own (R3)",
    "committed-before-own-disk": "a leader committed what its own disk did not hold yet (R10)",
    "follower-stuck": "a leader reported a follower that echoes and does not get further (R8)",
    "append-before-base": "an append came after the log had been cut off behind its entries (R1)",
    "back-pressure": "a proposal was refused, since too much waited to be committed (R7)",
    # Space
    "command-without-space": "a command was refused, since the leader's disk was full (D2)",
    "follower-without-space": "a follower refused entries, since its disk was full (D2)",
    "full-leader-gave-way": "a leader whose disk was full handed over (D2)",
    # Snapshots
    "snapshot-superseded": "a newer snapshot took the place of one that was half sent (N2)",
    "snapshot-resumed": "the transfer of a snapshot went on after a break of an election timeout (N2)",
    "snapshot-continued": "what was received of a snapshot was of use with another leader, or after a restart (N2)",
    "snapshot-over-conflict": "a snapshot replaced a log that went further and was another's past (N3)",
    "restart-from-snapshot-alone": "a node restarted from a snapshot with no entry behind it (N5)",
    # Membership
    "joint-change-inherited": "a leader left a joint configuration that another had entered (M1)",
    "joint-change-truncated": "a joint configuration was truncated, and the one before was in force again (M3)",
    "elected-when-joint": "a leader was elected by majorities of both halves (M3)",
    "change-refused": "a change was refused: nothing committed in the term yet, or another under way (M2)",
    "voter-promoted": "a new voter caught up and became one (M4)",
    "voter-too-slow": "a new voter did not catch up, and stayed a learner (M4)",
    "removed-leader-handed-over": "a leader that a joint configuration removes handed over first (M5)",
    "removed-leader-stepped-down": "a leader stepped down once its removal was committed (M5)",
    "wrong-incarnation": "a message of another incarnation was refused (M6)",
    "witness-decided-election": "without the vote of a witness nobody would have been elected (M8)",
    "witness-decided-commit": "without the disk of a witness an entry would not have been committed (M8)",
    # Reads and leadership
    "lease-refused": "a read by lease came to a leader whose lease had run out (L2)",
    "lease-ended-by-transfer": "a read by lease came to a leader that had told another to campaign (L2)",
    "read-unconfirmed": "a read was given up, since no leader confirmed it (L1)",
    "transfer-failed": "a transfer of leadership was begun and failed (L3)",
    "proposal-during-transfer": "a proposal was refused, since the leader was handing over (L3)",
    # Sessions
    "command-repeated": "a command came into the log a second time, and was answered from what was kept (C1)",
    "session-expired": "a command of an expired session was refused (C1)",
    "session-full": "a command was refused that would have passed a session's window or its kept replies (C1)",
}
"""Every situation, by name, with what it is. The order is that of tables."""


class Situations:
    """Counts what a run comes to.

    Attributes:
        reached: how often each situation came about.
    """

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """Count a situation.

        Raises:
            ValueError: it is not on the list.
        """
        if name not in SITUATIONS:
            raise ValueError(f"unknown situation {name!r}: add it to SITUATIONS, with what it is")
        self.reached[name] += 1
