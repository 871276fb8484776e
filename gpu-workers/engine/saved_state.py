"""Saved states: folders that appear whole or not at all."""

import errno
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .errors import EngineError
from .trainable import Trainable

FORMAT = 1


def write_folder(target: Path, files: dict[str, dict[str, torch.Tensor] | dict | Path]) -> int:
    """Writes a folder under another name and renames it; a failure leaves the old one as it was.

    `files`: tensors for *.safetensors, a dictionary for *.json, a path for a file to copy. Returns
    the bytes written; raises `storage-full` or `internal`.
    """
    target = target.absolute()
    building, previous = (
        target.with_name(target.name + ".partial"),
        target.with_name(target.name + ".previous"),
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        for name, content in files.items():
            path = building / name
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            elif name.endswith(".json"):
                path.write_text(json.dumps(content, indent=2, sort_keys=True))
            else:
                save_file(
                    {k: v.detach().cpu().contiguous() for k, v in content.items()},
                    str(path),
                    metadata={"format": "pt"},
                )
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())
        size = sum(p.stat().st_size for p in building.iterdir())
        shutil.rmtree(previous, ignore_errors=True)
        if target.exists():
            target.rename(previous)
        building.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
        return size
    except Exception as error:
        shutil.rmtree(building, ignore_errors=True)
        full = getattr(error, "errno", None) in (
            errno.ENOSPC,
            errno.EDQUOT,
        ) or "No space left" in str(error)
        if full:
            raise EngineError(
                "storage-full",
                f"There is no space left to write {target.name}; the last complete one is "
                "unchanged. Free some space.",
            ) from error
        raise EngineError("internal", f"{target.name} could not be written: {error}") from error


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


def load_state(trainable: Trainable, spec: dict, path: str) -> dict:
    """Loads what `save_state` wrote.

    Raises `not-found` or `invalid-input`, and then changes nothing, where the state has other
    trained tensors or is damaged.
    """
    folder = Path(path)
    if not folder.exists() and folder.with_name(folder.name + ".previous").exists():
        folder = folder.with_name(folder.name + ".previous")
    try:
        state = json.loads((folder / "state.json").read_text())
        saved = {
            "lora": state.get("lora"),
            "full": state.get("full"),
            "head": state.get("head", "language"),
        }
        tensors = load_file(str(folder / get_weights_file(saved)))
        optimiser = load_file(str(folder / "optimiser.safetensors"))
        snapshots = {
            name: load_file(str(folder / f"snapshot-{i}.safetensors"))["values"]
            for i, name in enumerate(state["snapshots"])
        }
    except FileNotFoundError as error:
        raise EngineError(
            "not-found",
            f"There is no saved state at {folder.name}: {error.filename or error} is missing.",
        ) from error
    except Exception as error:
        raise EngineError(
            "invalid-input", f"The saved state {folder.name} is damaged: {error}"
        ) from error
    if state["format"] != FORMAT or saved != spec:
        raise EngineError(
            "invalid-input",
            f"The saved state is of another kind of model ({saved}); this one is {spec}.",
        )
    if any(
        p.name not in tensors or tuple(tensors[p.name].shape) != p.shape for p in trainable.layout
    ):
        raise EngineError(
            "invalid-input",
            "The saved state is of another base model, or its factors lie on other linear maps: "
            "its tensors have other names or shapes.",
        )
    device = trainable.values.device
    values = torch.cat([tensors[p.name].reshape(-1) for p in trainable.layout]).to(device)
    before = trainable.values
    trainable.values = values
    if trainable.hash() != state["hash"]:
        trainable.values = before
        raise EngineError(
            "invalid-input",
            f"The saved state {folder.name} is damaged: its weights do not match their hash.",
        )
    trainable.moment1, trainable.moment2 = (
        optimiser["moment1"].to(device),
        optimiser["moment2"].to(device),
    )
    gradient = optimiser.get("gradient")
    trainable.gradient = None if gradient is None else gradient.to(device)
    trainable.step = state["step"]
    trainable.snapshots = {name: v.to(device) for name, v in snapshots.items()}
    trainable.mark_changed()
    return {
        "step": trainable.step,
        "hash": trainable.hash(),
        "bytes": sum(p.stat().st_size for p in folder.iterdir()),
    }
