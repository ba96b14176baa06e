"""The life of a daemon: it starts or says in one line why not, serves, and ends in good order when it is asked to."""

from __future__ import annotations

import resource
from pathlib import Path

import gevent
from gevent.event import Event
from loguru import logger

from actors.runtime import describe
from actors.storage.real_disk import DirectoryInUse
from raft.errors import RaftError
from storage.errors import StorageError

from ..errors import CannotListen, InsecureBind, TransportError
from . import process, signals, systemd
from .errors import CANNOT_LISTEN, FAILED, STOPPED, UNUSABLE_DIRECTORY, WRONG_SETTINGS, SettingsError
from .member import Member
from .settings import Settings

MOST_FILES = 65_536  # as many as there may ever be use for
LOOK_S = 0.05  # how often it is looked whether the member can serve, until it can

_INSECURE = (
    "{} can be reached from other machines and there are no keys, so anybody could pose as a member; give every member "
    "keys (quorate keys --help), listen on 127.0.0.1, or say --insecure-bind if you trust every machine in the network"
)


class CannotStart(Exception):
    """A daemon does not start.

    Attributes:
        code: the exit code.
    """

    def __init__(self, problem: str, code: int) -> None:
        super().__init__(problem)
        self.code = code


class Service:
    """Runs one member until it fails or is asked to end.

    Args:
        settings: of the daemon.

    Attributes:
        settings: as above.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._over = Event()  # the member is to end, or has gone down
        self._failure: BaseException | None = None
        self._signal = ""

    def run(self) -> int:
        """Start, serve, end; return the exit code.

        Raises:
            CannotStart: it does not start; nothing is left open.
        """
        member = self._started()
        process.settle()
        signals.listen(self._ask_to_end, member.reload_keys)
        watcher = gevent.spawn(self._tell_when_ready, member)
        self._over.wait()
        watcher.kill()
        if self._failure is None:
            self._end(member)
        return self._closed(member)

    # Beginning

    def _started(self) -> Member:
        member = None
        _allow_many_files()
        try:
            member = Member(self.settings, self._went_down)
            member.listen()
            member.start()
        except BaseException as error:
            if member is not None:
                member.release()
            reason = cannot_start(error, self.settings.data_dir)
            if reason is None:
                raise
            raise reason from error
        return member

    def _tell_when_ready(self, member: Member) -> None:
        """Tell systemd, and the log, once the member can serve; one that joins is ready when it can be added."""
        told = ""
        while (why_not := member.state.why_not_ready()) and not member.state.waits_to_be_added:
            if why_not != told:
                systemd.notify(f"STATUS=not ready: {why_not}")
                told = why_not
            gevent.sleep(LOOK_S)
        said = why_not or "serving"
        systemd.notify(f"READY=1\nSTATUS={said}")
        logger.info("ready: {}", said)

    # The end

    def _went_down(self, error: BaseException | None) -> None:
        self._failure = error
        self._over.set()

    def _ask_to_end(self, name: str) -> None:
        self._signal = name
        self._over.set()

    def _end(self, member: Member) -> None:
        timeout_s = self.settings.stop_timeout_ms / 1000
        logger.info("{}: ending in good order, within {:g} s; a second one ends it at once", self._signal, timeout_s)
        systemd.notify("STOPPING=1\nSTATUS=ending in good order")
        if not member.end(timeout_s):
            logger.warning("some clients were not answered within {:g} s", timeout_s)

    def _closed(self, member: Member) -> int:
        try:
            member.release()
        except OSError as error:
            self._failure = self._failure or error
        signals.ignore()
        if self._failure is None:
            logger.info("ended")
            return STOPPED
        logger.error("the node has failed and the daemon ends: {}", describe(self._failure))
        systemd.notify("STATUS=failed")
        return UNUSABLE_DIRECTORY if isinstance(self._failure, StorageError) else FAILED


def _allow_many_files() -> None:
    """Have as many files open as the system lets this process: each connection is one."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def cannot_start(error: BaseException, directory: Path) -> CannotStart | None:
    """Return in one line, with its code, why a daemon does not start; None for what nobody expects."""
    match error:
        case InsecureBind():
            return CannotStart(_INSECURE.format(error.address), WRONG_SETTINGS)
        case CannotListen():
            return CannotStart(str(error), CANNOT_LISTEN)
        case SettingsError() | TransportError():
            return CannotStart(str(error), WRONG_SETTINGS)
        case DirectoryInUse():
            return CannotStart(str(error), UNUSABLE_DIRECTORY)
        case StorageError() | RaftError():
            return CannotStart(f"{directory}: {error}", UNUSABLE_DIRECTORY)
        case OSError():
            why = f"{error.filename or directory}: {error.strerror or error}; name another --data-dir, or mend it"
            return CannotStart(why, UNUSABLE_DIRECTORY)
    return None
