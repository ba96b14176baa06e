"""Where the checked sources are."""

import configparser
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def core():
    """Every file of the core, which is never empty: a checker of nothing would always pass."""
    files = sorted((CHECKOUT / "raft").rglob("*.py"))
    assert files, "raft/ holds no Python file"
    return files


def shipped():
    """Every Python file that a user installs, by the patterns of setup.cfg."""
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg")
    folders = [
        folder for pattern in metadata["options.packages.find"]["include"].split() for folder in CHECKOUT.glob(pattern)
    ]
    modules = [CHECKOUT / f"{name}.py" for name in metadata["options"]["py_modules"].split()]
    files = [file for folder in folders if folder.is_dir() for file in folder.rglob("*.py")]
    return sorted(files + [module for module in modules if module.exists()])


def name(file):
    """The file as test ids and messages show it."""
    return file.relative_to(CHECKOUT).as_posix()
