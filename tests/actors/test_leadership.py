import gevent

from actors.leadership import Leadership
from actors.loop import run
from raft.membership import Configuration
from raft.observer import ConfigurationChanged, MessageDropped, RoleChanged


def watch(*roles, members=("n1", "n2", "n3"), configuration=None):
    leadership = Leadership()
    for member in members:
        leadership.begin(member, configuration or Configuration(members))
    for role in roles:
        leadership.observe(RoleChanged(*role))
    return leadership


def test_a_leader_is_one_that_a_majority_agrees_on():
    assert watch().leader() is None
    assert watch(("n1", 1, "leader", "n1")).leader() is None
    assert watch(("n1", 1, "leader", "n1"), ("n2", 1, "follower", None)).leader() is None
    assert watch(("n1", 1, "leader", "n1"), ("n2", 1, "follower", "n1")).leader() == "n1"


def test_a_leader_alone_is_agreed_on():
    assert watch(("n1", 1, "leader", "n1"), members=("n1",)).leader() == "n1"


def test_of_two_that_claim_to_lead_the_majority_knows_the_right_one():
    leadership = watch(
        ("n1", 1, "leader", "n1"), ("n2", 1, "follower", "n1"), ("n2", 2, "leader", "n2"), ("n3", 2, "follower", "n2")
    )

    assert leadership.leader() == "n2"


def test_a_leader_that_is_down_leads_no_more():
    leadership = watch(("n1", 1, "leader", "n1"), ("n2", 1, "follower", "n1"), ("n3", 1, "follower", "n1"))

    leadership.forget("n1")

    assert leadership.leader() is None


def test_only_changes_of_roles_and_configurations_wake():
    leadership = watch()
    seen = leadership.version

    leadership.observe(MessageDropped("n1", "malformed", "no message"))

    assert run(leadership.wait(seen, timeout=0)) is False


def test_a_change_wakes_everybody_who_waits():
    leadership = watch()
    waiting = [gevent.spawn(run, leadership.wait(leadership.version, 30)) for _ in range(2)]
    gevent.sleep(0)

    leadership.forget("n1")

    assert [greenlet.get(timeout=10) for greenlet in waiting] == [True, True]


def test_a_change_that_came_before_is_not_missed():
    leadership = watch()
    seen = leadership.version
    leadership.forget("n1")

    assert run(leadership.wait(seen, timeout=0)) is True


def test_witnesses_and_learners_are_counted_as_the_configuration_says():
    roles = [("n1", 1, "leader", "n1"), ("n2", 1, "follower", "n1")]
    with_learner = Configuration(("n1", "n3", "n4"), learners=("n2",))
    with_witness = Configuration(("n1", "n2", "n3"), witnesses=("n2",))

    assert watch(*roles, configuration=with_learner).leader() is None
    assert watch(*roles, configuration=with_witness).leader() == "n1"


def test_each_half_of_a_joint_configuration_must_agree():
    joint = Configuration(("n1", "n4", "n5"), ("n1", "n2", "n3"))
    leadership = watch(
        ("n1", 1, "leader", "n1"), ("n2", 1, "follower", "n1"), members=joint.members, configuration=joint
    )
    assert leadership.leader() is None

    leadership.observe(RoleChanged("n4", 1, "follower", "n1"))

    assert leadership.leader() == "n1"


def test_the_majority_is_that_of_the_configuration_in_force_at_the_leader():
    leadership = watch(("n1", 1, "leader", "n1"), members=("n1",))
    seen = leadership.version

    leadership.observe(ConfigurationChanged("n1", 5, Configuration(("n1", "n2", "n3"))))

    assert leadership.leader() is None
    assert run(leadership.wait(seen, timeout=0)) is True
    leadership.observe(RoleChanged("n2", 1, "follower", "n1"))
    assert leadership.leader() == "n1"
