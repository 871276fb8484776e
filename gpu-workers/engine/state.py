"""Checkpoints and exports: folders that appear whole or not at all."""

import errno
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .errors import EngineError
from .lora import Adapter
from .schema import LoraConfig

FORMAT = 1


def write_folder(target: Path, files: dict[str, dict[str, torch.Tensor] | dict]) -> int:
    """Writes tensors (*.safetensors) and JSON beside the target and renames; a failure leaves the old folder as it was."""
    target = target.absolute()
    building, previous = target.with_name(target.name + ".partial"), target.with_name(target.name + ".previous")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        for name, content in files.items():
            path = building / name
            if name.endswith(".json"):
                path.write_text(json.dumps(content, indent=2, sort_keys=True))
            else:
                save_file({k: v.detach().cpu().contiguous() for k, v in content.items()}, str(path), metadata={"format": "pt"})
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
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        if full:
            raise EngineError("storage-full", f"There is no space left to write {target.name}; the last complete one is unchanged. Free some space.") from error
        raise EngineError("internal", f"{target.name} could not be written: {error}") from error


def adapter_tensors(adapter: Adapter, values: torch.Tensor) -> dict[str, torch.Tensor]:
    return {f.name: t for f, t in zip(adapter.layout, adapter.factors(values))}


def save_state(adapter: Adapter, path: str) -> dict:
    """Adapter, optimiser, gradient in progress, step and snapshots. Sampling has no state: every call brings its seed."""
    optimiser = {"moment1": adapter.moment1, "moment2": adapter.moment2}
    if adapter.gradient is not None:
        optimiser["gradient"] = adapter.gradient
    files = {
        "adapter.safetensors": adapter_tensors(adapter, adapter.values),
        "optimiser.safetensors": optimiser,
        "state.json": {"format": FORMAT, "step": adapter.step, "lora": adapter.config.model_dump(), "hash": adapter.hash(), "snapshots": list(adapter.snapshots)},
    }
    for i, values in enumerate(adapter.snapshots.values()):
        files[f"snapshot-{i}.safetensors"] = {"values": values}
    size = write_folder(Path(path), files)
    return {"step": adapter.step, "hash": adapter.hash(), "bytes": size}


def load_state(adapter: Adapter, path: str) -> dict:
    """Takes over what save_state wrote; refuses another shape of adapter and damaged files, and then changes nothing."""
    folder = Path(path)
    if not folder.exists() and folder.with_name(folder.name + ".previous").exists():
        folder = folder.with_name(folder.name + ".previous")
    try:
        state = json.loads((folder / "state.json").read_text())
        tensors = load_file(str(folder / "adapter.safetensors"))
        optimiser = load_file(str(folder / "optimiser.safetensors"))
        snapshots = {
            name: load_file(str(folder / f"snapshot-{i}.safetensors"))["values"] for i, name in enumerate(state["snapshots"])
        }
    except FileNotFoundError as error:
        raise EngineError("not-found", f"There is no saved state at {folder.name}: {error.filename or error} is missing.") from error
    except Exception as error:
        raise EngineError("invalid-input", f"The saved state {folder.name} is damaged: {error}") from error
    saved = LoraConfig(**state["lora"])
    if state["format"] != FORMAT or saved != adapter.config:
        raise EngineError("invalid-input", f"The saved state is of another adapter ({saved}); this model has {adapter.config}.")
    if any(f.name not in tensors or tuple(tensors[f.name].shape) != f.shape for f in adapter.layout):
        raise EngineError("invalid-input", "The saved state is of another base model: its tensors have other names or shapes.")
    device = adapter.values.device
    values = torch.cat([tensors[f.name].reshape(-1) for f in adapter.layout]).to(device)
    before = adapter.values
    adapter.values = values
    if adapter.hash() != state["hash"]:
        adapter.values = before
        raise EngineError("invalid-input", f"The saved state {folder.name} is damaged: its weights do not match their hash.")
    adapter.moment1, adapter.moment2 = optimiser["moment1"].to(device), optimiser["moment2"].to(device)
    gradient = optimiser.get("gradient")
    adapter.gradient = None if gradient is None else gradient.to(device)
    adapter.step = state["step"]
    adapter.snapshots = {name: v.to(device) for name, v in snapshots.items()}
    adapter.changed()
    return {"step": adapter.step, "hash": adapter.hash(), "bytes": sum(p.stat().st_size for p in folder.iterdir())}


def export(adapter: Adapter, base: str, path: str) -> dict:
    """A folder that PEFT loads: adapter_model.safetensors and adapter_config.json."""
    c = adapter.config
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": c.rank,
        "lora_alpha": c.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(c.targets),
        "layers_to_transform": list(range(c.firstLayer, adapter.model.config.layers)),
        "layers_pattern": "layers",
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
        "modules_to_save": None,
    }
    files = {"adapter_model.safetensors": adapter_tensors(adapter, adapter.values), "adapter_config.json": config}
    write_folder(Path(path), files)
    return {"hash": adapter.hash(), "files": sorted(files)}
