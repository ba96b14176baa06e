"""Who takes part: the configuration of a cluster (paper section 6, thesis section 4)."""

from .errors import InvalidConfig, MalformedConfiguration, ProgramTooOld
from .features import BASE_LEVEL, FEATURE_LEVEL, HIGHEST_LEVEL, is_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import Entry

MAX_MEMBERS = 64
MAX_ID_LENGTH = 64
MAX_ADDRESS_LENGTH = 255
MAX_PRIORITY = 1000
LARGEST_INCARNATION = (1 << 64) - 1
LEVEL = "level "  # what the bytes of a configuration begin with that is not of the base level


class Configuration:
    """The members of a cluster and their parts. Immutable; every quorum is computed from one.

    Args:
        voters: ids of the members that vote; at least one. An id is a string of 1 to 64 characters.
        outgoing: the voters of the old configuration while this one is joint, else empty.
        learners: members that receive the log and never count; one that is an outgoing voter too becomes a learner
            when the joint configuration is left.
        witnesses: those of the members that store no payloads and have no state machine (contract M8).
        addresses: a dict from id to the address, a string of up to 255 characters that means nothing to the core.
        incarnations: a dict from id to the one incarnation that may speak for it, 1 to 2**64 - 1 (contract M6); a
            member that is not in it is not bound yet.
        priorities: a dict from id to 0 to 1000; members of higher priority lead rather (contract E12). 0 if not in it.
        cluster: the id of the cluster, 1 to 2**64 - 1; 0 when it has none yet.
        feature_level: what the members may use (contract M10), 1 to 10,000.

    Raises:
        InvalidConfig: when an id is malformed or listed twice, no voter is left, witnesses alone form a majority,
            something is said of who is no member, or there are more than 64 members.

    Attributes:
        members: every id, sorted.
        halves: the voter sets each of which must agree: one, or two when joint.
    """

    __slots__ = (
        "addresses",
        "cluster",
        "feature_level",
        "halves",
        "incarnations",
        "learners",
        "members",
        "outgoing",
        "priorities",
        "voters",
        "witnesses",
    )

    def __init__(
        self,
        voters: "tuple[str, ...]",
        outgoing: "tuple[str, ...]" = (),
        learners: "tuple[str, ...]" = (),
        witnesses: "tuple[str, ...]" = (),
        addresses: "dict[str, str] | None" = None,
        incarnations: "dict[str, int] | None" = None,
        priorities: "dict[str, int] | None" = None,
        cluster: int = 0,
        feature_level: int = BASE_LEVEL,
    ) -> None:
        self.voters = _checked("voters", voters)
        self.outgoing = _checked("outgoing", outgoing)
        self.learners = _checked("learners", learners)
        if not self.voters:
            raise InvalidConfig("voters", (), "at least one id")
        for learner in self.learners:
            if learner in self.voters:
                raise InvalidConfig("learners", learner, "no voter at the same time")
        self.members = united(self.voters + self.outgoing, self.learners)
        if len(self.members) > MAX_MEMBERS:
            raise InvalidConfig("members", len(self.members), f"at most {MAX_MEMBERS}")
        self.halves = (self.voters, self.outgoing) if self.outgoing else (self.voters,)
        self.witnesses = _checked("witnesses", witnesses)
        self.addresses = _of_members("addresses", addresses, self.members, _is_address, "a string of up to 255 letters")
        self.incarnations: "dict[str, int]" = _of_members(
            "incarnations", incarnations, self.members, _is_incarnation, "an integer from 1 to 2**64 - 1"
        )
        self.priorities = _of_members(
            "priorities", priorities, self.members, _is_priority, f"an integer from 0 to {MAX_PRIORITY}"
        )
        for witness in self.witnesses:
            if witness not in self.members:
                raise InvalidConfig("witnesses", witness, "a member")
        for half in self.halves:
            witnesses_in_it = [voter for voter in half if voter in self.witnesses]
            if 2 * len(witnesses_in_it) > len(half):
                raise InvalidConfig("witnesses", tuple(witnesses_in_it), "no majority of the voters by themselves")
        if not (cluster == 0 or _is_incarnation(cluster)):
            raise InvalidConfig("cluster", cluster, "an integer from 0 to 2**64 - 1")
        if not is_level(feature_level):
            raise InvalidConfig("feature_level", feature_level, f"an integer from {BASE_LEVEL} to {HIGHEST_LEVEL}")
        self.cluster = cluster
        self.feature_level = feature_level

    @classmethod
    def first(cls, member: str, configuration: "Configuration | None") -> "Configuration":
        """Return what a member knows at first: the configuration that it was given, or nobody's when it is to join.

        Raises:
            InvalidConfig: when the id cannot be, or is not in the configuration.
        """
        if configuration is None:
            if not is_id(member):
                raise InvalidConfig("id", member, f"a string of 1 to {MAX_ID_LENGTH} characters")
            return cls.unknown()
        if member not in configuration.members:
            raise InvalidConfig("id", member, "one of the members " + ", ".join(configuration.members))
        return configuration

    @classmethod
    def unknown(cls) -> "Configuration":
        """Return what a member knows that is to join a cluster and has heard of nobody yet: no members at all."""
        nobody = cls(("nobody",))
        nobody.voters = nobody.members = ()
        nobody.halves = ((),)
        return nobody

    @property
    def joint(self) -> bool:
        """Whether a change is under way and both halves must agree."""
        return bool(self.outgoing)

    def votes(self, member: str) -> bool:
        """Whether the member's vote counts in any half."""
        return member in self.voters or member in self.outgoing

    def may_lead(self, member: str) -> bool:
        """Whether the member is a voter with a state machine: witnesses never campaign (contract M8)."""
        return self.votes(member) and member not in self.witnesses

    def full_voters(self, half: "tuple[str, ...]") -> "list[str]":
        """Return the voters of a half that are no witnesses."""
        return [voter for voter in half if voter not in self.witnesses]

    def priority(self, member: str) -> int:
        """Return how much the member is wanted as leader."""
        priority: int = self.priorities.get(member, 0)
        return priority

    def replaced(
        self,
        voters: "tuple[str, ...] | None" = None,
        outgoing: "tuple[str, ...] | None" = None,
        learners: "tuple[str, ...] | None" = None,
        witnesses: "tuple[str, ...] | None" = None,
        addresses: "dict[str, str] | None" = None,
        incarnations: "dict[str, int] | None" = None,
        priorities: "dict[str, int] | None" = None,
        cluster: "int | None" = None,
        feature_level: "int | None" = None,
    ) -> "Configuration":
        """Return this configuration with other parts; what is said of members that are none any more is dropped.

        Raises:
            InvalidConfig: as for the constructor.
        """
        voters = self.voters if voters is None else voters
        outgoing = self.outgoing if outgoing is None else outgoing
        learners = self.learners if learners is None else learners
        members = united(voters + outgoing, learners)
        witnesses = self.witnesses if witnesses is None else witnesses
        return Configuration(
            voters,
            outgoing,
            learners,
            tuple([witness for witness in witnesses if witness in members]),
            _only(members, self.addresses if addresses is None else addresses),
            _only(members, self.incarnations if incarnations is None else incarnations),
            _only(members, self.priorities if priorities is None else priorities),
            self.cluster if cluster is None else cluster,
            self.feature_level if feature_level is None else feature_level,
        )

    def left(self) -> "Configuration":
        """Return the configuration that a joint one leads to (thesis section 4.3)."""
        return self.replaced(outgoing=())

    # As bytes, in the log

    def encode(self) -> bytes:
        """Return the configuration as bytes: the cluster, then five texts a member, each text behind its length.

        In front of all that stands the feature level, unless it is the base level. There every program finds it,
        however those of later levels may write what follows.
        """
        texts = [str(self.cluster)]
        if self.feature_level > BASE_LEVEL:
            texts.insert(0, LEVEL + str(self.feature_level))
        for member in self.members:
            parts = ""
            for letter, ids in self._parts():
                if member in ids:
                    parts += letter
            texts += [
                member,
                parts,
                str(self.incarnations.get(member, 0)),
                str(self.priority(member)),
                self.addresses.get(member, ""),
            ]
        encoded = b""
        for text in texts:
            encoded += _with_length(text)
        return encoded

    def _parts(self) -> "tuple[tuple[str, tuple[str, ...]], ...]":
        return (("v", self.voters), ("o", self.outgoing), ("l", self.learners), ("w", self.witnesses))

    @classmethod
    def decode(cls, data: bytes) -> "Configuration":
        """Return the configuration that `encode` made these bytes of.

        Raises:
            MalformedConfiguration: when they are none.
            ProgramTooOld: when a program of a later level wrote them, in a way that this one cannot read.
        """
        try:
            configuration = cls._decoded(data)
            problem = None if configuration.encode() == data else "it is not in the one form that it can have"
        except InvalidConfig as error:
            problem = str(error)
        except (ValueError, IndexError):
            # In words of our own: those of the interpreters differ.
            problem = "it is cut off, or what should be a number or a text is none"
        if problem is not None:
            level = _level_in_front(data)
            if level > FEATURE_LEVEL:
                raise ProgramTooOld(level, FEATURE_LEVEL)
            raise MalformedConfiguration(problem)
        return configuration

    @classmethod
    def _decoded(cls, data: bytes) -> "Configuration":
        texts = []
        at = 0
        while at < len(data):
            colon = data.index(b":", at)
            length = int(data[at:colon].decode())
            if length < 0:
                raise ValueError("a length is below 0")
            end = colon + 1 + length
            texts.append(data[colon + 1 : end].decode())
            at = end
        level = BASE_LEVEL
        if texts[0].startswith(LEVEL):
            level = int(texts.pop(0)[len(LEVEL) :])
        parts: "dict[str, list[str]]" = {"v": [], "o": [], "l": [], "w": []}
        incarnations = {}
        priorities = {}
        addresses = {}
        for i in range(1, len(texts), 5):
            member = texts[i]
            for letter in texts[i + 1]:
                if letter not in parts:
                    raise ValueError(f"{member} takes part as {letter}")
                parts[letter].append(member)
            if texts[i + 2] != "0":
                incarnations[member] = int(texts[i + 2])
            if texts[i + 3] != "0":
                priorities[member] = int(texts[i + 3])
            if texts[i + 4]:
                addresses[member] = texts[i + 4]
        ids = [tuple(parts[letter]) for letter in "volw"]
        return cls(ids[0], ids[1], ids[2], ids[3], addresses, incarnations, priorities, int(texts[0]), level)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self._key() == other._key()

    def _key(self) -> "tuple[object, ...]":
        return (
            self.voters,
            self.outgoing,
            self.learners,
            self.witnesses,
            self.addresses,
            self.incarnations,
            self.priorities,
            self.cluster,
            self.feature_level,
        )

    def __hash__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        shown = f"voters={self.voters!r}, outgoing={self.outgoing!r}, learners={self.learners!r}"
        if self.witnesses:
            shown += f", witnesses={self.witnesses!r}"
        for name in ("addresses", "incarnations", "priorities"):
            said = getattr(self, name)
            if said:
                shown += f", {name}={ {member: said[member] for member in sorted(said)}!r}"
        if self.cluster:
            shown += f", cluster={self.cluster}"
        if self.feature_level > BASE_LEVEL:
            shown += f", feature_level={self.feature_level}"
        return f"Configuration({shown})"


def united(ids: "tuple[str, ...]", others: "tuple[str, ...]") -> "tuple[str, ...]":
    """Return all ids of both, each once, in order."""
    return tuple(sorted(set(ids + others)))


class Configurations:
    """Every configuration of one log that may still matter, so that truncation restores the one before (contract M3).

    Args:
        index: the entry as of which the first one is known: that of a snapshot, or 0.
        configuration: the first one.
    """

    def __init__(self, index: int, configuration: Configuration) -> None:
        self._known = [(index, configuration)]

    @property
    def newest(self) -> Configuration:
        """The one in force, committed or not."""
        return self._known[-1][1]

    @property
    def newest_index(self) -> int:
        """The entry that brought it."""
        return self._known[-1][0]

    @property
    def all(self) -> "list[Configuration]":
        """All that may still matter, the oldest first."""
        return [known[1] for known in self._known]

    def at(self, index: int) -> Configuration:
        """Return the configuration as of an entry; never asked for one before the last snapshot."""
        position = len(self._known) - 1
        while position > 0 and self._known[position][0] > index:
            position -= 1
        return self._known[position][1]

    def append(self, entry: "Entry") -> None:
        """Take up the configuration that an entry at the end of the log brings."""
        if entry.index > self.newest_index:
            self._known.append((entry.index, Configuration.decode(entry.data)))

    def truncate(self, first: int) -> None:
        """Forget those of the entries from `first` on."""
        while len(self._known) > 1 and self._known[-1][0] >= first:
            self._known.pop()

    def forget_before(self, index: int) -> None:
        """Keep of all before `index` only the newest."""
        while len(self._known) > 1 and self._known[1][0] <= index:
            self._known.pop(0)


def _level_in_front(data: bytes) -> int:
    """Return the feature level that bytes begin with, whatever follows; the base level if they do not."""
    try:
        colon = data.index(b":")
        text = data[colon + 1 : colon + 1 + int(data[:colon].decode())].decode()
        level = int(text[len(LEVEL) :])
    except ValueError:
        return BASE_LEVEL
    return level if is_level(level) and data.startswith(_with_length(LEVEL + str(level))) else BASE_LEVEL


def _with_length(text: str) -> bytes:
    data = text.encode()
    return str(len(data)).encode() + b":" + data


def _only(members: "tuple[str, ...]", said):
    return {member: said[member] for member in sorted(said) if member in members}


def _of_members(field: str, said, members: "tuple[str, ...]", is_valid, bound: str):
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise InvalidConfig(field, said, "a dict from id")
    for member in said:
        if member not in members:
            raise InvalidConfig(field, member, "of members only")
        if not is_valid(said[member]):
            raise InvalidConfig(field, said[member], bound)
    return dict(said)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_ADDRESS_LENGTH and _is_text(value)


def is_id(value: object) -> bool:
    """Whether a value can be the id of a member."""
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH and _is_text(value)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeError:
        return False
    return True


def _is_incarnation(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_INCARNATION


def _is_priority(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_PRIORITY


def _checked(field: str, ids: object) -> "tuple[str, ...]":
    if not isinstance(ids, (tuple, list)):
        raise InvalidConfig(field, ids, "a tuple of ids")
    for member in ids:
        if not is_id(member):
            raise InvalidConfig(field, member, f"a string of 1 to {MAX_ID_LENGTH} characters")
    ordered = tuple(sorted(ids))
    for i in range(1, len(ordered)):
        if ordered[i] == ordered[i - 1]:
            raise InvalidConfig(field, ordered[i], "listed once")
    return ordered
