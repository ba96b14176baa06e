"""What a daemon consists of: one node, its storage, and its ports to members, clients and HTTP, on one gevent loop."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from actors.client import Deadline
from actors.handing_over import hand_over
from actors.node import NodeActor
from actors.ports import StateMachine
from actors.session_table import SessionLimits
from actors.storage.directory import DirectoryStorage
from actors.storage.policy import NEVER
from actors.storage.real_disk import ReadableDirectory
from actors.supervisor import Supervisor
from actors.timers import MonotonicClock
from raft.membership import Configuration
from raft.observer import ESSENTIAL
from storage.errors import NoDataDirectory
from storage.identity import Identity, read_identity

from ..address import Address
from ..allow_list import PEER, AllowList
from ..client_port import ClientPort
from ..errors import KeyFileError
from ..keys import KeyPair
from ..limits import ClientLimits, Limits
from ..network import Network
from ..peers import PeerTransport, RoutingObserver
from ..security import Security
from .errors import MissingSetting
from .http import HttpServer
from .logs import EventLog
from .machines import MachineFactory
from .settings import Settings
from .state import State
from .streams import Streams
from .ticker import ENDING, STARTED, Ticker

SEED_BITS = 30
LIMITS = SessionLimits()  # they must be the same on every member, and for ever


class Member:
    """One member of a cluster with everything that it needs.

    Args:
        settings: of the daemon.
        on_down: called when the node has gone down by itself, or was stopped, with what took it down or None.

    Raises:
        SettingsError: the machine cannot be made, or nobody says with whom the member begins.
        KeyFileError: keys cannot be used.
        StorageError, OSError: whose the data directory is cannot be read.

    Attributes:
        settings: see above.
        supervisor: keeps the node.
        state: what can be told of it.
    """

    def __init__(self, settings: Settings, on_down: Callable[[BaseException | None], None]) -> None:
        self.settings = settings
        self._on_down = on_down
        self._machines = MachineFactory(settings.machine, settings.machine_source)
        stored = _identity(settings.data_dir)
        self._configuration = _beginning(settings, stored)
        self._is_witness = _is_witness(settings, stored)
        self._security = _security(settings)
        self._network = Network(self._security, insecure_bind=settings.insecure_bind)
        limits = Limits.of(settings.config)
        advertise = settings.advertise or _own_address(settings, self._configuration)
        self._transport = PeerTransport(self._network, settings.name, str(settings.listen), limits, advertise)
        self.clients = ClientPort(
            self._network,
            settings.name,
            str(settings.client_listen),
            ClientLimits.of(settings.config),
            LIMITS,
            _client_addresses(settings),
        )
        first = self._configuration
        self._storage = DirectoryStorage(
            settings.data_dir,
            settings.name,
            is_witness=self._is_witness,
            policy=settings.sync,
            first=first,
            may_wait=True,
        )
        self.supervisor = Supervisor(settings.name, self._spawn, lambda id: None)
        self.state = State(settings, self._network.statistics, self._transport, advertise, self._is_witness)
        self.clients.facts = self.state.facts
        self._streams = Streams(self.clients.status)
        self._http = None
        if settings.http is not None:
            others = settings.http_peers.values()
            self._http = HttpServer(settings.http, self.state, self.clients.status, self._streams, others)

    def listen(self) -> None:
        """Open all ports.

        Raises:
            InsecureBind: without keys others than this machine could reach one.
            CannotListen: one is in use.
        """
        self._transport.listen()
        self.clients.listen()
        if self._http is not None:
            self._http.listen()

    def start(self) -> None:
        """Start the node from its directory.

        Raises:
            DirectoryInUse, StorageError, OSError: the directory cannot be used.
            RaftError: what it holds contradicts itself.
        """
        self.supervisor.start()
        http = "off" if self._http is None else str(self._http.address)
        logger.info(
            "listens for members at {}, for clients at {}, HTTP {}", self._transport.address, self.clients.address, http
        )

    def end(self, timeout_s: float) -> bool:
        """Hand leadership over, answer what is under way, and take the node down; the ports stay open.

        Args:
            timeout_s: seconds for handing over and answering, 0 or more; the node is taken down in any case.

        Returns:
            Whether everybody was answered.
        """
        deadline = Deadline(timeout_s)
        self.state.ending = "it is about to end"
        self._streams.ticker.note(ENDING)
        hand_over(self.supervisor, deadline)
        all_answered = self.clients.drain(deadline.left_s)
        if self.supervisor.running:
            self.supervisor.stop()
        return all_answered

    def reload_keys(self) -> None:
        """Read the allow-list again; if it cannot be read, the one before stays in force."""
        if self._security is None:
            logger.warning("there is no allow-list to read again: this member has no keys")
            return
        try:
            self._security.allow_list.reload()
        except KeyFileError as error:
            logger.error("{}; the list as it was stays in force", error)
            return
        self._transport.keys_changed()
        self.clients.keys_changed()
        logger.info("the allow-list was read again")

    def release(self) -> None:
        """Close all ports and give the directory back, with all that was stored made durable."""
        if self._http is not None:
            self._http.close()
        self.clients.close()
        self.clients.release()
        self._transport.release()
        try:
            self._storage.settle()
        finally:
            self._storage.release()
            self._network.close()

    def _spawn(self, on_down: Callable[[BaseException | None], None]) -> NodeActor:
        def down(error: BaseException | None) -> None:
            on_down(error)
            self._on_down(error)

        machine: StateMachine | None = None if self._is_witness else self._machines.make()
        observers = _Observers(self.supervisor, EventLog(self.settings.log_level), self._streams.ticker)
        actor = NodeActor.spawn(
            self.settings.name,
            self._configuration,
            self.settings.config,
            secrets.randbits(SEED_BITS),
            clock=MonotonicClock(),
            storage=self._storage,
            transport=self._transport,
            machine=machine,
            limits=LIMITS,
            observer=RoutingObserver(self._transport, observers),
            on_down=down,
        )
        actor.on_turn = self._streams.stir
        self._transport.follow(actor.status().configuration)
        self._transport.feature_level = lambda: actor.feature_level
        self.clients.open(actor, machine)
        self.state.begin(actor, self.supervisor)
        self._streams.ticker.note(STARTED)
        return actor


class _Observers:
    """Tells the events of a node to the log, to its supervisor and to those who watch."""

    def __init__(self, supervisor: Supervisor, log: EventLog, ticker: Ticker) -> None:
        self._supervisor = supervisor
        self._log = log
        self._ticker = ticker
        self.level = max(log.level, ticker.level)

    def observe(self, event: object) -> None:
        level = getattr(event, "level", ESSENTIAL)
        self._supervisor.observe(event)
        if level <= self._log.level:
            self._log.observe(event)
        if level <= self._ticker.level:
            self._ticker.observe(event)


def _security(settings: Settings) -> Security | None:
    if settings.key_file is None or settings.allow_list is None:
        return None
    keys, allow_list = KeyPair.load(settings.key_file), AllowList(settings.allow_list)
    if keys.public not in allow_list.keys_of(settings.name, PEER):
        logger.warning(
            "{} does not allow {} as a peer with the key of {}, so the other members will not listen to this one",
            settings.allow_list,
            settings.name,
            settings.key_file,
        )
    return Security(keys, allow_list)


def _beginning(settings: Settings, stored: Identity | None) -> Configuration | None:
    """Return the configuration that the member begins with, None when it joins: a data directory knows, else --peers.

    Raises:
        MissingSetting: nobody says.
    """
    if stored is not None and settings.sync is NEVER:
        return None  # it has forgotten what it promised as one of the founders (contract D6)
    if stored is not None:
        return Configuration.decode(stored.first) if stored.first else None
    if settings.join:
        return None
    if not settings.peers:
        raise MissingSetting("peers", f"{settings.data_dir} is new, so say who founds the cluster, or --join one")
    return Configuration(tuple(sorted(settings.peers)), witnesses=settings.witnesses, addresses=settings.peers)


def _is_witness(settings: Settings, stored: Identity | None) -> bool:
    """Return whether the member has no state machine: a data directory knows, else the settings."""
    if stored is not None and not settings.witness:
        return stored.is_witness
    return settings.witness or settings.name in settings.witnesses


def _identity(directory: Path) -> Identity | None:
    if not directory.is_dir():
        return None
    disk = ReadableDirectory(directory)
    try:
        return read_identity(disk)
    except NoDataDirectory:
        return None
    finally:
        disk.close()


def _own_address(settings: Settings, configuration: Configuration | None) -> str:
    """Return where others reach this member: one that is asked to join by a leader must be told where that is."""
    told = settings.peers if configuration is None else configuration.addresses
    return str(told.get(settings.name) or _reachable(settings.listen))


def _client_addresses(settings: Settings) -> dict[str, str]:
    """Return where clients reach the members, as far as known."""
    return {settings.name: _reachable(settings.client_listen)} | settings.client_peers


def _reachable(address: Address) -> str:
    """Return an address to listen on as one to connect to; empty when it is none."""
    return "" if address.host in ("0.0.0.0", "::") or address.port == 0 else str(address)
