"""State machines of tests."""


class Sums:
    """Adds numbers up; its results and queries have a structure."""

    def __init__(self):
        self.sum = 0

    def apply(self, command):
        self.sum += int(command)
        return {"sum": self.sum}

    def read(self, query):
        if query[0] != "add":
            raise ValueError("no such query")
        return self.sum + query[1]
