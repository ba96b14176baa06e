"""A member whose network is Maelstrom, `quorate serve --maelstrom`: lines of JSON on stdin and stdout, and no ZeroMQ.

Start reading at `service.py`; `docs/maelstrom.md` says what it is good for.
"""
