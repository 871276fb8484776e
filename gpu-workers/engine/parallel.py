"""Several devices of one machine: each has a process (a rank) with all models, and works on its part of every operation.

Rank 0 is the engine's own process; it numbers and accepts the operations and hands each to all ranks. Sequences and data
are split by their tokens; the gradient of a forward_backward is added up over the ranks once, when all have theirs, and
then every rank takes the same optimiser step. What is split sums up to what one process computes, up to the order in
which floating-point numbers are added. A rank that ends takes the engine with it.

Weights are held whole by every rank (data parallelism): a model that does not fit into one device with its optimiser
does not fit here either. Sharded weights (FSDP) are not there.
"""

import atexit
import logging
import multiprocessing
import os
import tempfile
import threading
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Callable

import torch
import torch.distributed as dist

from . import dialect
from .device import Device, choose_device
from .dialect_rules import DialectModel
from .engine import Engine, make_torch_deterministic
from .errors import Cancelled, EngineError

log = logging.getLogger("engine")
Check = Callable[[], None]
# How long a rank waits for the others to add up a gradient. Death is noticed at once by the watcher.
REDUCE_LIMIT = timedelta(minutes=30)
# Kinds of which every rank must say the same, or their weights have drifted apart.
SAME_ON_ALL_RANKS = {
    "optim_step": ("gradNorm", "step"),
    "weights_hash": ("hash", "step"),
    "load_state": ("hash", "step"),
    "import_weights": ("hash", "step"),
}


def split_by_cost(keys: list[list[int]], costs: list[int], ranks: int) -> list[list[int]]:
    """Indices for each rank: runs in lexicographic order, so that shared prefixes stay together, of about equal cost."""
    order = sorted(range(len(keys)), key=lambda i: keys[i])
    total, before = sum(costs), 0
    parts: list[list[int]] = [[] for _ in range(ranks)]
    for i in order:
        parts[min(ranks - 1, (2 * before + costs[i]) * ranks // (2 * total))].append(i)
        before += costs[i]
    return parts


def merge_results(results: list[dict], parts: list[list[int]], count: int) -> dict:
    """Joins the results of the parts: lists with an entry per datum come back in order, the rest adds up."""
    done = [(r, p) for r, p in zip(results, parts) if p]
    merged: dict = {}
    for name, first in done[0][0].items():
        values = [r[name] for r, _ in done]
        if isinstance(first, list):
            merged[name] = [None] * count if first else []
            for value, (_, part) in zip(values, done):
                for i, entry in zip(part, value):
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
        else:
            merged[name] = (max if name == "seconds" else min if name == "tokenBudget" else sum)(
                values
            )
    return merged


class Rank:
    """One process' engine and its half of the exchange; the same on rank 0 and on the others."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.pending_gradient: torch.Tensor | None = None

    def run(self, kind: str, name: str, body: DialectModel | None, check: Check) -> dict:
        """This rank's part; `body` None: it has none. A gradient is held back until `reduce` or `discard`."""
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
        """Adds up what the ranks hold back, and adds the sum to each one's gradient."""
        trainable = self.engine.model(name).require_trainable()
        gradient, self.pending_gradient = self.pending_gradient, None
        gradient = torch.zeros_like(trainable.values) if gradient is None else gradient
        dist.all_reduce(gradient)
        trainable.accumulate(gradient)

    def discard(self) -> None:
        self.pending_gradient = None


def catch_errors(work: Callable[[], dict]) -> tuple[dict | None, tuple[str, str] | None]:
    """A result, or code and message of the error: what can be sent to another process."""
    try:
        return work() or {}, None
    except EngineError as error:
        return None, (error.code, error.message)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return None, (
            "out-of-memory",
            f"A device ran out of memory: use fewer or shorter sequences. ({error})",
        )
    except Exception as error:
        log.exception("an operation failed")
        return None, ("internal", f"{type(error).__name__}: {error}")


def init_process_group(rank: int, ranks: int, kind: str, rendezvous_file: str) -> None:
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
    cancelled,
    device: tuple,
    cache_bytes: int | None,
) -> None:
    """Process of a rank other than 0: does what comes through the pipe until it closes."""
    from .main import watch_parent

    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    kind, dtype, threads = device
    make_torch_deterministic()
    if kind == "cuda":
        torch.cuda.set_device(rank)
    rank_engine = Rank(Engine(choose_device(kind, dtype, threads), cache_bytes))
    init_process_group(rank, ranks, kind, rendezvous_file)

    def check() -> None:
        if cancelled.is_set():
            raise Cancelled()

    while True:
        try:
            message = pipe.recv()
        except EOFError:
            return
        if message is None:
            return
        step, kind, name, body = message
        if step == "run":
            pipe.send(catch_errors(lambda: rank_engine.run(kind, name, body, check)))
        elif step == "clear":
            pipe.send(catch_errors(lambda: rank_engine.engine.model(name).clear_activations()))
        elif step == "reduce":
            pipe.send(catch_errors(lambda: rank_engine.all_reduce(name)))
        else:
            rank_engine.discard()
            pipe.send(({}, None))


class ParallelEngine:
    """The engine's surface over all ranks. `run` is called by one thread."""

    def __init__(self, device: Device, ranks: int, cache_bytes: int | None = None):
        if device.kind == "cuda" and torch.cuda.device_count() < ranks:
            raise SystemExit(
                f"--devices {ranks}: this machine has {torch.cuda.device_count()} CUDA devices."
            )
        if device.kind == "mps":
            raise SystemExit("--devices: there is one GPU on this machine, and it is used whole.")
        threads = max(1, device.threads // ranks)
        torch.set_num_threads(threads)
        self.ranks, self.local_rank = ranks, Rank(Engine(device, cache_bytes))
        self.session_ranks: dict[str, int] = {}
        self.closing = False
        rendezvous_file = os.path.join(tempfile.mkdtemp(prefix="engine-"), "rendezvous")
        spawn = multiprocessing.get_context("spawn")
        self.cancelled = spawn.Event()
        self.pipes: list[Connection] = []
        self.processes = []
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
        return self.local_rank.engine.device

    @property
    def models(self) -> dict:
        return self.local_rank.engine.models

    def model(self, name: str):
        return self.local_rank.engine.model(name)

    def capabilities(self) -> dict:
        return self.local_rank.engine.capabilities() | {"devices": self.ranks}

    def close(self) -> None:
        """Lets the other ranks end."""
        self.closing = True
        for pipe in self.pipes:
            try:
                pipe.send(None)
            except OSError:
                pass

    def _watch(self) -> None:
        """Ends the engine with the reason once a rank is gone: what it held cannot be had back."""
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

    def abort(self, reason: str) -> None:
        log.error(reason)
        logging.shutdown()
        os._exit(1)

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Executes one operation on all ranks."""
        match kind:
            case "encode_guided" | "export":
                return self.local_rank.run(kind, name, body, check)
            case "save_state":
                saved = self.local_rank.run(kind, name, body, check)
                self._send("clear", kind, name, [None] * self.ranks)
                self._receive(check)
                return saved
            case "sample":
                return self._run_split(
                    kind, name, body, "sequences", self._sampling_parts(body), check
                )
            case "forward" | "forward_backward":
                parts = split_by_cost(
                    [d.ids for d in body.data], [len(d.ids) for d in body.data], self.ranks
                )
                return self._run_split(kind, name, body, "data", parts, check)
        if kind == "end_sessions":
            for session in body.sessions:
                self.session_ranks.pop(session, None)
        results, error = self._run_on_all_ranks(kind, name, [body] * self.ranks, check)
        if kind == "create_model" and error is not None:
            # Where it was made it goes again, so that the ranks hold the same models.
            if not error[0] == "conflict":
                self._run_on_all_ranks(
                    "delete_model", name, [dialect.EmptyBody()] * self.ranks, lambda: None
                )
        elif len({result is None for result in results}) > 1:
            self.abort(
                f"{kind} succeeded on some ranks only, so their models differ now: {error[1]}"
            )
        if error is not None:
            raise Cancelled() if error[0] == "cancelled" else EngineError(*error)
        for field in SAME_ON_ALL_RANKS.get(kind, ()):
            if len({r[field] for r in results}) > 1:
                self.abort(
                    f"{kind} gave different {field} on the ranks: their weights have drifted apart."
                )
        if kind == "memory":
            return {
                k: (max if k.endswith("eviceBytes") else sum)(r[k] for r in results)
                for k in results[0]
            }
        return results[0]

    def _sampling_parts(self, body: dialect.SampleBody) -> list[list[int]]:
        """A conversation stays where its activations are; new ones are split by their tokens."""
        sequences = body.sequences
        fresh = [i for i, s in enumerate(sequences) if s.session not in self.session_ranks]
        costs = [(len(sequences[i].ids) + sequences[i].maxTokens) * sequences[i].n for i in fresh]
        parts: list[list[int]] = [[] for _ in range(self.ranks)]
        if fresh:
            parts = [
                [fresh[k] for k in part]
                for part in split_by_cost([sequences[i].ids for i in fresh], costs, self.ranks)
            ]
        for i, sequence in enumerate(sequences):
            if sequence.session in self.session_ranks:
                parts[self.session_ranks[sequence.session]].append(i)
        for rank, part in enumerate(parts):
            self.session_ranks.update(
                {sequences[i].session: rank for i in part if sequences[i].session is not None}
            )
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
        items = getattr(body, field)
        bodies = [
            body.model_copy(update={field: [items[i] for i in part]}) if part else None
            for part in parts
        ]
        results, error = self._run_on_all_ranks(kind, name, bodies, check)
        if kind == "forward_backward":
            if error is None:
                _, error = self._finish("reduce", name)
            else:
                self._finish("discard", name)
        if error is not None:
            raise Cancelled() if error[0] == "cancelled" else EngineError(*error)
        return merge_results(results, parts, len(items))

    def _run_on_all_ranks(
        self, kind: str, name: str, bodies: list, check: Check
    ) -> tuple[list, tuple[str, str] | None]:
        """Runs an operation on all ranks at once; results by rank (None: failed), and the first error."""
        self.cancelled.clear()
        self._send("run", kind, name, bodies)
        mine = catch_errors(lambda: self.local_rank.run(kind, name, bodies[0], check))
        if mine[1] is not None:
            self.cancelled.set()  # the others' work is of no more use
        answers = [mine, *self._receive(check if mine[1] is None else lambda: None)]
        errors = [e for _, e in answers if e is not None]
        real = [e for e in errors if e[0] != "cancelled"]
        if not errors and self.cancelled.is_set():
            errors = [("cancelled", "")]
        return [result for result, _ in answers], next(iter(real + errors), None)

    def _finish(self, step: str, name: str) -> tuple[list, tuple[str, str] | None]:
        """Second half of forward_backward: add the gradients up, or forget them."""
        self._send(step, "", name, [None] * self.ranks)
        mine = catch_errors(
            lambda: (
                self.local_rank.all_reduce(name) if step == "reduce" else self.local_rank.discard()
            )
        )
        answers = [mine, *self._receive(lambda: None)]
        return [result for result, _ in answers], next(
            (e for _, e in answers if e is not None), None
        )

    def _send(self, step: str, kind: str, name: str, bodies: list) -> None:
        for pipe, body in zip(self.pipes, bodies[1:]):
            pipe.send((step, kind, name, body))

    def _receive(self, check: Check) -> list[tuple[dict | None, tuple[str, str] | None]]:
        """One answer of each other rank. A cancelled operation is cancelled there, and its answers are awaited too."""
        found: dict[Connection, tuple] = {}
        while len(found) < len(self.pipes):
            try:
                check()
            except Cancelled:
                self.cancelled.set()
            for pipe in wait([p for p in self.pipes if p not in found], timeout=0.1):
                try:
                    found[pipe] = pipe.recv()
                except EOFError:
                    threading.Event().wait(
                        60
                    )  # its process has ended, and the watcher ends this one
        return [found[pipe] for pipe in self.pipes]
