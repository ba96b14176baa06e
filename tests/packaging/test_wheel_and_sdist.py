"""What users install: built from a clean copy, put into environments of their own, used from outside the checkout."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_SHIPPED = {"tests", "docs", "bench", "ops", "examples"}
KINDS = ("wheel", "sdist")


def run(command, folder, **environment):
    """Runs a command as a user would: nothing of this process's Python settings reaches it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command,
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_to_success(command, folder):
    ran = run(command, folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


@pytest.fixture(scope="module")
def packages():
    """The packages of the checkout that the patterns of setup.cfg ship."""
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg")
    patterns = metadata["options.packages.find"]["include"].split()
    return {init.parent.name for pattern in patterns for init in CHECKOUT.glob(f"{pattern}/__init__.py")}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """The wheel and the sdist, by kind. The wheel is built from the sdist, so nothing can be missing there."""
    folder = tmp_path_factory.mktemp("build")
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(CHECKOUT, folder / "source", ignore=unwanted)
    run_to_success([sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "source"], folder)
    (wheel,) = (folder / "dist").glob("quorate-*-py3-none-any.whl")
    (sdist,) = (folder / "dist").glob("quorate-*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module", params=KINDS)
def quorate(request, artifacts, tmp_path_factory):
    """The command of an environment that holds the artifact and borrows its dependencies from this one: offline."""
    environment = tmp_path_factory.mktemp(request.param) / "environment"
    run_to_success([sys.executable, "-m", "venv", "--without-pip", str(environment)], environment.parent)
    places = {"base": str(environment), "platbase": str(environment)}
    site_packages = Path(sysconfig.get_path("purelib", "venv", places))
    # A path in a .pth file comes after the environment's own packages, and .pth files found there are not read:
    # an editable install of the checkout stays out of sight.
    borrowed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", "venv", places)) / "python"
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run_to_success([*pip, "install", *offline, str(artifacts[request.param])], environment.parent)
    return str(python.with_name("quorate"))


@pytest.fixture(scope="module")
def contents(artifacts):
    """The files in each artifact; those of the sdist without its one top folder."""
    with zipfile.ZipFile(artifacts["wheel"]) as wheel, tarfile.open(artifacts["sdist"]) as sdist:
        in_sdist = [PurePosixPath(*PurePosixPath(member.name).parts[1:]) for member in sdist if member.isfile()]
        return {"wheel": [PurePosixPath(name) for name in wheel.namelist()], "sdist": in_sdist}


@pytest.mark.parametrize("kind", KINDS)
def test_every_package_is_in_and_says_that_it_is_typed(contents, packages, kind):
    assert packages >= {"raft", "storage", "actors", "transport_sim", "transport_zmq"}
    assert {file.parts[0] for file in contents[kind] if file.name == "py.typed"} == packages
    assert PurePosixPath("quorate.py") in contents[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", ["transport_sim/traces/page", "transport_zmq/daemon/page"])
def test_every_part_of_the_pages_is_in(contents, kind, page):
    page = PurePosixPath(page)
    parts = {file.name for file in (CHECKOUT / page).iterdir() if file.is_file()}

    assert {file.name for file in contents[kind] if file.parent == page} == parts


@pytest.mark.parametrize("kind", KINDS)
def test_the_license_is_in(contents, kind):
    assert any(file.name == "LICENSE" for file in contents[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_users_do_not_need_is_out(contents, kind):
    assert {file.parts[0] for file in contents[kind]} & NOT_SHIPPED == set()


def test_the_command_helps(quorate, tmp_path):
    ran = run_to_success([quorate, "--help"], tmp_path)

    assert "Usage" in ran.stdout


def test_a_simulation_runs(quorate, tmp_path):
    ran = run_to_success([quorate, "sim", "run", "--seed", "1", "--seconds", "2", "--nodes", "3", "--json"], tmp_path)

    assert json.loads(ran.stdout)


def test_pytest_finds_the_plugin(quorate, tmp_path):
    python = str(Path(quorate).with_name("python"))

    ran = run_to_success([python, "-m", "pytest", "--markers"], tmp_path)

    assert "@pytest.mark.simulation(seeds=20, nodes=3" in ran.stdout


def test_a_foreign_package_of_the_same_name_is_told_apart(quorate, tmp_path):
    foreign = tmp_path / "raft" / "__init__.py"
    foreign.parent.mkdir()
    foreign.write_text("VERSION = 'of another distribution'\n", encoding="utf-8")

    ran = run([quorate, "--help"], tmp_path, PYTHONPATH=str(tmp_path))

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert str(foreign) in ran.stderr
    assert "virtual environment" in ran.stderr
