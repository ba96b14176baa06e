import pytest

from transport_zmq.address import Address, resolve
from transport_zmq.errors import InvalidAddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("n1.example:7000", "n1.example", 7000),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_an_address_is_host_and_port(text, host, port):
    address = Address.parse(text)

    assert address == (host, port)
    assert str(address) == text
    assert address.endpoint == f"tcp://{text}"


@pytest.mark.parametrize(
    "text",
    ["", "n1", "n1:", ":7000", "n1:70000", "n1:x", "n1:-1", "n1:\N{SUPERSCRIPT TWO}", "::1:7000", "[n1]:7000", "a b:1"]
    + [
        "*:7000",
        "tcp://n1:7000",
        "n1;n2:7000",
        "eth0@n1:1",
        "n\x001:7000",
        "n\xe9:7000",
        "x" * 256 + ":7000",
        "[::1:7000",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidAddress, match="write host:port"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback", "literal"),
    [
        ("127.0.0.1:1", True, True),
        ("127.8.9.1:1", True, True),
        ("[::1]:1", True, True),
        ("localhost:1", True, False),
        ("0.0.0.0:1", False, True),
        ("[::]:1", False, True),
        ("192.0.2.1:1", False, True),
        ("localhost.example:1", False, False),
    ],
)
def test_an_address_knows_who_can_reach_it(text, loopback, literal):
    address = Address.parse(text)

    assert (address.is_loopback, address.is_literal) == (loopback, literal)


def test_names_are_looked_up_by_the_system():
    assert set(resolve("localhost")) <= {"127.0.0.1", "::1"}
    assert resolve("localhost")
    assert resolve("no-such-name.invalid") == []
