"""Deliberate bugs that break no promise of the log: only what clients saw tells of them."""

from __future__ import annotations

from .mutation import Mutation, in_actors, in_core

HISTORIES = (
    Mutation(
        "cas that does not compare",
        (
            (
                "transport_sim/workloads/store.py",
                "            if values.get(key) != expected:\n                return False\n",
                "",
            ),
        ),
    ),
    in_actors(
        "kept replies confuse false with true",
        "results",
        '        return b"t" if value else b"f"\n',
        '        return b"t"\n',
    ),
    in_core(
        "staleness told before the term's first commit",
        "reads",
        "    return leader.node.log.commit_index if leader.has_committed else leader.first_index\n",
        "    return leader.node.log.commit_index\n",
    ),
    in_core(
        "staleness is never told",
        "reads",
        "        return None if self.current_ms is None else now - self.current_ms\n",
        "        return None if self.current_ms is None else 0\n",
    ),
)
