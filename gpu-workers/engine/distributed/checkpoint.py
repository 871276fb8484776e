"""Saved states of sharded models, by torch Distributed Checkpoint (DCP).

A folder holds state.json, `__RANK_0.distcp` with each rank's rows and `.metadata` with their
places, so any number of ranks reads it, also one process. The metadata are a pickle, which could
run code: only the classes that DCP writes are read.
"""

import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from ..errors import EngineError
from ..training.saved_state import (
    SHARDED_FORMAT,
    build_write_error,
    check_stored_shapes,
    explain_damage,
)
from ..training.trainable import Trainable
from .sharded_trainable import ShardedTrainable

T = TypeVar("T", bound=Tensor)
# Names by which tensors lie in the files: what they are, then the tensor's own name.
VALUES, MOMENT1, MOMENT2, GRADIENT = "values", "moment1", "moment2", "gradient"
METADATA = ".metadata"
SAFE_MODULES = ("torch.distributed.checkpoint.", "torch.distributed._shard.")
SAFE_CLASSES = {
    ("torch", "Size"),
    ("torch", "device"),
    ("torch.serialization", "_get_layout"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),
    ("collections", "OrderedDict"),
    ("builtins", "set"),
}


class _MetadataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        is_dtype = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if module.startswith(SAFE_MODULES) or is_dtype or (module, name) in SAFE_CLASSES:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong there")


class StateReader(FileSystemReader):
    """DCP's reader, which builds no objects but DCP's own."""

    def read_metadata(self, *args, **kwargs) -> Metadata:
        with open(Path(self.path) / METADATA, "rb") as file:
            metadata = _MetadataUnpickler(file).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError("it is no metadata of torch Distributed Checkpoint")
        return metadata


def get_snapshot_key(index: int) -> str:
    return f"snapshot-{index}"


def list_keys(state: dict) -> list[str]:
    """What a saved state holds of every tensor, by its state.json."""
    gradient = [GRADIENT] if state["gradient"] else []
    snapshots = [get_snapshot_key(i) for i in range(len(state["snapshots"]))]
    return [VALUES, MOMENT1, MOMENT2, *gradient, *snapshots]


def describe_failures(error: CheckpointException) -> str:
    """The first rank's failure: the exception's own text holds the traces of all."""
    rank, (failure, _) = next(iter(error.failures.items()))
    return f"rank {rank}: {failure}"


def name_tensors(
    vectors: dict[str, Tensor], split: Callable[[Tensor], Mapping[str, T]]
) -> dict[str, T]:
    """The tensors that `split` finds in flat vectors, by their names in the files."""
    return {
        f"{key}.{name}": tensor
        for key, vector in vectors.items()
        for name, tensor in split(vector).items()
    }


@contextmanager
def explain_unreadable(folder: Path) -> Iterator[None]:
    """Raises `invalid-input` where DCP cannot read a folder; it fails on all ranks alike."""
    try:
        yield
    except CheckpointException as error:
        raise EngineError(
            "invalid-input",
            f"The saved state {folder.name} is damaged: {describe_failures(error)}",
        ) from error


def write_shards(trainable: ShardedTrainable, path: Path) -> None:
    """Writes this rank's files into a folder that all ranks see; all ranks take part."""
    vectors = {VALUES: trainable.values, MOMENT1: trainable.moment1, MOMENT2: trainable.moment2}
    if trainable.gradient is not None:
        vectors[GRADIENT] = trainable.gradient
    for i, values in enumerate(trainable.snapshots.values()):
        vectors[get_snapshot_key(i)] = values
    state = name_tensors(vectors, trainable.wrap_rows)
    try:
        save(
            state,
            storage_writer=FileSystemWriter(path, sync_files=True),
            process_group=trainable.group.files_group,
        )
    except CheckpointException as error:  # raised on all ranks alike
        raise build_write_error(path, OSError(describe_failures(error))) from error


def describe_state(trainable: Trainable, spec: dict, digest: str) -> dict:
    """state.json of a saved state in shards."""
    return {
        "format": SHARDED_FORMAT,
        "step": trainable.step,
        **spec,
        "hash": digest,
        "snapshots": list(trainable.snapshots),
        "gradient": trainable.gradient is not None,
    }


def check_shards(trainable: Trainable, folder: Path, state: dict) -> None:
    """Raises where a folder lacks files, or holds other tensors than the model's."""
    with explain_damage(folder):
        metadata = StateReader(folder).read_metadata()
        for place in (metadata.storage_data or {}).values():
            (folder / place.relative_path).stat()
    found = {
        name: tuple(tensor.size)
        for name, tensor in metadata.state_dict_metadata.items()
        if isinstance(tensor, TensorStorageMetadata)
    }
    wanted = {f"{k}.{n}": shape for k in list_keys(state) for n, shape in trainable.shapes.items()}
    check_stored_shapes(found, wanted)


def read_shards(trainable: ShardedTrainable, folder: Path, state: dict) -> dict[str, Tensor]:
    """This rank's flat vectors by key, from a folder of any number of ranks; all take part.

    `check_shards` must have passed on every rank.
    """
    keys = list_keys(state)
    on_device = (VALUES, GRADIENT)
    vectors = {
        key: torch.empty_like(trainable.values)
        if key in on_device
        else trainable.allocate_offloaded()
        for key in keys
    }
    wanted = name_tensors(vectors, trainable.wrap_rows)
    with explain_unreadable(folder):
        load(
            wanted,
            storage_reader=StateReader(folder),
            process_group=trainable.group.files_group,
        )
    for key, vector in vectors.items():
        for name, rows in trainable.tensors(vector).items():
            rows.copy_(wanted[f"{key}.{name}"].to_local())
    return vectors


def read_shards_whole(trainable: Trainable, folder: Path, state: dict) -> dict[str, Tensor]:
    """The same for one process, whose flat vectors hold everything."""
    check_shards(trainable, folder, state)
    keys = list_keys(state)
    vectors = {key: torch.empty(trainable.size) for key in keys}
    wanted = name_tensors(vectors, trainable.tensors)
    with explain_unreadable(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is one process, which is meant
        load(wanted, storage_reader=StateReader(folder), no_dist=True)
    return vectors
