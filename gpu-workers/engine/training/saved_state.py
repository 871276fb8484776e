"""Saved states: folders that appear whole or not at all."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import EngineError
from .trainable import Trainable

#: Of one process, in safetensors.
FORMAT = 1
#: Of several ranks, each with files of its own (distributed/checkpoint.py).
SHARDED_FORMAT = 2
# In a folder whose weights are at a Tinker service: where they are there.
SERVICE_FILE = "tinker.json"


def build_write_error(target: Path, error: Exception) -> EngineError:
    """`storage-full` where the disk is full, else `internal`."""
    full = getattr(error, "errno", None) in (
        errno.ENOSPC,
        errno.EDQUOT,
    ) or "No space left" in str(error)
    if full:
        return EngineError(
            "storage-full",
            f"There is no space left to write {target.name}; the last complete one is "
            "unchanged. Free some space.",
        )
    return EngineError("internal", f"{target.name} could not be written: {error}")


def get_partial_folder(target: Path) -> Path:
    """Where a folder is written before it takes its place."""
    return target.with_name(target.name + ".partial")


def begin_folder(target: Path) -> Path:
    """Makes the empty partial folder of `target`."""
    building = get_partial_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    return building


def end_folder(target: Path) -> int:
    """Puts the partial folder in the place of `target`; returns its bytes."""
    building = get_partial_folder(target)
    previous = target.with_name(target.name + ".previous")
    size = sum(p.stat().st_size for p in building.iterdir())
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    building.rename(target)
    shutil.rmtree(previous, ignore_errors=True)
    return size


@contextmanager
def drop_partial_folder(target: Path) -> Iterator[None]:
    """A failure within leaves the old folder as it was; raises `storage-full` or `internal`."""
    try:
        yield
    except Exception as error:
        shutil.rmtree(get_partial_folder(target), ignore_errors=True)
        raise build_write_error(target, error) from error


def write_folder(target: Path, files: dict[str, dict[str, torch.Tensor] | dict | Path]) -> int:
    """Writes a folder under another name and renames it; a failure leaves the old one as it was.

    `files`: tensors for *.safetensors, a dictionary for *.json, a path for a file to copy. Returns
    the bytes written; raises `storage-full` or `internal`.
    """
    target = target.absolute()
    with drop_partial_folder(target):
        building = begin_folder(target)
        for name, content in files.items():
            write_file(building / name, content)
        return end_folder(target)


def write_file(path: Path, content: dict[str, torch.Tensor] | dict | Path) -> None:
    """Writes a file of a folder and waits until the disk has it."""
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    elif path.name.endswith(".json"):
        path.write_text(json.dumps(content, indent=2, sort_keys=True))
    else:
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in content.items()},
            str(path),
            metadata={"format": "pt"},
        )
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def get_weights_file(spec: dict) -> str:
    return "adapter.safetensors" if spec["lora"] else "weights.safetensors"


def save_state(trainable: Trainable, spec: dict, path: str) -> dict:
    """Saves trained weights, optimiser, gradient in progress, step and snapshots.

    Sampling has no state: every call brings its seed. `spec` is `Model.spec`.
    """
    optimiser = {"moment1": trainable.moment1, "moment2": trainable.moment2}
    if trainable.gradient is not None:
        optimiser["gradient"] = trainable.gradient
    digest = trainable.hash()
    files = {
        get_weights_file(spec): trainable.tensors(trainable.values),
        "optimiser.safetensors": optimiser,
        "state.json": {
            "format": FORMAT,
            "step": trainable.step,
            **spec,
            "hash": digest,
            "snapshots": list(trainable.snapshots),
        },
    }
    for i, values in enumerate(trainable.snapshots.values()):
        files[f"snapshot-{i}.safetensors"] = {"values": values}
    size = write_folder(Path(path), files)
    return {"step": trainable.step, "hash": digest, "bytes": size}


def find_state(path: str) -> Path:
    """The folder of a saved state; the one before where a write was interrupted."""
    folder = Path(path)
    previous = folder.with_name(folder.name + ".previous")
    return previous if not folder.exists() and previous.exists() else folder


@contextmanager
def explain_damage(folder: Path) -> Iterator[None]:
    """Raises `not-found` where a file of a saved state is missing, `invalid-input` for damage."""
    try:
        yield
    except EngineError:
        raise
    except FileNotFoundError as error:
        raise EngineError(
            "not-found",
            f"There is no saved state at {folder.name}: {error.filename or error} is missing.",
        ) from error
    except Exception as error:
        raise EngineError(
            "invalid-input", f"The saved state {folder.name} is damaged: {error}"
        ) from error


def read_state(folder: Path, spec: dict) -> dict:
    """state.json of a folder; raises where it is of another kind of model than `spec`."""
    with explain_damage(folder):
        if (folder / SERVICE_FILE).exists():
            raise EngineError(
                "unsupported",
                f"The weights of {folder.name} are at a Tinker service: go on with it on a worker "
                "with --tinker-url; to export it, set S3_TINKER_URL.",
            )
        state = json.loads((folder / "state.json").read_text())
        saved = {
            "lora": state.get("lora"),
            "full": state.get("full"),
            "head": state.get("head", "language"),
        }
        if state["format"] not in (FORMAT, SHARDED_FORMAT) or saved != spec:
            raise EngineError(
                "invalid-input",
                f"The saved state is of another kind of model ({saved}); this one is {spec}.",
            )
        return state


def check_stored_shapes(
    found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]
) -> None:
    """Raises `invalid-input` where a saved state lacks a tensor or holds it in another shape."""
    if any(found.get(name) != shape for name, shape in wanted.items()):
        raise EngineError(
            "invalid-input",
            "The saved state is of another base model, or its factors lie on other linear maps: "
            "its tensors have other names or shapes.",
        )


def read_whole_state(trainable: Trainable, spec: dict, folder: Path, state: dict) -> dict:
    """The flat vectors of a state that one process saved, by name; see `apply_state`."""
    with explain_damage(folder):
        tensors = load_file(str(folder / get_weights_file(spec)))
        found = load_file(str(folder / "optimiser.safetensors"))
        for i in range(len(state["snapshots"])):
            path = str(folder / f"snapshot-{i}.safetensors")
            found[f"snapshot-{i}"] = load_file(path)["values"]
    check_stored_shapes({n: tuple(t.shape) for n, t in tensors.items()}, trainable.shapes)
    found["values"] = torch.cat([tensors[name].reshape(-1) for name in trainable.shapes])
    return {name: trainable.take_held(vector) for name, vector in found.items()}


def apply_state(trainable: Trainable, folder: Path, state: dict, vectors: dict) -> dict:
    """Takes over flat vectors "values", "moment1", "moment2", perhaps "gradient", "snapshot-I".

    Raises `invalid-input`, and then changes nothing, where the values do not match their hash.
    """
    device = trainable.values.device
    before = trainable.values
    trainable.values = vectors["values"].to(device)
    digest = trainable.hash()
    is_damaged = digest not in (state["hash"], "")
    if trainable.find_first(0 if is_damaged else None) is not None:
        trainable.values = before
        raise EngineError(
            "invalid-input",
            f"The saved state {folder.name} is damaged: its weights do not match their hash.",
        )
    trainable.moment1 = trainable.move_to_offload_device(vectors["moment1"])
    trainable.moment2 = trainable.move_to_offload_device(vectors["moment2"])
    gradient: Tensor | None = vectors.get("gradient")
    trainable.gradient = None if gradient is None else gradient.to(device)
    trainable.step = state["step"]
    trainable.snapshots = {
        name: trainable.move_to_offload_device(vectors[f"snapshot-{i}"])
        for i, name in enumerate(state["snapshots"])
    }
    trainable.mark_changed()
    return {
        "step": trainable.step,
        "hash": digest,
        "bytes": sum(p.stat().st_size for p in folder.iterdir()),
    }


def load_state(trainable: Trainable, spec: dict, path: str) -> dict:
    """Loads what `save_state` wrote, or the ranks of a distributed engine.

    Raises `not-found` or `invalid-input`, and then changes nothing, where the state has other
    trained tensors or is damaged.
    """
    folder = find_state(path)
    state = read_state(folder, spec)
    if state["format"] == SHARDED_FORMAT:
        from ..distributed.checkpoint import read_shards_whole

        vectors = read_shards_whole(trainable, folder, state)
    else:
        vectors = read_whole_state(trainable, spec, folder, state)
    return apply_state(trainable, folder, state, vectors)
