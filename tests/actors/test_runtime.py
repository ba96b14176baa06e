import queue
import time

import gevent
import pykka
import pytest

from actors import runtime
from actors.runtime import MAX_TURN_MESSAGES, GeventActor, GeventFuture, GeventInbox, describe


class Recorder(GeventActor):
    """Writes down what happens to it; a message that is an exception is raised, a callable is called."""

    def __init__(self):
        super().__init__()
        self.happened = []

    def on_receive(self, message):
        self.happened.append(message)
        if isinstance(message, BaseException):
            raise message
        return message() if callable(message) else message

    def on_drained(self):
        self.happened.append("drained")

    def on_stop(self):
        self.happened.append("stopped")

    def on_failure(self, exception_type, exception_value, traceback):
        self.happened.append(f"failed: {exception_value}")

    def on_undelivered(self, message):
        self.happened.append(f"undelivered: {message}")


@pytest.fixture
def actor():
    recorder = Recorder.spawn()
    yield recorder
    recorder.crash()


def end(actor):
    actor.join(10)
    assert not actor.actor_ref.is_alive()


# Futures


def test_a_future_gives_its_value_as_often_as_it_is_asked():
    future = GeventFuture()
    future.set(7)

    assert (future.get(), future.get(timeout=0)) == (7, 7)


def test_a_future_wakes_everybody_who_waits():
    future = GeventFuture()
    waiting = [gevent.spawn(future.get, timeout=10) for _ in range(3)]
    gevent.sleep(0)

    future.set("now")

    assert [greenlet.get() for greenlet in waiting] == ["now"] * 3


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_a_future_without_value_times_out(timeout):
    with pytest.raises(pykka.Timeout, match=f"{timeout} seconds"):
        GeventFuture().get(timeout=timeout)


def test_a_timeout_around_a_future_is_not_taken_for_its_own():
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        GeventFuture().get(timeout=10)


def test_a_future_raises_the_exception_it_was_given():
    future = GeventFuture()
    try:
        raise KeyError("lost")
    except KeyError:
        future.set_exception()

    with pytest.raises(KeyError, match="lost"):
        future.get()


def test_a_future_takes_an_exception_without_a_value():
    future = GeventFuture()
    future.set_exception((KeyError, None, None))

    with pytest.raises(KeyError):
        future.get()


def test_a_future_is_set_once():
    future = GeventFuture()
    future.set(1)

    with pytest.raises(queue.Full):
        future.set(2)
    with pytest.raises(queue.Full):
        future.set_exception((KeyError, KeyError(), None))
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda timeout: 3)
    assert future.get() == 1


def test_a_hook_makes_the_value_once():
    future = GeventFuture()
    timeouts = []
    future.set_get_hook(lambda timeout: timeouts.append(timeout) or "made")

    assert (future.get(timeout=3), future.get()) == ("made", "made")
    assert timeouts == [3]
    with pytest.raises(queue.Full):
        future.set(1)


def test_futures_can_be_combined_as_pykka_documents():
    first, second = GeventFuture(), GeventFuture()
    first.set(1)
    second.set(2)

    assert pykka.get_all([first, second]) == [1, 2]
    assert first.join(second).map(sum).get() == 3


# The inbox


def test_the_inbox_keeps_the_order():
    inbox = GeventInbox()
    for number in range(3):
        inbox.put(number)

    assert len(inbox) == 3
    assert [inbox.get() for _ in range(3)] == [0, 1, 2]
    assert inbox.empty()


def test_the_inbox_waits_for_a_message():
    inbox = GeventInbox()
    got = gevent.spawn(inbox.get)
    gevent.sleep(0)
    assert not got.ready()

    inbox.put("late")

    assert got.get(timeout=10) == "late"


# Turns


def test_all_that_has_arrived_is_one_turn(actor):
    for number in range(3):
        actor.actor_ref.tell(number)

    assert actor.actor_ref.ask("last", timeout=10) == "last"
    assert actor.happened == [0, 1, 2, "last", "drained"]


def test_an_actor_without_messages_takes_no_turn(actor):
    gevent.sleep(0.02)

    assert actor.happened == []


def test_a_turn_is_bounded_and_then_others_run(actor):
    seen = []
    actor.actor_ref.tell(lambda: gevent.spawn(lambda: seen.extend(actor.happened)))
    for number in range(MAX_TURN_MESSAGES):
        actor.actor_ref.tell(number)

    actor.actor_ref.ask("last", timeout=10)

    assert actor.happened.index("drained") == MAX_TURN_MESSAGES
    assert seen == actor.happened[: MAX_TURN_MESSAGES + 1]


def test_actors_that_never_run_dry_starve_nobody():
    def again(actor):
        actor.actor_ref.tell(lambda: again(actor))

    actors = [Recorder.spawn() for _ in range(2)]
    for flooded in actors:
        again(flooded)

    gevent.sleep(0.02)  # a timer fires between the turns

    turns = [len(flooded.happened) for flooded in actors]
    assert min(turns) > 2
    assert max(turns) - min(turns) <= 2
    for flooded in actors:
        flooded.crash()


# Asking


def test_the_error_of_a_question_goes_to_the_asker_and_the_actor_carries_on(actor):
    with pytest.raises(KeyError, match="asked"):
        actor.actor_ref.ask(KeyError("asked"), timeout=10)

    assert actor.actor_ref.ask("still here", timeout=10) == "still here"


def test_proxies_work(actor):
    proxy = actor.actor_ref.proxy()

    assert proxy.happened.get(timeout=10) is actor.happened
    proxy.happened = ["set"]
    assert proxy.happened.get(timeout=10)[0] == "set"


# The end


def test_a_stop_lets_what_came_first_take_effect_and_nothing_later(actor):
    actor.actor_ref.tell("before")
    stopping = actor.actor_ref.stop(block=False)
    after = actor.actor_ref.ask("after", block=False)
    actor.actor_ref.tell("told after")

    assert stopping.get(timeout=10) is True
    with pytest.raises(pykka.ActorDeadError):
        after.get(timeout=10)
    end(actor)
    assert actor.happened == ["before", "drained", "stopped", "undelivered: told after"]
    assert actor.actor_ref.stop(timeout=10) is False


def test_an_exception_of_a_told_message_is_fatal(actor, logged):
    actor.actor_ref.tell(KeyError("told"))
    question = actor.actor_ref.ask("after", block=False)
    stopping = actor.actor_ref.stop(block=False)

    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=10)
    assert stopping.get(timeout=10) is True
    end(actor)
    assert actor.happened[1:] == ["failed: 'told'"]
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.tell("too late")
    assert logged == []


@pytest.mark.parametrize("hook", ["on_drained", "on_start", "on_stop"])
def test_an_exception_of_a_hook_is_fatal(hook, monkeypatch):
    def broken(self):
        raise KeyError(hook)

    monkeypatch.setattr(Recorder, hook, broken)
    actor = Recorder.spawn()
    actor.actor_ref.tell("something")
    stopping = actor.actor_ref.stop(block=False)

    stopping.get(timeout=10)
    end(actor)
    assert [event for event in actor.happened if event.startswith("failed")] == [f"failed: '{hook}'"]


def test_a_failure_that_nobody_handles_is_logged_in_one_line(logged):
    class Plain(GeventActor):
        def on_receive(self, message):
            raise message

    actor = Plain.spawn()
    actor.actor_ref.tell(ValueError("broken"))

    end(actor)
    assert len(logged) == 1
    assert logged[0].startswith("ERROR Plain (urn:uuid:")
    assert "ValueError: broken" in logged[0]
    assert "test_runtime.py" in logged[0]
    assert logged[0].count("\n") == 1


def test_a_failing_failure_hook_is_logged(monkeypatch, logged):
    def broken(self, *exc_info):
        raise KeyError("hook")

    monkeypatch.setattr(Recorder, "on_failure", broken)
    actor = Recorder.spawn()
    actor.actor_ref.tell(ValueError("first"))

    end(actor)
    assert len(logged) == 1
    assert "KeyError: 'hook'" in logged[0]


def test_an_interrupt_ends_the_actor_like_a_failure(actor):
    actor.actor_ref.tell(gevent.GreenletExit("interrupt"))

    end(actor)
    assert actor.happened[-1] == "failed: interrupt"


def test_a_crash_handles_nothing_more(actor):
    actor.actor_ref.tell("never handled")
    question = actor.actor_ref.ask("nor this", block=False)

    actor.crash()

    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=0)
    actor.join(10)
    actor.crash()
    assert actor.happened == ["undelivered: never handled"]


def test_an_actor_can_crash_itself(actor):
    actor.actor_ref.tell(actor.crash)
    actor.actor_ref.tell("never handled")

    end(actor)
    assert actor.happened == [actor.crash, "undelivered: never handled"]


def test_an_error_is_described_with_its_place():
    try:
        raise ValueError("broken")
    except ValueError as error:
        text = describe(error)

    assert text.startswith("ValueError: broken (")
    assert text.endswith("in test_an_error_is_described_with_its_place)")
    assert describe(ValueError("not raised")) == "ValueError: not raised"


def test_waiting_costs_nothing(actor):
    gevent.sleep(0.05)
    before = time.process_time()

    gevent.sleep(0.5)

    assert time.process_time() - before < 0.05


def test_a_turn_ends_in_time_however_many_messages_wait(actor):
    for _ in range(20):
        actor.actor_ref.tell(lambda: time.sleep(0.01))
    ran = []
    gevent.spawn(lambda: ran.append(actor.happened.count("drained")))

    actor.actor_ref.stop(block=False)
    end(actor)

    assert actor.happened.count("drained") > 3
    assert ran[0] < 3, "others had to wait for all of them"


def test_a_turn_takes_a_message_however_late_it_is(actor, monkeypatch):
    monkeypatch.setattr(runtime, "MAX_TURN_S", -1.0)
    for number in range(3):
        actor.actor_ref.tell(number)

    actor.actor_ref.stop()

    assert actor.happened == [0, "drained", 1, "drained", 2, "drained", "drained", "stopped"]


def test_what_is_told_is_handled_with_or_without_an_envelope(actor):
    actor.actor_ref.proxy().on_receive.defer("for pykka")
    actor.actor_ref.tell("bare")

    assert actor.actor_ref.ask("asked") == "asked"
    assert actor.happened == ["for pykka", "bare", "asked", "drained"]
    actor.actor_ref.stop()
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.tell("too late")
