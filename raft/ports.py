"""What the actor needs of its surroundings: six ports, each implemented once per realization.

They are written as plain classes because the core imports nothing; an implementation need not inherit from them, only
offer the same methods. None of them may block, but for a write that is quicker than to be told of it later; and none
may call back into the actor: whatever happens later arrives as a message in the actor's mailbox.
"""


class Clock:
    """The time."""

    def now_ms(self) -> int:
        """Return milliseconds of a monotonic clock that counts suspended time too, and never a wall clock."""
        return 0


class Timer:
    """One alarm."""

    def set(self, deadline_ms: int) -> None:
        """Put a `Tick` into the mailbox once `now_ms()` has reached the deadline; replaces the alarm set before."""


class Transport:
    """The way to the other members."""

    def send(self, messages) -> None:
        """Send a list of (receiver id, message). Any of them may be lost, repeated or overtaken."""


class Storage:
    """The stable storage of one member."""

    def load(self):
        """Return a `Restored` with what is durable. Called once, before the actor starts.

        Raises when what is stored is damaged, so that nobody starts from it.
        """

    def write(self, write) -> bool:
        """Begin a `Write`; return True if it is durable already, and all before it.

        Else return False, and put `Persisted(number)` into the mailbox when it is, `StorageBroke` if it fails.

        Writes take effect in the order of their numbers. A crash leaves the effect of the writes up to some number. Of
        the next one it may leave its term and vote, and with them, if it has any, the first of its entries.

        After a failure nothing is reported as durable any more: only the next start tells what is. A disk without space
        is no failure: a storage that reserves space puts `RoomLeft` into the mailbox before anything else, and whenever
        it has more; of commands it is never given more than that. What it has no space for all the same waits.
        """
        return False

    def save_snapshot(self, snapshot, chunks) -> None:
        """Begin to store a `Snapshot` whose content is an iterable of bytes, at leisure: it does not change any more.

        Put `SnapshotSaved(snapshot)` into the mailbox when it is durable, or a newer one is. It is then what `load`
        finds; of the older ones the storage keeps at least the one before, which may be on its way to a follower.
        """

    def receive_chunk(self, chunk) -> None:
        """Store a `SnapshotChunk` received; one with offset 0 begins a new snapshot and drops what was there of others.

        With the last chunk the content is whole: if it has the fingerprint that its chunks carried, put
        `DownloadChecked(snapshot, True)` into the mailbox; else drop it, and put `DownloadChecked(snapshot, False)`.
        Without space for a chunk drop what was received, too, and put `DownloadChecked(snapshot, False)`.
        The write that installs the snapshot, which comes only after that, makes it durable. Of what is not installed a
        crash may leave any part, from the beginning on: `load` tells how much is intact.

        A fingerprint has 64 bits, is the same for the same bytes on every member, and 0 for none.
        """

    def read_chunk(self, request) -> None:
        """Read the piece that a `ChunkRequest` asks for, and put a `ChunkRead` into the mailbox."""

    def read_snapshot(self, snapshot):
        """Return the content of a stored snapshot as an iterable of bytes."""
        return ()


class StateMachine:
    """What the cluster computes. Every member applies the same commands in the same order."""

    def apply(self, entry):
        """Apply one committed `Entry` of kind COMMAND and return its result for the proposer.

        Must be deterministic: no clock, no chance, nothing from outside. An exception stops the node, because members
        that fail half-way could differ; answer bad commands with a result that says so.
        """

    def read(self, query):
        """Return what the query asks for, and change nothing. A machine without this method serves no reads."""

    def watcher(self, query):
        """Return a function that tells, whenever it is called, what the query asks for, or None while it cannot yet.

        A machine without this method cannot be waited for (see `waiting.WaitFor`).
        """

    def due(self):
        """Return at which log time something happens by itself, and a command that does nothing; or None.

        The leader proposes the command at that time, so that its stamp tells everybody. A machine without this method
        is never asked.
        """

    def snapshot(self):
        """Return what `restore` needs to come to the present state, as an iterable of bytes.

        It is read piece by piece while further commands are applied, and must not be touched by them. A machine
        without this method is never asked, and its log never cut off.
        """
        return ()

    def restore(self, chunks) -> None:
        """Come to the state of which `snapshot` returned these bytes; they may be cut into pieces differently."""


class Observer:
    """Whoever watches.

    Attributes:
        level: how much it wants to know (see `observer.py`), or None when it wants nothing; read once.
    """

    level: "int | None" = None

    def observe(self, event) -> None:
        """Take note of an event (see `observer.py`)."""
