"""One rank: an engine of one process whose trained tensors are sharded over all ranks.

What a rank computes alone (sampling, `forward` of an adapter on a whole base) may fail or be
cancelled on it alone.
Where ranks work together they first agree that all can go on; a failure in the midst of that cannot
be mended, and the driver ends all ranks.
"""

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil
import torch

from ..api import dialect
from ..api.dialect import Datum, EngineErrorCode
from ..api.dialect_rules import DialectModel
from ..device import Device, choose_device
from ..engine import Check, Engine, make_torch_deterministic
from ..errors import CancelledError, EngineError
from ..memory import (
    empty_cache,
    get_device_memory_bytes,
    get_memory_bytes,
    get_peak_device_bytes,
    get_peak_resident_bytes,
    is_out_of_memory,
)
from ..models import huggingface
from ..models.model import FrozenBase, Model, ModelState
from ..training import forward_backward, saved_state
from ..training.forward_backward import AnyBatch, AnyModel
from .checkpoint import check_shards, describe_state, read_shards, write_shards
from .rank_group import RankGroup
from .sharded_base import ShardedBase
from .sharded_trainable import ShardedTrainable

log = logging.getLogger("engine")
T = TypeVar("T")
# What a rank brings to the others before each micro-batch.
NO_BATCH, HAS_BATCH, STOPS = 0, 1, 2
#: Operations that are split over the ranks.
SPLIT = ("sample", "forward", "forward_backward")


class OtherRankError(CancelledError):
    """Another rank failed or was cancelled, so that this one did not go on."""


class RankError(NamedTuple):
    """An EngineError that can be sent to another process."""

    code: EngineErrorCode
    message: str

    def to_exception(self) -> EngineError:
        return (
            CancelledError() if self.code == "cancelled" else EngineError(self.code, self.message)
        )


class RankAnswer(NamedTuple):
    """What a rank sends back: a result or an error, and the seconds that it took."""

    result: dict | None
    error: RankError | None
    seconds: float


@dataclass
class RankSettings:
    """How a rank computes; the same for all."""

    #: cpu, cuda or mps; None: cuda where the cluster has GPUs, else cpu.
    kind: str | None
    #: None: as each rank's device does well, which must then be the same for all.
    dtype: str | None
    threads: int | None
    cache_bytes: int | None
    #: How long a rank waits for another that gives no sign of life.
    limit_seconds: float


def to_engine_error(error: Exception) -> EngineError:
    """What a rank reports of a failure in which the others have no part: all can go on."""
    if isinstance(error, EngineError):
        return error
    if is_out_of_memory(error):
        return EngineError(
            "out-of-memory",
            f"A device ran out of memory: use fewer or shorter sequences. ({error})",
        )
    log.error("an operation failed", exc_info=error)
    return EngineError("internal", f"{type(error).__name__}: {error}")


def check_shared_folder(folder: Path) -> None:
    """Raises `invalid-input` where this machine does not see a folder that rank 0 has made."""
    if not folder.is_dir():
        raise EngineError(
            "invalid-input",
            f"{socket.gethostname()} does not see {folder}, which rank 0 has made: with ranks on "
            "several machines the worker's data folder must lie on a file system that all of them "
            "share.",
        )


def find_interface(address: str) -> str | None:
    """The network interface of an address of this machine; the loopback's for all of 127.*."""
    wanted = "127.0.0.1" if address.startswith("127.") else address
    return next(
        (n for n, found in psutil.net_if_addrs().items() if wanted in {a.address for a in found}),
        None,
    )


class RankEngine(Engine):
    """The engine of one rank. Its operations must be called on all ranks in the same order."""

    def __init__(self, device: Device, cache_bytes: int | None, group: RankGroup):
        super().__init__(device, cache_bytes)
        self.group, self.begins_empty = group, True
        #: The bases that adapters share, of which this rank holds a part.
        self.shards: dict[Path, ShardedBase] = {}
        self.make_trainable = self.make_sharded

    def make_sharded(
        self,
        model: ModelState,
        body: dialect.CreateModelBody,
        shapes: dict[str, tuple[int, ...]],
        initial: Mapping[str, torch.Tensor],
    ) -> ShardedTrainable:
        """What is trained of a model. A base that transformers computes is never sharded."""
        base, folder = model.base, model.base.folder
        if not body.shardBase or not isinstance(base, FrozenBase):
            return ShardedTrainable(model, body, shapes, initial, self.group)
        if folder not in self.shards:
            self.shards[folder] = ShardedBase(base, self.group)
        return ShardedTrainable(model, body, shapes, initial, self.group, self.shards[folder])

    @staticmethod
    def find_shards(model: ModelState) -> ShardedBase | None:
        """The shards of the base that a model computes with; None: it is held whole."""
        trainable = model.trainable
        return trainable.network.base if isinstance(trainable, ShardedTrainable) else None

    def sharded(self, name: str) -> ShardedTrainable:
        """What is trained of a model; raises `unsupported` where nothing is."""
        trainable = self.get_model(name).require_trainable()
        assert isinstance(trainable, ShardedTrainable)
        return trainable

    def agree(self, work: Callable[[], T], with_files: bool = True) -> T:
        """Calls `work`, in which ranks do nothing together, and raises on all if it did on one.

        `with_files`: it reads or writes files, for which the other ranks wait longer.
        """
        try:
            result = work()
        except Exception as error:
            self.group.find_max(STOPS, with_files)
            raise to_engine_error(error) from error
        if self.group.find_max(NO_BATCH, with_files) == STOPS:
            raise OtherRankError()
        return result

    def create_model(self, name: str, body: dialect.CreateModelBody, check: Check) -> dict:
        """Shards what is trained of a base, and holds on every rank what is frozen of it."""

        def create() -> dict:
            try:
                return super(RankEngine, self).create_model(name, body, check)
            finally:
                self.release_unused_tensors()

        return self.agree(create)

    def delete_model(self, name: str, body: dialect.EmptyBody, check: Check) -> dict:
        """Also frees what of its base no other model computes with."""
        found = super().delete_model(name, body, check)
        self.release_unused_tensors()
        # What is trained and its model refer to each other: only the collector frees them.
        gc.collect()
        empty_cache()
        return found

    def release_unused_tensors(self) -> None:
        """Holds of each base what its models compute with where nothing is gathered."""
        for folder, base in self.bases.items():
            models = [m for m in self.models.values() if m.base is base]
            whole = [m for m in models if self.find_shards(m) is None]
            base.keep(set[str]().union(*(m.list_frozen_tensors() for m in whole)))
            if len(whole) == len(models):
                self.shards.pop(folder, None)

    def drop_whole_tensors(self) -> None:
        """Frees what sampling and the untrained base need and no other operation, of all models."""
        for model in self.models.values():
            if isinstance(model.trainable, ShardedTrainable):
                model.trainable.drop_whole_tensors()
        self.release_unused_tensors()

    def is_in_step(self, kind: str, name: str, body: DialectModel) -> bool:
        """Whether ranks run an operation micro-batch by micro-batch together, also without data.

        So is `forward` of trained weights and on a sharded base, each layer of which is gathered
        when it is reached. The factors of an adapter are small: they are gathered once, and each
        rank goes on alone.
        """
        if isinstance(body, dialect.ForwardBody):
            model = self.get_model(name)
            is_sharded = self.find_shards(model) is not None
            return is_sharded or (body.adapter and model.spec["full"] is not None)
        return kind == "forward_backward"

    def prepare(self, name: str, body: DialectModel) -> None:
        """Gathers what an operation that ranks run alone needs of all of them."""
        assert isinstance(body, dialect.SampleBody | dialect.ForwardBody)
        model = self.get_model(name)
        shards = self.find_shards(model)
        if shards is not None:
            assert isinstance(model, Model)
            model.base.keep(model.base.list_names(), shards.gather)
        elif not body.adapter:
            self.agree(model.base.keep_all)
        if isinstance(body, dialect.ForwardBody):
            if not body.data:
                forward_backward.build_forward_networks(model, body)
        elif body.adapter:
            trainable = self.sharded(name)
            trainable.gather(trainable.values)

    def forward(self, name: str, body: dialect.ForwardBody, check: Check) -> dict:
        """This rank's part of the data; where layers are gathered in step with the others."""
        if not self.is_in_step("forward", name, body):
            return super().forward(name, body, check)
        model, trainable = self.get_model(name), self.sharded(name)
        forward_backward.check_forward(model, body)
        self.drop_whole_tensors()
        passes: dict[str, torch.Tensor | None] = {
            "values" if model.head == "value" else "logprobs": (
                trainable.values if body.adapter else None
            )
        }
        if body.reference == "base":
            if self.find_shards(model) is None:
                self.agree(model.base.keep_all)
            passes["referenceLogprobs"] = None
        elif body.reference is not None:
            passes["referenceLogprobs"] = trainable.get_snapshot(body.reference)
        budget = forward_backward.choose_token_budget(model, body)
        result = forward_backward.make_forward_result(body, list(passes))
        for part, values in passes.items():
            compute = self._prepare_pass(model, trainable, body, values)
            for batch, is_own in self._iterate_in_step(model, body, budget, check):
                found = compute(batch)
                if is_own:
                    forward_backward.write_numbers(result, part, batch, *found)
        self.release_unused_tensors()
        return result | {"tokenBudget": budget, "retriedOutOfMemory": 0}

    @staticmethod
    def _prepare_pass(
        model: AnyModel,
        trainable: ShardedTrainable,
        body: dialect.ForwardBody,
        values: torch.Tensor | None,
    ) -> Callable[[AnyBatch], tuple[torch.Tensor, torch.Tensor | None]]:
        """What computes a micro-batch's numbers with these trained values; None: as loaded."""
        if values is not None:
            trainable.update_network(None if values is trainable.values else values)
            return lambda batch: trainable.network.compute_numbers(batch, body)
        if trainable.network.base is not None:
            return lambda batch: trainable.network.compute_numbers(batch, body, is_adapted=False)
        frozen = model.build_frozen_network()
        # Cancelled between batches only: others would wait for a rank that left alone.
        return lambda batch: forward_backward.compute_numbers(
            model, frozen, batch, body, lambda: None
        )

    def forward_backward(self, name: str, body: dialect.ForwardBackwardBody, check: Check) -> dict:
        """This rank's part of the data, in step with the others.

        Every rank runs equally many micro-batches: one that has no more goes along with a batch
        of one token, whose gradient is 0.
        """
        started = time.perf_counter()
        model, trainable = self.get_model(name), self.sharded(name)
        forward_backward.check_loss(model, body)
        self.drop_whole_tensors()
        trainable.update_network()
        report = forward_backward.make_report(model, body)
        total = torch.zeros_like(trainable.values)
        budget = forward_backward.choose_token_budget(model, body)
        try:
            for batch, is_own in self._iterate_in_step(model, body, budget, check):
                trainable.network.add_gradient(batch, report if is_own else None)
                trainable.take_gradient(total)
                report.computed += batch.ids.size if is_own else 0
        finally:
            trainable.clear_gradient()
        self.agree(lambda: forward_backward.check_finite_loss(report), with_files=False)
        if self.group.find_max(int(report.sums["tokens"])):
            trainable.accumulate(total)
        return report.to_result() | {
            "tokenBudget": budget,
            "retriedOutOfMemory": 0,
            "seconds": time.perf_counter() - started,
        }

    def _iterate_in_step(
        self,
        model: AnyModel,
        body: dialect.ForwardBody | dialect.ForwardBackwardBody,
        budget: int,
        check: Check,
    ) -> Iterator[tuple[AnyBatch, bool]]:
        """As many micro-batches as the rank with most has, and whether each is this rank's own.

        One that is not has one token: it only takes part in what ranks do together.
        """
        filler = Datum(ids=[0, 0], weights=[0.0, 1.0])
        idle = next(
            forward_backward.iterate_batches(
                model, body.model_copy(update={"data": [filler]}), lambda: None, budget
            )
        )
        batches = forward_backward.iterate_batches(model, body, check, budget)

        def take_batch() -> AnyBatch | None:
            check()
            return next(batches, None)

        while True:
            try:
                batch = take_batch()
            except Exception as error:
                self.group.find_max(STOPS)
                raise to_engine_error(error) from error
            most = self.group.find_max(NO_BATCH if batch is None else HAS_BATCH)
            if most == STOPS:
                raise OtherRankError()
            if most == NO_BATCH:
                return
            yield batch or idle, batch is not None

    def import_weights(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        model = self.get_model(name)
        trainable = self.sharded(name)
        values = self.agree(
            lambda: trainable.take_values(huggingface.read_weights(model, Path(body.path)))
        )
        trainable.reset(values)
        model.clear_activations()
        return self.hash_weights(name, dialect.EmptyBody(), check)

    def export(self, name: str, body: dialect.ExportBody, check: Check) -> dict:
        """Rank 0 writes the folder; the others bring their rows."""
        with self.sharded(name).hold_masters():
            return self.agree(
                lambda: super(RankEngine, self).export(name, body, check) if self.is_first else {}
            )

    @property
    def is_first(self) -> bool:
        return self.group.rank == 0

    def save_state(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        """Every rank writes its rows into one folder, which takes its place when all have."""
        model, trainable = self.get_model(name), self.sharded(name)
        target = Path(body.path).absolute()
        building = saved_state.get_partial_folder(target)
        digest = trainable.hash()
        description = describe_state(trainable, model.spec, digest)

        def begin() -> None:
            with saved_state.drop_partial_folder(target):
                saved_state.begin_folder(target)

        def finish() -> int:
            with saved_state.drop_partial_folder(target):
                saved_state.write_file(building / "state.json", description)
                check_shards(trainable, building, description)
                return saved_state.end_folder(target)

        self.agree(begin if self.is_first else lambda: None)
        self.agree(lambda: check_shared_folder(building))
        write_shards(trainable, building)
        size = self.agree(finish if self.is_first else lambda: 0)
        model.clear_activations()
        return {"step": trainable.step, "hash": digest, "bytes": size}

    def load_state(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        """Loads a state that any number of ranks or one process saved."""
        model, trainable = self.get_model(name), self.sharded(name)
        folder = saved_state.find_state(body.path)
        state = self.agree(lambda: saved_state.read_state(folder, model.spec))
        if state["format"] == saved_state.SHARDED_FORMAT:
            self.agree(lambda: check_shards(trainable, folder, state))
            vectors = read_shards(trainable, folder, state)
        else:
            vectors = self.agree(
                lambda: saved_state.read_whole_state(trainable, model.spec, folder, state)
            )
        loaded = saved_state.apply_state(trainable, folder, state, vectors)
        model.clear_activations()
        return loaded


class Rank:
    """A rank as the driver calls it by Ray: operations one at a time, `cancel` beside them."""

    def __init__(self) -> None:
        self.engine: RankEngine | None = None
        #: Number of the last operation that was cancelled. A call may come before its operation or
        #: after it, since the two are not ordered.
        self.cancelled = 0

    def find_address(self) -> tuple[str, int]:
        """This machine's address in the cluster, and a port that is free on it now."""
        import ray

        address = ray.util.get_node_ip_address()
        with socket.socket() as probe:
            probe.bind((address, 0))
            return address, probe.getsockname()[1]

    def join(self, rank: int, ranks: int, rendezvous: str, settings: RankSettings) -> dict:
        """Makes the engine and joins the process group; returns where this rank is."""
        import ray

        address = ray.util.get_node_ip_address()
        # Without it gloo takes what the host's name stands for, which is often 127.0.0.1.
        interface = find_interface(address)
        if interface is not None:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
            os.environ.setdefault("NCCL_SOCKET_IFNAME", interface)
        make_torch_deterministic()
        if settings.kind == "cuda":
            torch.cuda.set_device(0)  # Ray shows each rank its own GPU alone
        device = choose_device(settings.kind, settings.dtype, settings.threads)
        group = RankGroup(rank, ranks, rendezvous, device.torch_device, settings.limit_seconds)
        self.engine = RankEngine(device, settings.cache_bytes, group)
        return {
            "rank": rank,
            "node": ray.get_runtime_context().get_node_id(),
            "device": device.name,
            "deviceMemoryBytes": 0 if device.kind == "cpu" else get_device_memory_bytes(),
            "memoryBytes": get_memory_bytes(),
            "dtype": device.dtype_name,
            "pid": os.getpid(),
        }

    def describe(self) -> dict:
        """The capabilities of this rank."""
        assert self.engine is not None
        return self.engine.describe_capabilities()

    def ping(self) -> None:
        """Returns at once from a process that lives, whatever it computes."""

    def wait_for_end(self) -> None:
        """Never returns: the driver hears by it that this process has ended."""
        threading.Event().wait()

    def cancel(self, operation: int) -> None:
        """Stops the operation of this number, where it stops for cancelling; no later one."""
        self.cancelled = max(self.cancelled, operation)

    def take_times(self) -> dict:
        """Seconds since the last call, and the most memory so far."""
        assert self.engine is not None
        peak = get_peak_device_bytes() or get_peak_resident_bytes()
        return self.engine.group.clock.take() | {"peakMemoryBytes": peak}

    def run(
        self, operation: int, kind: str, name: str, body: DialectModel, has_part: bool
    ) -> RankAnswer:
        """This rank's part of an operation, whose number is greater than those before.

        Raises where ranks were at work together: then the ranks must be ended.
        """
        assert self.engine is not None
        started = time.perf_counter()

        def check() -> None:
            if self.cancelled >= operation:
                raise CancelledError()

        try:
            result, error = self._try(kind, name, body, has_part, check)
        finally:
            seconds = time.perf_counter() - started
            self.engine.group.clock.busy += seconds
        return RankAnswer(result, error, seconds)

    def _try(
        self, kind: str, name: str, body: DialectModel, has_part: bool, check: Check
    ) -> tuple[dict | None, RankError | None]:
        """The result or the error of an operation with which all can go on; raises others."""
        assert self.engine is not None
        is_alone = False
        try:
            if kind in SPLIT and not self.engine.is_in_step(kind, name, body):
                self.engine.prepare(name, body)
                is_alone = True
                if not has_part:
                    return {}, None
            return self.engine.run(kind, name, body, check), None
        except EngineError as error:
            return None, RankError(error.code, error.message)
        except Exception as error:
            # Alone a rank may run out of memory and go on; what is done together has no way back.
            if not is_alone or not is_out_of_memory(error):
                raise
            found = to_engine_error(error)
            return None, RankError(found.code, found.message)
