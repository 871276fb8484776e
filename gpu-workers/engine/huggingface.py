"""Weights in the folders of other libraries: PEFT's adapters, transformers' models."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from . import value_head
from .dialect import LoraConfig
from .errors import EngineError
from .full_finetuning import FullFinetuning
from .llama import ARCHITECTURES, FUSED, Llama, get_block_name, get_column_range, load_llama
from .lora import Lora
from .model import Model
from .saved_state import write_folder

PEFT_PREFIX = "base_model.model."
GLOBAL_STEP = re.compile(r"global_step_(\d+)$")


def find_folder(folder: Path, role: str) -> Path:
    """The folder that holds the weights.

    That is the given one, or in a folder of verl's (verl_checkpoints/EXPERIMENT with actor and
    critic, or one of these) the last global_step_N. `role`: actor or critic.
    """
    if any((folder / name).exists() for name in ("config.json", "adapter_config.json")):
        return folder
    for place in (folder / role, folder):
        steps = [
            (int(m.group(1)), p)
            for p in place.glob("global_step_*")
            if (m := GLOBAL_STEP.search(p.name))
        ]
        if steps:
            return max(steps)[1]
    return folder


def collect_weights(llama: Llama, with_head: bool) -> dict[str, Tensor]:
    """All weights by transformers' names, matrices as [out, in]."""
    c = llama.config
    found = {"model.embed_tokens.weight": llama.embedding, "model.norm.weight": llama.norm}
    if with_head and llama.head is not llama.embedding:
        found["lm_head.weight"] = llama.head
    for i, layer in enumerate(llama.layers):
        prefix = f"model.layers.{i}."
        found[prefix + "input_layernorm.weight"] = layer.norm1
        found[prefix + "post_attention_layernorm.weight"] = layer.norm2
        for target, fused in FUSED.items():
            low, high = get_column_range(target, c)
            name = f"{prefix}{get_block_name(target)}.{target}"
            found[name + ".weight"] = getattr(layer, fused)[:, low:high].t()
            bias = getattr(layer, fused + "_bias", None)
            if bias is not None:
                found[name + ".bias"] = bias[low:high]
    return found


def export_weights(model: Model, path: Path, merged: bool) -> dict:
    """Writes a folder that other libraries load; returns its files and the hash of the weights.

    An adapter alone is written for PEFT. Whole weights (full fine-tuning, or the adapter merged
    into the base) are written for transformers, with the base's tokenizer. A value model becomes a
    token classifier with one label.
    """
    tuning = model.require_tuning()
    if merged or isinstance(tuning, FullFinetuning):
        files = build_full_export(model)
    else:
        files = build_adapter_export(model, tuning.config)
    write_folder(path, files)
    return {"hash": model.require_trainable().hash(), "files": sorted(files)}


def build_full_export(model: Model) -> dict:
    """Files of a transformers folder by name, for `write_folder`."""
    trainable = model.require_trainable()
    tensors = trainable.tensors(trainable.values)
    is_value_model = model.head == "value"
    llama = model.merged()
    if isinstance(model.tuning, FullFinetuning):
        # In float32, as they are kept, so that nothing is lost when they are imported again.
        llama = model.tuning.build_float32_model(tensors)
    weights = collect_weights(llama, not is_value_model)
    if is_value_model:
        weights |= {name: tensors[name] for name in value_head.get_shapes(llama.config)}
    weights = {name: t.to(llama.norm.dtype) for name, t in weights.items()}
    folder = model.base.folder
    config = json.loads((folder / "config.json").read_text())
    config.pop("torch_dtype", None)
    config["dtype"] = str(llama.norm.dtype).removeprefix("torch.")
    if is_value_model:
        architecture = ARCHITECTURES[config["model_type"]].replace(
            "ForCausalLM", "ForTokenClassification"
        )
        config |= {
            "architectures": [architecture],
            "id2label": {"0": "value"},
            "label2id": {"value": 0},
        }
    kept = [
        p
        for p in folder.iterdir()
        if p.is_file()
        and p.suffix in (".json", ".txt", ".jinja", ".model")
        and not p.name.endswith(".index.json")
    ]
    return {p.name: p for p in kept} | {"config.json": config, "model.safetensors": weights}


def build_adapter_export(model: Model, c: LoraConfig) -> dict:
    """Files of a PEFT folder by name, for `write_folder`."""
    trainable = model.require_trainable()
    is_value_model = model.head == "value"
    config = {
        "peft_type": "LORA",
        "task_type": "TOKEN_CLS" if is_value_model else "CAUSAL_LM",
        "base_model_name_or_path": model.base.folder.name,
        "r": c.rank,
        "lora_alpha": c.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(c.targets),
        "layers_to_transform": list(range(c.firstLayer, model.base.model.config.layers)),
        "layers_pattern": "layers",
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
        "modules_to_save": ["score"] if is_value_model else None,
    }
    tensors = {to_peft_name(name): t for name, t in trainable.tensors(trainable.values).items()}
    return {"adapter_model.safetensors": tensors, "adapter_config.json": config}


def to_peft_name(name: str) -> str:
    """Name of a trained tensor as PEFT writes it."""
    return name if name.startswith(PEFT_PREFIX) else PEFT_PREFIX + name


def read_weights(model: Model, path: Path) -> Tensor:
    """Values [size] of the trained tensors, from a folder of PEFT or transformers.

    Raises an EngineError where the folder does not fit the model.
    """
    folder = find_folder(path, "critic" if model.head == "value" else "actor")
    is_adapter = (folder / "adapter_config.json").exists()
    if not is_adapter and not (folder / "config.json").exists():
        raise EngineError(
            "not-found",
            f"{path} holds neither adapter_config.json nor config.json: it is no folder of PEFT or "
            "transformers.",
        )
    tuning = model.require_tuning()
    if is_adapter and isinstance(tuning, Lora):
        tensors = read_adapter(model, tuning, folder)
    elif not is_adapter and isinstance(tuning, FullFinetuning):
        tensors = read_full_weights(model, tuning, folder)
    else:
        found, remedy = "whole weights", "with this folder as its base, or with full"
        if is_adapter:
            found, remedy = "an adapter", "with lora"
        raise EngineError(
            "invalid-input",
            f"{folder.name} holds {found}, which this model does not train: create the model "
            f"{remedy}.",
        )
    parts = [tensors[p.name].float().reshape(-1) for p in model.require_trainable().layout]
    return torch.cat([p.to(model.base.model.embedding.device) for p in parts])


def read_tensors(folder: Path, pattern: str) -> dict[str, Tensor]:
    """All tensors of the safetensors files that match."""
    found = {}
    for path in sorted(folder.glob(pattern)):
        found |= load_file(str(path))
    return found


def read_adapter(model: Model, tuning: Lora, folder: Path) -> dict[str, Tensor]:
    """The factors of a PEFT folder by name; raises where its settings or shapes do not fit."""
    raw = json.loads((folder / "adapter_config.json").read_text())
    unsupported = {
        f"peft_type {raw.get('peft_type')}": raw.get("peft_type") != "LORA",
        "use_dora": bool(raw.get("use_dora")),
        f"bias {raw.get('bias')}": raw.get("bias", "none") != "none",
        "rank_pattern": bool(raw.get("rank_pattern")),
        "alpha_pattern": bool(raw.get("alpha_pattern")),
        "fan_in_fan_out": bool(raw.get("fan_in_fan_out")),
    }
    bad = [name for name, present in unsupported.items() if present]
    if bad:
        raise EngineError(
            "unsupported",
            f"The adapter in {folder.name} uses {', '.join(bad)}, which the engine does not "
            "compute.",
        )
    stored = read_tensors(folder, "adapter_model.safetensors")
    layout = model.require_trainable().layout
    wanted = {to_peft_name(p.name): p for p in layout}
    wrong = [
        n for n, p in wanted.items() if n not in stored or tuple(stored[n].shape) != p.shape
    ] + [n for n in stored if n not in wanted]
    if wrong:
        c = tuning.config
        raise EngineError(
            "invalid-input",
            f"The adapter in {folder.name} (rank {raw.get('r')}, targets "
            f"{raw.get('target_modules')}, layers {raw.get('layers_to_transform') or 'all'}) "
            f"does not fit this model (rank {c.rank}, targets {c.targets}, layers from "
            f"{c.firstLayer}): {wrong[0]} is the first of {len(wrong)} tensors that differ. "
            "Create the model with the adapter's numbers.",
        )
    rank = raw["r"]
    scale = raw["lora_alpha"] / (rank**0.5 if raw.get("use_rslora") else rank)
    return tuning.rescale({p.name: stored[n] for n, p in wanted.items()}, scale)


def read_full_weights(model: Model, tuning: FullFinetuning, folder: Path) -> dict[str, Tensor]:
    """The trained tensors of a transformers folder by name, with the value head of a critic."""
    base = model.base.model
    other = load_llama(folder, torch.float32, base.embedding.device)
    tensors = tuning.extract_trained(other, folder.name)
    if model.head == "value":
        stored = read_tensors(folder, "*.safetensors")
        for name, shape in value_head.get_shapes(base.config).items():
            if name not in stored or tuple(stored[name].shape) != shape:
                raise EngineError(
                    "invalid-input",
                    f"{folder.name} holds no value head ({name} {list(shape)}): to begin a "
                    "critic from a language model, create it with that folder as its base.",
                )
            tensors[name] = stored[name]
    return tensors
