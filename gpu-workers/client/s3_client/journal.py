"""What a run has to report, as lines of a file: a queue that a crash leaves whole."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


class Journal:
    """Appends events and gives them in their order, from the first one that was not sent."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "events.jsonl"
        self._place = folder / "sent.json"
        self._lock = threading.Lock()
        # A line that a crash cut short was never whole: what comes next begins a line of its own.
        self._file = self._path.open("ab")
        if self._file.tell() > 0 and self._path.read_bytes()[-1:] != b"\n":
            self._file.write(b"\n")
            self._file.flush()
        try:
            state = json.loads(self._place.read_text())
        except (FileNotFoundError, ValueError):
            state = {}  # lost: all is sent again, of which the dashboard stores nothing twice
        self.sent: int = state.get("sent", 0)
        self.run_id: str | None = state.get("run_id")

    def append(self, event: dict) -> None:
        """Writes an event, so that it outlives this process. Raises OSError where that fails."""
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def read(self, most: int) -> tuple[list[dict], int]:
        """The next events, `most` at a time, and the place behind them."""
        events: list[dict] = []
        place = self.sent
        with self._path.open("rb") as file:
            file.seek(place)
            while len(events) < most:
                line = file.readline()
                if not line.endswith(b"\n"):
                    break
                place += len(line)
                try:
                    events.append(json.loads(line))
                except ValueError:
                    continue  # cut short by a crash
        return events, place

    def mark_sent(self, place: int, run_id: str | None) -> None:
        """Notes up to where events were sent, whole or not at all."""
        self.sent, self.run_id = place, run_id
        part = self._place.with_suffix(".part")
        part.write_text(json.dumps({"sent": place, "run_id": run_id}))
        os.replace(part, self._place)

    def is_all_sent(self) -> bool:
        return self.sent >= self._path.stat().st_size

    def read_all(self) -> Iterator[dict]:
        """Every event that was written whole, sent or not."""
        with self._path.open("rb") as file:
            for line in file:
                with suppress(ValueError):  # cut short by a crash
                    yield json.loads(line)

    def find_last_step(self) -> int:
        """The greatest step that was ever reported; 0 where none was."""
        steps = (metric["step"] for event in self.read_all() for metric in event.get("metrics", []))
        return max(steps, default=0)

    def count_episodes(self) -> int:
        return sum(event["kind"] == "episode" for event in self.read_all())

    def close(self) -> None:
        self._file.close()
