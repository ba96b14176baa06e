"""The measurement of the wire measures something, and loses nothing."""

from bench.wire import codec, loopback


def test_every_figure_is_there(tmp_path):
    figures = codec(100) | loopback(None, 40) | loopback(tmp_path, 40)

    assert len(figures) == 11
    assert min(figures.values()) > 0
    assert figures["entry_pack_for_two_ns"] < 2 * figures["entry_pack_ns"]
