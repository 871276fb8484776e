"""Where and in which number format the engine computes, decided by what the machine does well."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Device:
    """What the engine computes on, and in which number format."""

    kind: str  # cpu, cuda or mps
    name: str
    dtype: torch.dtype  # of the frozen weights and the activations; adapters are always float32
    threads: int
    bf16: bool  # bfloat16 products in hardware

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.kind)

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def count_physical_cores() -> int:
    """Cores that this process may use, hyper-threads counted once."""
    allowed = (
        os.sched_getaffinity(0)
        if hasattr(os, "sched_getaffinity")
        else set(range(os.cpu_count() or 1))
    )
    cores = set()
    for cpu in allowed:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            cores.add(
                ((topology / "physical_package_id").read_text(), (topology / "core_id").read_text())
            )
        except OSError:
            cores.add(cpu)
    return max(1, len(cores))


def count_threads() -> int:
    """Threads of one operation: OMP_NUM_THREADS where it is a number, else the physical cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else count_physical_cores()


def has_cpu_bf16() -> bool:
    """Whether the CPU has avx512_bf16 or AMX.

    Without them bfloat16 on a CPU is several times slower than float32.
    """
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    avx = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return bool(amx or avx)


def read_cpu_name() -> str:
    """The CPU's model name, or its architecture where the system does not say."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def choose_device(
    kind: str | None = None, dtype: str | None = None, threads: int | None = None
) -> Device:
    """Picks device and dtype, and fixes the number of torch threads.

    What is given as an argument is not chosen.
    """
    if kind is None:
        kind = (
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    threads = threads or count_threads()
    torch.set_num_threads(threads)
    if kind == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        chosen, name = (torch.bfloat16 if bf16 else torch.float32), torch.cuda.get_device_name()
    elif kind == "mps":
        bf16, chosen, name = False, torch.float32, "Apple GPU"
    else:
        bf16 = has_cpu_bf16()
        chosen, name = (torch.bfloat16 if bf16 else torch.float32), read_cpu_name()
    if dtype is not None:
        chosen = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[
            dtype
        ]
    torch.backends.cuda.matmul.allow_tf32 = False
    return Device(kind, name, chosen, threads, bf16)
