"""When what was written is made durable, and what a crash can lose in return (contract D6).

* `always`: before it is acknowledged. A member that loses power has all that it has acknowledged.
* `interval`: at the latest so many milliseconds after, and as long as a sync takes. Everything is with the operating
  system before it is acknowledged, so a process that is killed loses nothing; a machine that loses power may lose the
  entries that it wrote in the last interval. Terms, votes, truncations and snapshots are always durable first.

  What that means for the cluster: an acknowledged write is lost if members that lost it so, together with such as never
  had it, are enough to elect a leader. Of three members one power loss is enough, if one of the two others had not
  received the write and the third is cut off. A write that a majority has synced, by an interval after that majority
  had it, is never lost by any power loss. Who has lost entries and is not needed to elect such a leader is caught up.
  Members that know a lost write to be committed stop with an error, and must be started again; if a snapshot of theirs
  covers it, they must be removed, and added with an empty directory.
* `never`: the operating system may do as it likes. A member that starts again has lost its disk: it begins with an
  empty directory and a new incarnation, and is refused by the others until it was removed and added again. As long as
  a majority never stops, nothing is lost; once a majority has, the cluster elects nobody any more.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_INTERVAL_MS = 60_000


class InvalidPolicy(ValueError):
    """No policy is written so.

    Attributes:
        text: what was given.
    """

    def __init__(self, text: object) -> None:
        super().__init__(
            f"{text!r} is no sync policy; use always, never, or interval(ms) with 1 to {LONGEST_INTERVAL_MS:,} "
            "milliseconds, for instance interval(100)"
        )
        self.text = text


@dataclass(frozen=True)
class SyncPolicy:
    """A policy.

    Attributes:
        text: how users write it.
        interval_ms: how long entries may wait to become durable; 0 for not at all, None for as long as they like.
    """

    text: str
    interval_ms: int | None

    @property
    def may_lose_acknowledged(self) -> bool:
        """Whether a member that loses power may come back without entries that it has acknowledged.

        Under `never` it comes back as somebody else.
        """
        return bool(self.interval_ms)

    @classmethod
    def parse(cls, text: object) -> SyncPolicy:
        """Return the policy that is written so.

        Raises:
            InvalidPolicy: none is.
        """
        if not isinstance(text, str):
            raise InvalidPolicy(text)
        if text == "always":
            return ALWAYS
        if text == "never":
            return NEVER
        digits = text.removeprefix("interval(").removesuffix(")")
        if text == f"interval({digits})" and digits.isascii() and digits.isdigit():
            interval_ms = int(digits)
            if 1 <= interval_ms <= LONGEST_INTERVAL_MS:
                return cls(text, interval_ms)
        raise InvalidPolicy(text)


ALWAYS = SyncPolicy("always", 0)
NEVER = SyncPolicy("never", None)
