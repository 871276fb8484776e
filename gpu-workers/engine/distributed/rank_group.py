"""The ranks of a model's process group: what they agree on, and how long they take for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp._fully_shard._fsdp_collectives import (
    DefaultAllGather,
    DefaultReduceScatter,
)
from torch.distributed.tensor import DTensor, Shard

# How long ranks wait for each other where they write or read files, whose disks may differ much in
# speed.
FILES_LIMIT = timedelta(minutes=60)


@dataclass
class RankClock:
    """Seconds since the last `take`. What overlaps on a GPU counts as communication, too."""

    device: torch.device
    busy: float = 0.0
    communication: float = 0.0
    waiting: float = 0.0

    def __post_init__(self) -> None:
        self.events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def measure_communication(self) -> Iterator[None]:
        """Adds the time of a collective: of the device's stream on a GPU, else of this thread."""
        if self.device.type == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            yield
            end.record()
            self.events.append((start, end))
            return
        started = time.perf_counter()
        yield
        self.communication += time.perf_counter() - started

    def take(self) -> dict[str, float]:
        """What was measured, which then begins anew."""
        if self.events:
            torch.cuda.synchronize()
            self.communication += sum(a.elapsed_time(b) for a, b in self.events) / 1000
        found = {
            "computeSeconds": max(0.0, self.busy - self.communication - self.waiting),
            "communicationSeconds": self.communication,
            "waitSeconds": self.waiting,
        }
        self.events.clear()
        self.busy = self.communication = self.waiting = 0.0
        return found


class TimedAllGather(DefaultAllGather):
    """The all-gather of FSDP2 with its time."""

    def __init__(self, clock: RankClock):
        super().__init__()
        self.clock = clock

    def __call__(self, output_tensor, input_tensor, group, async_op=False):
        with self.clock.measure_communication():
            work = super().__call__(output_tensor, input_tensor, group, async_op)
            if work is not None and self.clock.device.type == "cpu":
                work.wait()
        return work


class TimedReduceScatter(DefaultReduceScatter):
    """The reduce-scatter of FSDP2 with its time."""

    def __init__(self, clock: RankClock):
        super().__init__()
        self.clock = clock

    def __call__(self, output_tensor, input_tensor, group, op, async_op=False):
        with self.clock.measure_communication():
            work = super().__call__(output_tensor, input_tensor, group, op, async_op)
            if work is not None and self.clock.device.type == "cpu":
                work.wait()
        return work


class RankGroup:
    """This rank's place among the others. What it does with them all ranks must call alike."""

    def __init__(
        self, rank: int, ranks: int, rendezvous: str, device: torch.device, limit_seconds: float
    ):
        """Joins the group; returns once all are there.

        `rendezvous`: tcp://ADDRESS:PORT, or file:///PATH of a file that is not there yet.

        `limit_seconds`: how long a rank waits for the others within a collective. Ray notices a
        process that has ended at once; this is for one that lives and does not answer, and for a
        network that is cut.
        """
        self.rank, self.ranks, self.device = rank, ranks, device
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=ranks,
            timeout=timedelta(seconds=limit_seconds),
        )
        self.mesh: DeviceMesh = init_device_mesh(device.type, (ranks,))
        # Of what lies in the machines' memory.
        self.host_mesh = self.mesh if device.type == "cpu" else init_device_mesh("cpu", (ranks,))
        files_group = dist.new_group(backend="gloo", timeout=FILES_LIMIT)
        assert isinstance(files_group, dist.ProcessGroup)  # this rank is a member
        self.files_group = files_group
        self.clock = RankClock(device)

    def find_max(self, number: int, with_files: bool = False) -> int:
        """The greatest number that any rank brings; the time until all have is waiting.

        `with_files`: a rank may come as late as FILES_LIMIT, as it reads or writes files before.
        """
        started = time.perf_counter()
        found = torch.tensor(number)
        group = self.files_group if with_files else None
        dist.all_reduce(found, op=dist.ReduceOp.MAX, group=group)
        self.clock.waiting += time.perf_counter() - started
        return int(found)

    def add(self, number: float) -> float:
        """The sum of what the ranks bring, in float64."""
        found = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(found)
        return float(found)

    def take_rows(self, whole: Tensor) -> Tensor:
        """This rank's rows of a whole tensor, as FSDP2 cuts it; there may be none."""
        chunks = torch.chunk(whole, self.ranks)
        return chunks[self.rank] if self.rank < len(chunks) else whole[:0]

    def wrap(self, local: Tensor, shape: tuple[int, ...]) -> DTensor:
        """This rank's rows `local` of a tensor [shape] that is sharded over the ranks by its
        first dimension.
        """
        stride = torch.empty(shape, device="meta").stride()
        mesh = self.host_mesh if local.device.type == "cpu" else self.mesh
        return DTensor.from_local(
            local, mesh, [Shard(0)], run_check=False, shape=torch.Size(shape), stride=stride
        )

    def gather(self, sharded: DTensor) -> Tensor:
        """The whole tensor, on every rank."""
        with torch.no_grad(), self.clock.measure_communication():
            return sharded.full_tensor()
