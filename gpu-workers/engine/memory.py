"""Memory of the machine, of this process and of the accelerator, in bytes."""

import contextlib
import ctypes
import os
import resource
import sys
from pathlib import Path

import torch


def get_memory_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def get_resident_bytes() -> int:
    """Memory that this process holds now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return get_peak_resident_bytes()


def get_peak_resident_bytes() -> int:
    """Most memory that this process held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def get_device_memory_bytes() -> int:
    """Memory of the accelerator; 0 where there is none."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return torch.mps.recommended_max_memory() if torch.backends.mps.is_available() else 0


def get_device_bytes() -> int:
    """Memory that tensors take on the accelerator now."""
    if torch.cuda.is_available():
        return torch.cuda.memory_allocated()
    return torch.mps.current_allocated_memory() if torch.backends.mps.is_available() else 0


def get_peak_device_bytes() -> int:
    """Most memory that tensors took on the accelerator so far; MPS keeps no record: now."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else get_device_bytes()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed. Torch's CPU allocator has no error class of its own."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def empty_cache() -> None:
    """Returns freed memory to the system.

    The allocator keeps it (llm/engine/process.ts tells it to, because a step frees and allocates
    gigabytes), so the gaps that a grown cache or a deleted model leaves would only add up.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    # Another C library than glibc has no malloc_trim, and returns memory by itself.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
