"""Ray's own settings, which it reads when it is imported (before `driver.py`), and its folders."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path

FOLDER_PREFIX = "s3ray-"
LOCK = "engine.lock"


def prepare_ray_environment(address: str | None) -> None:
    """Sends no usage statistics, and draws the token of a cluster of this engine's own.

    Processes of one cluster know each other by a token. That of a cluster that exists (`address`)
    is where Ray looks for it: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        # Ray would let everything else on the machine go before its actors, which are what trains.
        os.environ.setdefault("RAY_worker_niceness", "0")
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


class ClusterFolder:
    """A temporary folder of this process, which holds its lock for as long as it lives.

    The kernel frees the lock however the process ends, so a folder whose lock is free is nobody's.
    """

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
            # Python gives it to no process that is started from here.
            self._lock: int | None = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: nobody clears there
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            if (self.path / LOCK).exists():
                return
            os.close(self._lock)  # taken for left behind, just before it was locked

    def remove(self) -> None:
        """Removes it with all that is in it; what is gone already is no error."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None


def remove_left_folders() -> list[Path]:
    """Removes the folders of engines that were killed; returns them.

    Those of another user, of an engine that lives, and of versions that held no lock stay.
    """
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if folder.is_symlink() or os.fstat(lock).st_uid != os.getuid():
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
        except OSError:  # its engine lives, or the file system knows no locks
            continue
        finally:
            os.close(lock)
    return removed
