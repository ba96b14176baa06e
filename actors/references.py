"""References to actors: what is told goes without an envelope, which costs time and is there for those who ask."""

from __future__ import annotations

from typing import Any

from pykka import Actor, ActorDeadError, ActorRef
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

_PYKKA = (ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop)  # what pykka looks into itself


class BareRef(ActorRef[Actor]):
    """A reference to an actor whose inbox takes envelopes and bare messages."""

    def tell(self, message: Any) -> None:
        """Send a message without waiting for any response.

        Raises:
            pykka.ActorDeadError: when the actor has stopped.
        """
        if self.actor_stopped.is_set():
            raise ActorDeadError(f"{self} not found")
        self.actor_inbox.put(Envelope(message) if isinstance(message, _PYKKA) else message)
