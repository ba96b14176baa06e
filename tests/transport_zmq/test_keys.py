"""Files of keys: who may read them, what may stand in them, and that secrets are shown to nobody."""

import copy
import os
import pickle
import stat

import pytest
import zmq

from transport_zmq.allow_list import ADMIN, CLIENT, PEER, AllowList
from transport_zmq.errors import InvalidAllowList, KeyFileError, KeyFileExposed
from transport_zmq.keys import KeyPair, _is_exposed

OTHER = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"


@pytest.fixture
def pair():
    return KeyPair.generate()


def secret_of(pair, folder):
    pair.save(folder / "peek")
    return (folder / "peek").read_text().strip()


def test_a_secret_key_comes_back_from_its_file(tmp_path, pair):
    pair.save(tmp_path / "n1.secret")

    assert KeyPair.load(tmp_path / "n1.secret").public == pair.public
    assert stat.S_IMODE((tmp_path / "n1.secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o610, 0o604, 0o660, 0o601])
def test_a_secret_that_others_may_read_is_refused(tmp_path, pair, mode):
    path = tmp_path / "n1.secret"
    pair.save(path)
    path.chmod(mode)

    with pytest.raises(KeyFileExposed, match="chmod 600") as caught:
        KeyPair.load(path)

    assert caught.value.path == path


MINE = os.getegid()
NOBODYS = max(os.getgroups(), default=MINE) + MINE + 1


@pytest.mark.parametrize(
    ("mode", "owner", "group", "is_exposed"),
    [
        (0o600, 1000, NOBODYS, False),
        (0o400, 0, NOBODYS, False),
        (0o440, 0, MINE, False),  # a secret of Kubernetes, with fsGroup
        (0o640, 0, MINE, False),
        (0o440, 0, NOBODYS, True),
        (0o440, 1000, MINE, True),
        (0o640, 1000, MINE, True),
        (0o660, 0, MINE, True),
        (0o650, 0, MINE, True),
        (0o444, 0, MINE, True),
        (0o602, 0, MINE, True),
    ],
)
def test_only_root_may_let_a_group_read_a_secret_and_only_one_of_this_process(mode, owner, group, is_exposed):
    status = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, group, 41, 0, 0, 0))

    assert _is_exposed(status) is is_exposed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_secret_that_root_shares_with_the_group_of_this_process_is_taken(tmp_path, pair):
    path = tmp_path / "n1.secret"
    pair.save(path)
    path.chmod(0o440)

    assert KeyPair.load(path).public == pair.public
    os.chown(path, 1000, MINE)
    with pytest.raises(KeyFileExposed):
        KeyPair.load(path)
    os.chown(path, 0, NOBODYS)
    with pytest.raises(KeyFileExposed):
        KeyPair.load(path)


def test_no_key_is_overwritten(tmp_path, pair):
    pair.save(tmp_path / "n1.secret")

    with pytest.raises(KeyFileError, match="File exists"):
        KeyPair.generate().save(tmp_path / "n1.secret")


@pytest.mark.parametrize("content", ["", "short", "\x00" * 40, "~" * 40, "x" * 41, "\xe9" * 40])
def test_a_file_that_holds_no_key_is_refused(tmp_path, content):
    path = tmp_path / "n1.secret"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)

    with pytest.raises(KeyFileError, match="no secret key"):
        KeyPair.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(KeyFileError, match=r"nowhere.*No such file"):
        KeyPair.load(tmp_path / "nowhere")


def test_a_pair_shows_its_public_key_only(tmp_path, pair):
    secret = secret_of(pair, tmp_path)

    assert pair.public in repr(pair)
    assert secret not in repr(pair) + str(pair) + f"{pair}"
    assert zmq.curve_public(secret.encode()).decode() == pair.public
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not to be pickled"):
            leak(pair)


def allow(folder, text):
    path = folder / "allowed"
    path.write_text(text, encoding="utf-8")
    return AllowList(path)


def test_a_name_may_have_several_keys_and_a_key_several_roles(tmp_path, pair):
    allowed = allow(tmp_path, f"# a comment\n\nn1 peer {OTHER}\n  n1   peer,admin   {pair.public}  \n")

    assert allowed.grant(OTHER) == ("n1", {PEER})
    assert allowed.grant(pair.public) == ("n1", {PEER, ADMIN})
    assert allowed.keys_of("n1", PEER) == [OTHER, pair.public]
    assert allowed.keys_of("n1", ADMIN) == [pair.public]
    assert allowed.keys_of("n1", CLIENT) == allowed.keys_of("n2", PEER) == []
    assert allowed.grant(KeyPair.generate().public) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("n1 peer", "three parts"),
        (f"n1 king {OTHER}", "not one or more of peer, client, admin"),
        (f"n1 peer, {OTHER}", "not one or more of"),
        (f"n1 peer {OTHER[1:]}", "40 letters"),
        (f"n1 peer {OTHER}\nn2 peer {OTHER}", "line 2: the key stands on an earlier line"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(tmp_path, line, complaint):
    with pytest.raises(InvalidAllowList, match=complaint):
        allow(tmp_path, line)


def test_a_list_that_cannot_be_read_again_stays_as_it_was(tmp_path):
    allowed = allow(tmp_path, f"n1 peer {OTHER}\n")

    allowed.path.write_text("nonsense", encoding="utf-8")
    with pytest.raises(InvalidAllowList):
        allowed.reload()
    allowed.path.unlink()
    with pytest.raises(KeyFileError, match="No such file"):
        allowed.reload()

    assert allowed.grant(OTHER) is not None
