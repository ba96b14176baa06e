"""What a leader does about a follower that has lost entries which it had acknowledged (contract D6).

Where entries are synced at intervals (`Config.may_lose_acknowledged`), that may happen to whoever loses power: it is
caught up from where its log really ends. Where they are synced before they are acknowledged, the disk has lied, and
what else it may have forgotten, a vote perhaps, nobody knows. Then the member's id is bound anew, to an incarnation
that nobody has. From that entry on everybody refuses what it says, under any leader, and it learns so (M6): it must be
removed, and added again with a new storage.
"""

from .entries import CONFIGURATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .leader import Leader


def lost_acknowledged(leader: "Leader", follower: str, next_index: int, now: int) -> None:
    """Deal with a loss that is proven.

    Args:
        leader: the leader to which the follower had acknowledged more.
        follower: who has lost it.
        next_index: the first entry that it may lack.
        now: milliseconds.
    """
    node = leader.node
    progress = leader.progress[follower]
    replace = not node.config.may_lose_acknowledged
    node.watch.acknowledged_lost(follower, progress.match_index, next_index - 1, replace)
    progress.lost(next_index, leader.round + 1, now)
    if replace:
        progress.disqualified()
        bound = dict(node.configuration.incarnations)
        bound[follower] = node.identity.draw()
        leader.append(CONFIGURATION, node.configuration.replaced(incarnations=bound).encode(), now)
    leader.beat(now)
