"""The two clients behind the same calls, so that a test says once what both do."""

import asyncio

import gevent
from gevent import monkey

from transport_zmq import AsyncClient, Client

Thread = monkey.get_original("threading", "Thread")


class InAsyncio:
    """An asyncio client on a loop in a thread of its own; its calls wait by gevent, for the nodes of the test."""

    def __init__(self, *arguments, **settings):
        async def make():
            return AsyncClient(*arguments, **settings)

        self.loop = asyncio.new_event_loop()
        self.problems = []  # what only the loop sees
        self.loop.set_exception_handler(lambda loop, context: self.problems.append(context))
        self._thread = Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self.client = self.run(make())
        except Exception:
            self._stop()
            raise

    def __getattr__(self, name):
        found = getattr(self.client, name)
        if not asyncio.iscoroutinefunction(found):
            return found
        return lambda *arguments, **settings: self.run(found(*arguments, **settings))

    def run(self, coroutine):
        """What a coroutine on the loop of the client returns."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        while not future.done():
            gevent.sleep(0.001)
        return future.result()

    def close(self):
        if self.loop.is_running():
            self.run(self.client.close())
            left = self.run(_others())
            self._stop()
            assert (left, self.problems) == ([], [])

    def _stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _others():
    return [str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


FRONT_ENDS = {"gevent": Client, "asyncio": InAsyncio}
