"""A member as a process of its own, for real hosts: settings, the node and its ports, its life and its end, HTTP.

Start reading at `service.py`, the life of a daemon; `member.py` shows what one consists of.
"""
