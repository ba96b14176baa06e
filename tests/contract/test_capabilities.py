"""What a realization cannot do is said here, so that no test is skipped unnoticed."""

from tests.contract.port import Capability

LACKS = {
    "simulator": set(),
    "actors": {Capability.KEEPS_REMOVED},
    "daemons": {Capability.CUTS_LINKS, Capability.ASKS_SILENCED, Capability.EXPIRES_SESSIONS},
    "curve": {Capability.CUTS_LINKS, Capability.ASKS_SILENCED, Capability.EXPIRES_SESSIONS},
}


def test_what_a_realization_cannot_do_is_known(realization):
    assert set(Capability) - realization.capabilities == LACKS[realization.name]
