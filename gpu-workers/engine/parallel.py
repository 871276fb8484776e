"""Data parallelism over the devices of one machine.

Each device has a process (a rank) with all models, which computes its part of every operation. Rank
0 is the engine's own process; it accepts the operations and hands each to all ranks. Sequences and
data are split by their tokens. The gradients of a forward_backward are summed over the ranks once
all have theirs, and then every rank takes the same optimiser step. The results are those of one
process, up to the order in which floating-point numbers are added. If a rank ends, the engine ends.

Every rank holds all weights, so a model that does not fit into one device with its optimiser does
not fit here either: weights are not sharded (FSDP).
"""

import atexit
import contextlib
import logging
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Literal, NamedTuple, NoReturn

import torch
import torch.distributed as dist

from . import dialect
from .device import Device, choose_device
from .dialect import EngineErrorCode
from .dialect_rules import DialectModel
from .engine import Engine, make_torch_deterministic
from .errors import CancelledError, EngineError
from .forward_backward import AnyModel

log = logging.getLogger("engine")
Check = Callable[[], None]
# How long a rank waits for the others' gradients. That a rank has ended is noticed at once.
REDUCE_LIMIT = timedelta(minutes=30)
# Fields of results that must be equal on all ranks; where they are not, the weights differ.
SAME_ON_ALL_RANKS = {
    "optim_step": ("gradNorm", "step"),
    "weights_hash": ("hash", "step"),
    "load_state": ("hash", "step"),
    "import_weights": ("hash", "step"),
}


def split_by_cost(keys: list[list[int]], costs: list[int], ranks: int) -> list[list[int]]:
    """Indices for each rank, of about equal cost.

    They are runs in lexicographic order of `keys`, so that shared prefixes stay together.
    """
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    total, before = sum(costs), 0
    parts: list[list[int]] = [[] for _ in range(ranks)]
    for i in order:
        parts[min(ranks - 1, (2 * before + costs[i]) * ranks // (2 * total))].append(i)
        before += costs[i]
    return parts


def merge_results(results: list[dict], parts: list[list[int]], count: int) -> dict:
    """Joins the results of the ranks' parts into one.

    Lists with an entry per item come back in the items' order; numbers add up.
    """
    done = [(r, p) for r, p in zip(results, parts, strict=True) if p]
    merged: dict = {}
    for name, first in done[0][0].items():
        values = [r[name] for r, _ in done]
        if isinstance(first, list) and not first:
            merged[name] = []
        elif isinstance(first, list):
            merged[name] = [None] * count
            for value, (_, part) in zip(values, done, strict=True):
                for i, entry in zip(part, value, strict=True):
                    merged[name][i] = entry
        elif name == "ratio":
            real = [r["ratio"] for r, _ in done if r["tokens"]] or values
            merged[name] = {
                "sum": sum(v["sum"] for v in values),
                "min": min(v["min"] for v in real),
                "max": max(v["max"] for v in real),
            }
        elif name == "usage":
            merged[name] = {
                k: max(v[k] for v in values) if k.endswith("Seconds") else sum(v[k] for v in values)
                for k in first
            }
        elif name == "seconds":
            merged[name] = max(values)
        elif name == "tokenBudget":
            merged[name] = min(values)
        else:
            merged[name] = sum(values)
    return merged


class Rank:
    """A process's engine and its part in what the ranks do together; the same on every rank."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.pending_gradient: torch.Tensor | None = None

    def run(self, kind: str, name: str, body: DialectModel | None, check: Check) -> dict:
        """This rank's part of an operation; `body` None: it has none.

        A gradient is held back until `all_reduce` or `discard`.
        """
        if kind != "forward_backward":
            return {} if body is None else self.engine.run(kind, name, body, check)
        trainable = self.engine.model(name).require_trainable()
        before, trainable.gradient = trainable.gradient, None
        try:
            result = {} if body is None else self.engine.run(kind, name, body, check)
            self.pending_gradient = trainable.gradient
            return result
        finally:
            trainable.gradient = before

    def all_reduce(self, name: str) -> None:
        """Sums what the ranks hold back, and accumulates the sum on each."""
        trainable = self.engine.model(name).require_trainable()
        gradient, self.pending_gradient = self.pending_gradient, None
        gradient = torch.zeros_like(trainable.values) if gradient is None else gradient
        dist.all_reduce(gradient)
        trainable.accumulate(gradient)

    def discard(self) -> None:
        """Forgets the gradient that is held back."""
        self.pending_gradient = None


class RankError(NamedTuple):
    """An EngineError that can be sent to another process."""

    code: EngineErrorCode
    message: str

    def to_exception(self) -> EngineError:
        return (
            CancelledError() if self.code == "cancelled" else EngineError(self.code, self.message)
        )


class RankAnswer(NamedTuple):
    """What a rank sends back: a result or an error."""

    result: dict | None
    error: RankError | None


def catch_errors(work: Callable[[], dict | None]) -> RankAnswer:
    """Calls `work`; an exception becomes an error that can be sent to another process."""
    try:
        return RankAnswer(work() or {}, None)
    except EngineError as error:
        failure = RankError(error.code, error.message)
    except (MemoryError, torch.OutOfMemoryError) as error:
        failure = RankError(
            "out-of-memory",
            f"A device ran out of memory: use fewer or shorter sequences. ({error})",
        )
    except Exception as error:
        log.exception("an operation failed")
        failure = RankError("internal", f"{type(error).__name__}: {error}")
    return RankAnswer(None, failure)


def init_process_group(rank: int, ranks: int, kind: str, rendezvous_file: str) -> None:
    """Joins the ranks' group; returns once all are there."""
    dist.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        init_method=f"file://{rendezvous_file}",
        rank=rank,
        world_size=ranks,
        timeout=REDUCE_LIMIT,
    )


def run_rank_process(
    rank: int,
    ranks: int,
    rendezvous_file: str,
    pipe: Connection,
    cancelled: Event,
    device: tuple[str, str, int],
    cache_bytes: int | None,
) -> None:
    """Process of a rank other than 0: does what comes through the pipe until that closes.

    `device`: kind, dtype and threads.
    """
    from .main import watch_parent

    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    kind, dtype, threads = device
    make_torch_deterministic()
    if kind == "cuda":
        torch.cuda.set_device(rank)
    local = Rank(Engine(choose_device(kind, dtype, threads), cache_bytes))
    init_process_group(rank, ranks, kind, rendezvous_file)

    def check() -> None:
        if cancelled.is_set():
            raise CancelledError()

    def do(step: str, kind: str, name: str, body: DialectModel | None) -> dict | None:
        match step:
            case "run":
                return local.run(kind, name, body, check)
            case "clear":
                local.engine.model(name).clear_activations()
            case "reduce":
                local.all_reduce(name)
            case "discard":
                local.discard()
        return None

    with contextlib.suppress(EOFError):
        while (message := pipe.recv()) is not None:
            pipe.send(catch_errors(partial(do, *message)))


class ParallelEngine:
    """An engine over all ranks (EngineProtocol). `run` is called by one thread."""

    def __init__(self, device: Device, ranks: int, cache_bytes: int | None = None):
        if device.kind == "cuda" and torch.cuda.device_count() < ranks:
            raise SystemExit(
                f"--devices {ranks}: this machine has {torch.cuda.device_count()} CUDA devices."
            )
        if device.kind == "mps":
            raise SystemExit("--devices: there is one GPU on this machine, and it is used whole.")
        threads = max(1, device.threads // ranks)
        torch.set_num_threads(threads)
        self.ranks, self.local = ranks, Rank(Engine(device, cache_bytes))
        self.session_ranks: dict[str, int] = {}
        self.closing = False
        rendezvous_file = os.path.join(tempfile.mkdtemp(prefix="engine-"), "rendezvous")
        spawn = multiprocessing.get_context("spawn")
        self.cancelled = spawn.Event()
        self.pipes: list[Connection] = []
        self.processes: list[SpawnProcess] = []
        for rank in range(1, ranks):
            mine, theirs = spawn.Pipe()
            arguments = (
                rank,
                ranks,
                rendezvous_file,
                theirs,
                self.cancelled,
                (device.kind, device.dtype_name, threads),
                cache_bytes,
            )
            process = spawn.Process(
                target=run_rank_process, args=arguments, name=f"rank {rank}", daemon=True
            )
            process.start()
            theirs.close()
            self.pipes.append(mine)
            self.processes.append(process)
        threading.Thread(target=self._watch, daemon=True).start()
        atexit.register(self.close)
        init_process_group(0, ranks, device.kind, rendezvous_file)

    @property
    def device(self) -> Device:
        return self.local.engine.device

    @property
    def models(self) -> dict[str, AnyModel]:
        return self.local.engine.models

    def model(self, name: str) -> AnyModel:
        """Rank 0's copy of a model."""
        return self.local.engine.model(name)

    def capabilities(self) -> dict:
        """Those of one rank, and how many there are."""
        return self.local.engine.capabilities() | {"devices": self.ranks}

    def close(self) -> None:
        """Ends the other ranks."""
        self.closing = True
        for pipe in self.pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)

    def _watch(self) -> None:
        """Ends the engine with the reason once a rank has ended: what it held is lost."""
        wait([p.sentinel for p in self.processes])
        if self.closing:
            return
        for process in self.processes:
            process.join(0.5)
        gone = [
            f"{p.name} of {self.ranks} ended with code {p.exitcode}"
            for p in self.processes
            if p.exitcode is not None
        ]
        self.abort(f"{', '.join(gone)}; the engine cannot go on without it.")

    def abort(self, reason: str) -> NoReturn:
        """Ends the engine's process."""
        log.error(reason)
        logging.shutdown()
        os._exit(1)

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Executes one operation on all ranks."""
        match body:
            case dialect.EncodeGuidedBody() | dialect.ExportBody():
                return self.local.run(kind, name, body, check)
            case dialect.SampleBody():
                parts = self._split_sequences(body)
                return self._run_split(kind, name, body, "sequences", parts, check)
            case dialect.ForwardBody() | dialect.ForwardBackwardBody():
                ids = [datum.ids for datum in body.data]
                parts = split_by_cost(ids, [len(i) for i in ids], self.ranks)
                return self._run_split(kind, name, body, "data", parts, check)
            case dialect.EndSessionsBody():
                for session in body.sessions:
                    self.session_ranks.pop(session, None)
        if kind == "save_state":
            saved = self.local.run(kind, name, body, check)
            self._send("clear", kind, name, [None] * self.ranks)
            self._receive(check)
            return saved
        return self._run_alike(kind, name, body, check)

    def _run_alike(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Runs an operation that is the same on every rank, and checks that they agree."""
        answers, error = self._run_on_all_ranks(kind, name, [body] * self.ranks, check)
        results = [answer.result for answer in answers if answer.result is not None]
        if error is not None:
            if kind == "create_model":
                # Deleted where it was made, so that all ranks hold the same models.
                if error.code != "conflict":
                    self._run_on_all_ranks(
                        "delete_model", name, [dialect.EmptyBody()] * self.ranks, lambda: None
                    )
            elif 0 < len(results) < len(answers):
                self.abort(
                    f"{kind} succeeded on some ranks only, so their models differ now: "
                    f"{error.message}"
                )
            raise error.to_exception()
        for field in SAME_ON_ALL_RANKS.get(kind, ()):
            if len({result[field] for result in results}) > 1:
                self.abort(
                    f"{kind} gave different {field} on the ranks: their weights have drifted apart."
                )
        if kind == "memory":
            # Each rank has a device of its own, but all share the machine's memory.
            return {
                key: (max if key.endswith("eviceBytes") else sum)(r[key] for r in results)
                for key in results[0]
            }
        return results[0]

    def _split_sequences(self, body: dialect.SampleBody) -> list[list[int]]:
        """Indices of the sequences for each rank.

        A conversation stays on the rank that has its activations; new ones are split by tokens.
        """
        sequences = body.sequences
        parts: list[list[int]] = [[] for _ in range(self.ranks)]
        new = [i for i, s in enumerate(sequences) if s.session not in self.session_ranks]
        if new:
            costs = [(len(sequences[i].ids) + sequences[i].maxTokens) * sequences[i].n for i in new]
            split = split_by_cost([sequences[i].ids for i in new], costs, self.ranks)
            parts = [[new[k] for k in part] for part in split]
        for i, sequence in enumerate(sequences):
            if sequence.session in self.session_ranks:
                parts[self.session_ranks[sequence.session]].append(i)
        for rank, part in enumerate(parts):
            for i in part:
                session = sequences[i].session
                if session is not None:
                    self.session_ranks[session] = rank
        return parts

    def _run_split(
        self,
        kind: str,
        name: str,
        body: DialectModel,
        field: str,
        parts: list[list[int]],
        check: Check,
    ) -> dict:
        """Runs an operation with the list `field` of its body split over the ranks."""
        items = getattr(body, field)
        bodies = [
            body.model_copy(update={field: [items[i] for i in part]}) if part else None
            for part in parts
        ]
        answers, error = self._run_on_all_ranks(kind, name, bodies, check)
        if kind == "forward_backward":
            if error is None:
                error = self._end_gradient("reduce", name)
            else:
                self._end_gradient("discard", name)
        if error is not None:
            raise error.to_exception()
        return merge_results([answer.result or {} for answer in answers], parts, len(items))

    def _run_on_all_ranks(
        self, kind: str, name: str, bodies: Sequence[DialectModel | None], check: Check
    ) -> tuple[list[RankAnswer], RankError | None]:
        """Runs an operation on all ranks at once; the answers by rank and the first error."""
        self.cancelled.clear()
        self._send("run", kind, name, bodies)
        own = catch_errors(lambda: self.local.run(kind, name, bodies[0], check))
        if own.error is not None:
            self.cancelled.set()  # what the others compute is of no more use
        answers = [own, *self._receive(check if own.error is None else lambda: None)]
        errors = [answer.error for answer in answers if answer.error is not None]
        if not errors and self.cancelled.is_set():
            errors = [RankError("cancelled", "")]
        # Where one rank fails the others are cancelled: the failure is the reason.
        errors.sort(key=lambda error: error.code == "cancelled")
        return answers, errors[0] if errors else None

    def _end_gradient(self, step: Literal["reduce", "discard"], name: str) -> RankError | None:
        """Second half of forward_backward: sums the gradients, or discards them."""
        self._send(step, "", name, [None] * self.ranks)
        own = catch_errors(
            lambda: self.local.all_reduce(name) if step == "reduce" else self.local.discard()
        )
        answers = [own, *self._receive(lambda: None)]
        return next((answer.error for answer in answers if answer.error is not None), None)

    def _send(self, step: str, kind: str, name: str, bodies: Sequence[DialectModel | None]) -> None:
        for pipe, body in zip(self.pipes, bodies[1:], strict=True):
            pipe.send((step, kind, name, body))

    def _receive(self, check: Check) -> list[RankAnswer]:
        """One answer of each other rank.

        Where `check` raises, the other ranks are told to stop, and their answers are still awaited.
        """
        answers: dict[Connection, RankAnswer] = {}
        while len(answers) < len(self.pipes):
            try:
                check()
            except CancelledError:
                self.cancelled.set()
            for pipe in self.pipes:
                if pipe not in answers and pipe.poll(0.1 / len(self.pipes)):
                    answers[pipe] = self._receive_one(pipe)
        return [answers[pipe] for pipe in self.pipes]

    def _receive_one(self, pipe: Connection) -> RankAnswer:
        try:
            return pipe.recv()
        except EOFError:
            # The rank's process has ended, and `_watch` is about to end this one.
            time.sleep(60)
            raise
