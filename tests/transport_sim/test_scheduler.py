from transport_sim.scheduler import Scheduler


def test_actions_run_in_the_order_of_their_times():
    scheduler = Scheduler()
    ran = []
    scheduler.at(20, ran.append, "late")
    scheduler.at(10, ran.append, "early")
    scheduler.run_until(30)
    assert ran == ["early", "late"]
    assert scheduler.now_us == 30


def test_actions_of_one_time_run_in_the_order_they_were_scheduled():
    scheduler = Scheduler()
    ran = []
    for name in ("first", "second", "third"):
        scheduler.at(10, ran.append, name)
    scheduler.run_until(10)
    assert ran == ["first", "second", "third"]


def test_a_time_that_has_passed_means_now():
    scheduler = Scheduler()
    scheduler.run_until(100)
    seen = []
    scheduler.at(5, lambda: seen.append(scheduler.now_us))
    scheduler.run_until(100)
    assert seen == [100]


def test_what_lies_beyond_the_end_waits():
    scheduler = Scheduler()
    ran = []
    scheduler.at(11, ran.append, "later")
    scheduler.run_until(10)
    assert ran == []
    scheduler.run_until(11)
    assert ran == ["later"]


def test_sequels_end_the_event_that_caused_them():
    scheduler = Scheduler()
    ran = []

    def act():
        ran.append("act")
        scheduler.next(lambda: ran.append("sequel"))

    scheduler.at(1, act)
    scheduler.at(1, ran.append, "other")
    scheduler.run_until(1)
    assert ran == ["act", "sequel", "other"]
    assert scheduler.events == 2


def test_done_stops_the_run_at_once():
    scheduler = Scheduler()
    ran = []
    scheduler.at(1, ran.append, 1)
    scheduler.at(2, ran.append, 2)
    assert scheduler.run_until(10, lambda: len(ran) == 1)
    assert ran == [1]
    assert scheduler.now_us == 1
