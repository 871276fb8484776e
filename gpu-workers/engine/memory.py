"""The process' memory: how much there is, how much is held, and giving freed memory back."""

import ctypes
import os
import resource
import sys
from pathlib import Path

import torch


def get_memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def get_resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return get_peak_resident_bytes()


def get_peak_resident_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def get_device_memory_bytes() -> int:
    """Of the accelerator that the engine computes on; 0 where there is none."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return torch.mps.recommended_max_memory() if torch.backends.mps.is_available() else 0


def get_device_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.memory_allocated()
    return torch.mps.current_allocated_memory() if torch.backends.mps.is_available() else 0


def get_peak_device_bytes() -> int:
    """Most that tensors took on the accelerator so far (on Apple's: take now, for want of a record)."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else get_device_bytes()


def is_out_of_memory(error: BaseException) -> bool:
    """Torch's allocator for the CPU has no error class of its own."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def empty_cache() -> None:
    """Gives freed memory back to the machine. The allocator keeps it otherwise (process.ts says so, because a step
    frees and takes gigabytes), and the holes that a grown cache or a deleted model leaves would only add up."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        pass  # not glibc: its allocator gives memory back by itself
