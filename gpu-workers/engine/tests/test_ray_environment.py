"""Folders of an engine's own Ray cluster: what a killed engine left is removed, and only that."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine.distributed.ray_environment import ClusterFolder, remove_left_folders

ENGINE = """
import subprocess, sys, time
from engine.distributed.ray_environment import ClusterFolder
folder = ClusterFolder()
(folder.path / "ray").mkdir()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(folder.path, child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start_engine(temporary: Path) -> tuple[subprocess.Popen, Path, int]:
    """A process that holds a folder and has a child, as Ray's processes are; both end by a kill."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE],
        env=os.environ | {"TMPDIR": str(temporary)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    path, child = process.stdout.readline().split()
    return process, Path(path), int(child)


def test_what_an_engine_left_that_was_killed_is_removed_and_what_a_living_one_has_stays(temporary):
    killed, left, child = start_engine(temporary)
    living, held, other_child = start_engine(temporary)
    own = ClusterFolder()
    try:
        assert remove_left_folders() == []
        killed.kill()
        killed.wait()
        # The lock was the engine's alone: a child that outlives it does not hold it.
        assert remove_left_folders() == [left]
        assert not left.exists()
        assert (held / "ray").is_dir()
        assert own.path.is_dir()
    finally:
        living.kill()
        living.wait()
        for pid in (child, other_child):
            os.kill(pid, 9)
        own.remove()
    assert remove_left_folders() == [held]
    assert list(temporary.iterdir()) == []


def test_folders_that_hold_no_lock_or_lead_elsewhere_stay(temporary):
    (temporary / "s3ray-older-version").mkdir()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "engine.lock").touch()
    (temporary / "s3ray-link").symlink_to(elsewhere)
    assert remove_left_folders() == []
    assert len(list(temporary.iterdir())) == 3


def test_a_folder_is_its_owners_alone_and_is_removed_twice_without_an_error(temporary):
    folder = ClusterFolder()
    assert folder.path.stat().st_mode & 0o077 == 0
    folder.remove()
    folder.remove()
    assert list(temporary.iterdir()) == []
