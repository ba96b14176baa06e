"""Whether, and how, a command gets a network, file systems and processes of its own."""

import os
import subprocess
from pathlib import Path

import pytest

REQUIRED = "QUORATE_REQUIRE_NAMESPACES"
# Whatever happens in there touches nothing of this machine, and ends with the command, however that ends.
IN_NAMESPACES = (
    *("unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *("env", f"PATH={os.environ.get('PATH', '')}:/usr/sbin:/sbin"),
)
FETCH = Path(__file__).with_name("fetch")
_TRIED = """
mount -t tmpfs run /run
ip netns add a
ip netns exec a ip link set lo up
ip link add name bridge type bridge
nft add table bridge t
nft add chain bridge t c '{ type filter hook forward priority 0; }'
nft add rule bridge t c numgen random mod 100 '<' 30 drop
nft add table ip t
nft add chain ip t c '{ type nat hook output priority -100; }'
nft add rule ip t c tcp dport 7101 redirect to :9000
"""


def in_namespaces():
    """What a command is preceded by; skips the test, or fails it where it must run, if there is no such thing here."""
    tried = subprocess.run([*IN_NAMESPACES, "sh", "-e", "-c", _TRIED], capture_output=True, text=True)
    if tried.returncode:
        problem = f"no network namespaces can be made here (see {FETCH}): {tried.stderr.strip()}"
        if os.environ.get(REQUIRED):
            pytest.fail(problem)
        pytest.skip(problem)
    return IN_NAMESPACES
