"""State machines of tests."""

from actors.kv import DONE, KeyValue, Result


class Sums:
    """Adds numbers up; its results and queries have a structure."""

    def __init__(self):
        self.sum = 0

    def apply(self, command):
        self.sum += int(command)
        return {"sum": self.sum}

    def read(self, query):
        if query[0] != "add":
            raise ValueError("no such query \ud800")
        return self.sum + query[1]


class CountingStore(KeyValue):
    """The key-value store with one command more, whose repetition would show: count a key up by one."""

    def apply(self, command):
        if command[:1] != b"+":
            return super().apply(command)
        key = command[1:]
        counted = b"%d" % (int(self._values.get(key, b"0")) + 1)
        self._put(key, counted)
        return Result(DONE, counted)
