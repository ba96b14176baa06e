"""A counter that many count on at once."""

from __future__ import annotations

from raft.errors import InvalidConfig

from ..arguments import as_bytes
from ..client import Deadline
from ..errors import Unavailable
from ..kv_calls import KeyValueCalls
from ..ranges import Item
from .errors import NotANumber


class Counter:
    """A whole number under a key, as decimal digits; 0 while there is no such key.

    Each addition takes effect once, also when a leader is lost. Where many add at the same time, most must try again:
    who needs thousands of additions each second has a better machine of its own (see `docs/daemon.md`).

    Args:
        client: of the cluster that has it.
        key: 1 to 1024 bytes.
    """

    def __init__(self, client: KeyValueCalls, key: bytes | str) -> None:
        self._client = client
        self._key = as_bytes("key", key)

    def __repr__(self) -> str:
        return f"Counter({self._key!r})"

    def value(self, timeout: float = 5.0) -> int:
        """Return the number, as of some moment during this call.

        Raises:
            NotANumber: the key holds something else.
            OutOfBounds, InvalidConfig, Unavailable, NotKeyValue: as for `get`.
        """
        found = self._client.get(self._key, timeout)
        return 0 if found is None else self._number(found)

    def add(self, amount: int = 1, timeout: float = 5.0) -> int:
        """Add to the number, and return what it is then.

        Args:
            amount: a whole number, also a negative one.
            timeout: seconds, 0 or more.

        Raises:
            NotANumber: the key holds something else; nothing was changed.
            Unavailable: nobody did it in time, or others were always quicker; nothing was changed.
            OutcomeUnknown: the time is up after a node took it; it may yet take effect, once.
            InvalidConfig: when amount is no whole number; nothing was changed.
            OutOfBounds, NotKeyValue: as for `put`.
        """
        if type(amount) is not int:
            raise InvalidConfig("amount", amount, "a whole number")
        deadline = Deadline(timeout)
        found = self._client.txn().get(self._key).commit(deadline.left_s).results[0]
        while True:
            assert found is None or isinstance(found, Item), found
            number = amount + (0 if found is None else self._number(found.value))
            change = self._client.txn().if_revision(self._key, 0 if found is None else found.revision)
            change.put(self._key, b"%d" % number).otherwise().get(self._key)
            outcome = change.commit(deadline.left_s)
            if outcome.succeeded:
                return number
            found = outcome.results[0]
            if not deadline.left_s:
                raise Unavailable("others were always quicker", deadline.timeout_s, {}, "allow more time")

    def _number(self, value: bytes) -> int:
        try:
            return int(value)
        except ValueError:
            raise NotANumber(self._key, value) from None
