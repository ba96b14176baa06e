"""A network of namespaces: a host of its own for each node and each process of clients, on one bridge.

Only in namespaces of one's own (`namespaces.py`): what is made here is never taken away.
"""

import json
import subprocess
from itertools import count

BRIDGE = "10.77.0.254"
RELAY_PORT = 9000
RELAYED = 1  # the mark of what the relay itself sends


def run(*command, given=None):
    """What a command prints."""
    done = subprocess.run([str(word) for word in command], input=given, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}\n{given or ''}"
    return done.stdout


class Lan:
    """Hosts that reach each other and nothing else.

    Who made it is on the bridge, and reaches all of them whatever is in the way between them.

    Args:
        addresses: IPv4 addresses in 10.77.0.0/24, by name of host.
    """

    def __init__(self, addresses):
        self.addresses = dict(addresses)
        self._numbers = count(1)
        run("mount", "-t", "tmpfs", "run", "/run")  # where ip keeps the names of namespaces
        bridge = [
            "link set lo up", "link add bridge type bridge", f"addr add {BRIDGE}/24 dev bridge", "link set bridge up",
        ]  # fmt: skip
        for host in self.addresses:
            bridge += [f"netns add {host}", f"link add {host} type veth peer name eth0 netns {host}"]
            bridge += [f"link set {host} master bridge up"]
        run("ip", "-batch", "-", given="\n".join(bridge))
        for host, address in self.addresses.items():
            own = ["link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up"]
            run("ip", "-netns", host, "-batch", "-", given="\n".join(own))
        run("nft", "add", "table", "bridge", "faults")

    def within(self, host, hosts_file=None):
        """What a command that shall run on a host is preceded by; with a file it finds that at /etc/hosts."""
        there = ("ip", "netns", "exec", host)
        if hosts_file is None:
            return there
        return (*there, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts_file))

    def move(self, host, address):
        """Give a host another address instead of its own."""
        was, self.addresses[host] = self.addresses[host], address
        run("ip", "-netns", host, "-batch", "-", given=f"addr del {was}/24 dev eth0\naddr add {address}/24 dev eth0")

    def lose(self, pairs, percent=100):
        """Lose so many of the packets from one host to another, for each (sender, receiver)."""
        chance = "" if percent == 100 else f"numgen random mod 100 < {percent} "
        rules = [
            f"ip saddr {self.addresses[a]} ip daddr {self.addresses[b]} {chance}counter drop" for a, b in sorted(pairs)
        ]
        return Loss(f"loss{next(self._numbers)}", rules)

    def divert(self, sender, receiver, port):
        """Lead what a host sends to a port of another to a relay on the host itself; what flowed so far is cut off."""
        theirs = f"ip daddr {self.addresses[receiver]} tcp dport {port} meta mark != {RELAYED}"
        return Diversion(self.within(sender), theirs)


class Loss:
    """Packets that are lost on the bridge until it is removed."""

    def __init__(self, name, rules):
        self._name = name
        hook = "type filter hook forward priority 0"
        run("nft", "-f", "-", given=_table("bridge", "faults", (name, hook, rules)))

    def remove(self):
        """Take it away, and return how many packets were lost."""
        told = json.loads(run("nft", "--json", "list", "chain", "bridge", "faults", self._name))["nftables"]
        parts = [part for each in told for part in each.get("rule", {}).get("expr", ())]
        run("nft", "flush", "chain", "bridge", "faults", self._name)
        run("nft", "delete", "chain", "bridge", "faults", self._name)
        return sum(part["counter"]["packets"] for part in parts if "counter" in part)


class Diversion:
    """Connections that a relay takes until it is removed."""

    def __init__(self, within, theirs):
        self._within = within
        rules = _table(
            "ip",
            "delays",
            ("divert", "type nat hook output priority -100", [f"{theirs} redirect to :{RELAY_PORT}"]),
            ("cut", "type filter hook output priority 0", [f"{theirs} reject with tcp reset"]),
        )
        run(*within, "nft", "-f", "-", given=rules)

    def remove(self):
        run(*self._within, "nft", "delete", "table", "ip", "delays")


def _table(family, name, *chains):
    lines = [f"table {family} {name} {{"]
    for chain, hook, rules in chains:
        lines += [f"chain {chain} {{", f"{hook}; policy accept;", *rules, "}"]
    return "\n".join([*lines, "}\n"])
