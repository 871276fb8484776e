"""A run as its trainer sees it."""

from __future__ import annotations

import functools
import json
import logging
import math
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from s3_client.journal import Journal
from s3_client.sender import KEY_TAG, Sender

log = logging.getLogger("s3_client")

DEFAULT_ADDRESS = "http://127.0.0.1:3000"

Work = TypeVar("Work", bound=Callable[..., Any])


def answer_failures(answer: Any) -> Callable[[Work], Work]:
    """Of a call by a trainer: what fails is logged, and answered so, whatever it was given."""

    def wrap(work: Work) -> Work:
        @functools.wraps(work)
        def call(*given: Any, **named: Any) -> Any:
            try:
                return work(*given, **named)
            except Exception as error:
                log.error("%s failed, and reports nothing: %r", work.__name__, error)
                return answer

        return cast(Work, call)

    return wrap


def init(
    name: str,
    *,
    experiment: str = "Default",
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    address: str | None = None,
    token: str | None = None,
    folder: str | Path = ".s3-runs",
    resume: bool = False,
) -> Run:
    """
    Begins to report a run, or goes on with one of this name after a crash.

    address: of the dashboard, or of the worker that forwards to it; else S3_TRACKING_URI, else
        MLFLOW_TRACKING_URI.
    token: a worker's token or the installation's secret; else MLFLOW_TRACKING_TOKEN. On one
        machine none is needed.
    folder: where what was not sent yet is kept.
    resume: goes on with the run of this name in `folder`; without it, a new run begins.

    Of several processes (RANK), only the first reports.
    """
    if os.environ.get("RANK", "0") != "0":
        return Run(None, None)
    try:
        home = find_home(Path(folder), name, resume)
        journal = Journal(home)
        where = (
            address or os.environ.get("S3_TRACKING_URI") or os.environ.get("MLFLOW_TRACKING_URI")
        )
        sender = Sender(
            journal, where or DEFAULT_ADDRESS, token or os.environ.get("MLFLOW_TRACKING_TOKEN")
        )
        run = Run(journal, sender)
    except Exception as error:  # whatever it is: the trainer goes on
        log.error("this run is not reported, as its journal cannot be written: %s", error)
        return Run(None, None)
    is_new = journal.sent == 0 and not journal.read(1)[0]
    run.begin(name, experiment, is_new=is_new)
    if config or tags:
        run.configure(config or {}, tags or {})
    sender.start()
    return run


def find_home(folder: Path, name: str, resume: bool) -> Path:
    """The folder of a run: the newest of this name to go on with, else a new one."""
    safe = re.sub(r"[^\w.-]+", "_", name)[:80] or "run"
    numbers = [
        int(found.group(1))
        for path in folder.glob(f"{safe}.*")
        if (found := re.fullmatch(re.escape(safe) + r"\.(\d+)", path.name))
    ]
    last = max(numbers, default=0)
    if resume and last > 0:
        return folder / f"{safe}.{last}"
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        last += 1
        try:
            # Another process that begins a run of this name at the same time has its own.
            (folder / f"{safe}.{last}").mkdir()
            return folder / f"{safe}.{last}"
        except FileExistsError:
            continue


class Run:
    """Reports go to a file, and by a thread to the dashboard: no call waits or raises."""

    def __init__(self, journal: Journal | None, sender: Sender | None) -> None:
        self._journal = journal
        self._sender = sender
        self._lock = threading.Lock()
        self._step = journal.find_last_step() if journal else 0
        self._episodes = journal.count_episodes() if journal else 0
        self._lost = 0

    @property
    def id(self) -> str | None:
        """The run's id on the dashboard; None before it is known there."""
        return self._journal.run_id if self._journal else None

    def begin(self, name: str, experiment: str, *, is_new: bool) -> None:
        """Makes the run, or says that it goes on."""
        now = int(time.time() * 1000)
        body = {
            "experiment": experiment,
            "run_name": name,
            "start_time": now,
            "user_id": os.environ.get("USER", ""),
            "tags": [{"key": KEY_TAG, "value": uuid.uuid4().hex}],
        }
        if is_new:
            self._append({"kind": "begin", "body": body})
        else:
            self._append({"kind": "update", "body": {"status": "RUNNING"}})

    @answer_failures(None)
    def configure(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Reports the configuration, nested or flat, and tags."""
        flat = flatten(config)
        items = [{"key": key[:250], "value": str(value)[:8000]} for key, value in flat.items()]
        named = [{"key": key[:250], "value": str(value)} for key, value in tags.items()]
        self._append({"kind": "log", "params": items, "tags": named})

    @answer_failures(None)
    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """
        Reports numbers of a step; without `step`, of the one after the last.

        What is no number is left out, with a warning.
        """
        with self._lock:
            self._step = self._step + 1 if step is None else int(step)
            at, step = int(time.time() * 1000), self._step
        metrics = []
        for key, value in flatten(values).items():
            try:
                number = float(value)
            except Exception:  # of tensors and arrays, of any kind
                log.warning("%s is no number and is not reported: %.80r", key, value)
                continue
            metrics.append(
                {"key": key, "value": write_number(number), "timestamp": at, "step": step}
            )
        if metrics:
            self._append({"kind": "log", "metrics": metrics})

    @answer_failures(None)
    def log_episode(
        self, episode: Mapping[str, Any], *, questions: str, corpus: str | None = None
    ) -> None:
        """
        Reports what the policy did for one question, as verl writes rollouts: `input` (the prompt
        with its question), `output` (what followed, with the searches' tags), `score` (the reward,
        or None), `step`, and `gts` where the prompt does not hold the question.

        questions: the question set that is answered, which the dashboard must have.
        corpus: the corpus that was searched, where it is one of the dashboard's.
        """
        line = {key: episode[key] for key in ("input", "output", "score")}
        line["step"] = int(episode.get("step", self._step))
        if episode.get("gts") is not None:
            line["gts"] = episode["gts"]
        query = {"questions": questions, **({"corpus": corpus} if corpus else {})}
        text = json.dumps(line, default=str)
        with self._lock:
            number, self._episodes = self._episodes, self._episodes + 1
            self._append({"kind": "episode", "query": query, "line": number, "text": text})

    @answer_failures(False)
    def finish(self, status: str = "FINISHED", wait_seconds: float = 30) -> bool:
        """
        Says how the run ended (FINISHED, FAILED or KILLED), and waits until all was sent.

        Returns whether it was; what was not is sent by `init` with `resume`, or by
        `python -m s3_client FOLDER`.
        """
        self._append(
            {"kind": "update", "body": {"status": status, "end_time": int(time.time() * 1000)}}
        )
        if self._sender is None or self._journal is None:
            return True
        done = self._sender.drain(wait_seconds)
        self._sender.stop()
        if not done:
            log.warning("not all was sent; what is left stays in the run's folder")
        return done

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish(
            "FINISHED" if kind is None else "KILLED" if kind is KeyboardInterrupt else "FAILED"
        )

    def _append(self, event: dict) -> None:
        if self._journal is None or self._sender is None:
            return
        try:
            self._journal.append(event)
        except Exception as error:
            self._lost += 1
            log.error("a report is lost, %d so far: %s", self._lost, error)
        self._sender.wake()


def write_number(number: float) -> float | str:
    """A number as MLflow's API has it: those that JSON cannot write are texts."""
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"


def flatten(values: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
    """Nested values under names such as actor/lr."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{parent}/{key}" if parent else str(key)
        found.update(flatten(value, name) if isinstance(value, Mapping) else {name: value})
    return found
