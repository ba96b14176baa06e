"""The page in a real browser, before a real cluster whose leader is killed."""

import pytest
from selenium.webdriver.common.by import By

from tests.browser.browsers import browser, prefer, resize
from tests.transport_zmq.daemon.daemons import Daemon, free_ports, leader_of, trio, until
from transport_zmq.client import Client

__all__ = ["browser"]

T = 30
PHONE = (390, 844)


class Page:
    """The page of a daemon as a person has it before them, in a window of its own."""

    def __init__(self, browser, daemon):
        self._browser = browser
        browser.switch_to.new_window("tab")
        self._window = browser.current_window_handle
        self.address = f"http://{daemon.http}/"
        browser.get(self.address)

    def run(self, script):
        self._browser.switch_to.window(self._window)
        return self._browser.execute_script(script)

    def text(self, selector):
        """What stands in an element, as it reads."""
        return " ".join(self.run(f"return document.querySelector({selector!r}).textContent").split())

    def until(self, selector, *words):
        until(lambda: all(word in self.text(selector) for word in words), f"{words} in {self.text(selector)!r}")

    def row(self, id):
        """The row of a node in the table, by the names of its columns."""
        return self.run(
            "return Object.fromEntries(Array.from(document.querySelectorAll('#nodes tbody tr'))"
            f".find((row) => row.cells[0].textContent === {id!r}).querySelectorAll('td,th')"
            ".values().map((cell) => [cell.dataset.label, cell.textContent]))"
        )

    def elements(self, selector):
        self._browser.switch_to.window(self._window)
        return self._browser.find_elements(By.CSS_SELECTOR, selector)


@pytest.fixture
def pages(browser):
    """Opens pages; they are closed, and the browser is as it was."""
    first = browser.current_window_handle
    browser.get_log("browser")
    yield lambda daemon: Page(browser, daemon)
    prefer(browser, "light")
    for handle in browser.window_handles:
        if handle != first:
            browser.switch_to.window(handle)
            browser.close()
    browser.switch_to.window(first)
    resize(browser, 1440, 900)


@pytest.fixture
def daemons(tmp_path, closing):
    """Three that run, each of which knows where the pages of the others are."""
    three = trio(tmp_path)
    where = ",".join(f"{daemon.id}={daemon.http}" for daemon in three)
    for daemon in three:
        daemon.arguments += ["--http-peers", where]
        closing(daemon).start()
    until(lambda: all(daemon.is_ready for daemon in three))
    return three


def refusals(browser):
    """What the browser complained of, but for members that are down."""
    return [entry for entry in browser.get_log("browser") if "net::ERR_" not in entry["message"]]


def test_the_leader_is_killed_and_every_page_shows_the_next_one(daemons, browser, pages, closing):
    leader = leader_of(daemons)
    survivor, other = (daemon for daemon in daemons if daemon is not leader)
    term = leader.status["term"]
    lost, page = pages(leader), pages(survivor)
    client = closing(Client([daemon.client_address for daemon in daemons]))
    for number in range(30):
        client.put(f"k{number}", "v", timeout=T)

    # A page of a follower knows what only the leader knows: how far each log goes.
    page.until("#verdict", f"All is well: {leader.id} leads in term {term}")
    until(lambda: page.row(other.id)["lag"] == "level ✓")
    commit = leader.status["commit_index"]
    until(lambda: page.text("#committed") == f"{commit}")
    # Another member may have told what is committed: what the leader tells of itself is a message of its own.
    until(lambda: page.row(leader.id) | {"heard": "", "disk": ""} == {
        "node": leader.id, "role": "★ leader", "term": f"{term}", "committed": f"{commit}", "applied": f"{commit}",
        "lag": "leads", "heard": "", "disk": "",
    })  # fmt: skip
    page.until("#ticker", f"{leader.id} is elected in term {term}", f"{survivor.id} follows {leader.id} in term {term}")
    page.until("#ring-told", f"{leader.id}: leader", f"{other.id}: follower")
    assert len(page.elements("#ring .spoke:not(.cut)")) == 2
    assert not page.elements("#notice:not([hidden])")
    assert refusals(browser) == []

    leader.kill()

    for watched in (page, lost):
        watched.until("#verdict", leader.id, "is not heard of")
        until(lambda watched=watched: watched.row(leader.id)["role"] == "✕ not heard of")
    next_leader = until(lambda: leader_of(daemons))
    next_term = next_leader.status["term"]
    assert next_term > term
    for watched in (page, lost):
        watched.until("#verdict", f"{next_leader.id} leads in term {next_term}")
        watched.until("#ticker", f"{next_leader.id} stands for election in term {next_term}")
        watched.until("#ticker", f"{next_leader.id} is elected in term {next_term}")
        assert watched.row(next_leader.id)["role"] == "★ leader"
        assert len(watched.elements("#ring .knot.missed")) == 1
        assert len(watched.elements("#ring .spoke.cut")) == 1
    assert page.run("return document.title") == f"▲ {next_leader.id} leads, term {next_term} · Quorate"

    # Who watched the killed one is told so, and where to go.
    lost.until("#notice", f"{leader.id}, which brought this page, is lost", survivor.id, other.id)
    links = [link.get_attribute("href") for link in lost.elements("#notice a")]
    assert sorted(links) == sorted(f"http://{daemon.http}/" for daemon in (survivor, other))
    assert not page.elements("#notice:not([hidden])")

    # It comes back. Without a list of the others it tells what it knows itself, and tells nothing to the others' pages.
    arguments = leader.arguments
    leader.arguments = arguments[: arguments.index("--http-peers")]
    leader.start()
    until(lambda: not lost.elements("#notice:not([hidden])"))
    page.until("#ticker", f"{leader.id} is heard of again")
    page.until("#verdict", f"{next_leader.id} leads in term {next_term}; the page of {leader.id} is not reached")
    alone = pages(leader)
    alone.until("#verdict", f"{next_leader.id} leads in term {next_term}, says {leader.id}")
    alone.until("#source", "Start the members with --http-peers")
    assert alone.row(next_leader.id)["role"] == "★ leader"
    assert alone.row(next_leader.id)["applied"] == "–"
    leader.stop()
    leader.arguments = arguments
    leader.start()
    for watched in (page, lost):
        watched.until("#verdict", f"All is well: {next_leader.id} leads in term {next_term}")

    # An end in good order is told from a loss, and is none for ever.
    next_leader.stop()
    page.until("#ticker", f"{next_leader.id} ends in good order", f"{next_leader.id} hands over to")
    page.until("#verdict", f"{next_leader.id} is not heard of")
    next_leader.start()
    page.until("#verdict", "All is well")
    page.until("#ticker", f"{next_leader.id} has started", f"{next_leader.id} is heard of again")


def test_it_reads_well_on_a_phone_and_in_the_dark_and_by_ear(tmp_path, browser, pages, closing):
    ports = free_ports(3)
    id = "<b>n1</b>"  # it is a name like others, and no markup
    daemon = closing(Daemon("n1", tmp_path, ports, f"{id}=127.0.0.1:{ports[0]}"))
    daemon.arguments[daemon.arguments.index("--name") + 1] = id
    daemon.start()
    until(lambda: daemon.is_ready)
    page = pages(daemon)
    page.until("#verdict", f"{id} leads in term 1")
    page.until("#ticker", f"{id} is elected in term 1, by {id}")
    assert page.row(id)["role"] == "★ leader"
    assert page.elements("main b b, #ticker b, #nodes b, #ring b") == []

    resize(browser, *PHONE)
    assert page.run("return document.documentElement.scrollWidth") == PHONE[0]
    light = page.run("return getComputedStyle(document.body).backgroundColor")
    prefer(browser, "dark")
    assert page.run("return getComputedStyle(document.body).backgroundColor") != light

    assert page.run("return document.querySelector('#verdict').getAttribute('role')") == "status"
    assert page.text("#ring-told") == f"Term 1. {id}: leader."
    assert [heading.text for heading in page.elements("main h2")][:2] == ["Members", "Log"]
    assert refusals(browser) == []
