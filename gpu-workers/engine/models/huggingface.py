"""Weights in the folders of other libraries: PEFT's adapters, transformers' models."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..api.dialect import LoraConfig
from ..errors import EngineError
from ..training.full_finetuning import FullFinetuning
from ..training.saved_state import write_folder
from ..training.trainable import LazyTensors
from . import value_head
from .llama import ARCHITECTURES, FUSED, Llama, StoredLlama, get_block_name, get_column_range
from .lora import Lora
from .model import Model
from .model_folder import (
    find_tensors,
    list_kept_files,
    list_weight_files,
    read_json,
    read_tensor,
)
from .peft_adapter import (
    PREFIX,
    compute_scale,
    merge_factors,
    read_adapter_config,
    read_factors,
    to_module_name,
)
from .transformers_model import LibraryFullFinetuning, LibraryLora, TransformersModel
from .transformers_network import LibraryModel, load_library_model, shares_head

AnyModel = Model | TransformersModel
GLOBAL_STEP = re.compile(r"global_step_(\d+)$")
VERL_SHARD = "model_world_size_*_rank_*.pt"


def find_folder(folder: Path, role: str) -> Path:
    """The folder that holds the weights.

    That is the given one, or in a folder of verl's the last global_step_N of the role: the old
    layout is EXPERIMENT/actor/global_step_N, the new EXPERIMENT/global_step_N/actor/huggingface.
    `role`: actor or critic. Raises `unsupported` where verl left only its sharded checkpoint.
    """
    if (folder / "adapter_config.json").exists():
        return folder
    shards = [p for p in (folder, folder.parent) if any(p.glob(VERL_SHARD))]
    for place in (folder, folder / "huggingface"):
        if (place / "config.json").exists() and (not shards or any(place.glob("*.safetensors"))):
            return place
    if shards or (folder / "dist_ckpt").exists():
        source = shards[0] if shards else folder
        raise EngineError(
            "unsupported",
            f"{source} is a sharded checkpoint of verl, whose weights are not in its huggingface "
            "folder: merge it with `python -m verl.model_merger merge --backend "
            f"{'fsdp' if shards else 'megatron'} --local_dir {source} --target_dir TARGET`, then "
            "give TARGET.",
        )
    if (folder / role).is_dir():
        return find_folder(folder / role, role)
    steps = [
        (int(m.group(1)), p)
        for p in folder.glob("global_step_*")
        if (m := GLOBAL_STEP.search(p.name))
    ]
    return find_folder(max(steps)[1], role) if steps else folder


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


def export_weights(model: AnyModel, path: Path, merged: bool) -> dict:
    """Writes a folder that other libraries load; returns its files and the hash of the weights.

    An adapter alone is written for PEFT. Whole weights (full fine-tuning, or the adapter merged
    into the base) are written for transformers, with the base's tokenizer. A value model becomes a
    token classifier with one label.
    """
    tuning = model.require_tuning()
    if merged or isinstance(tuning, FullFinetuning | LibraryFullFinetuning):
        files = build_full_export(model)
    else:
        files = build_adapter_export(model, tuning.config)
    write_folder(path, files)
    return {"hash": model.require_trainable().hash(), "files": sorted(files)}


def build_full_export(model: AnyModel) -> dict:
    """Files of a transformers folder by name, for `write_folder`."""
    trainable, tuning = model.require_trainable(), model.require_tuning()
    tensors = trainable.gather_masters()
    is_value_model = model.head == "value"
    folder = model.base.folder
    config = read_json(folder / "config.json")
    if isinstance(tuning, FullFinetuning):
        # In float32, as they are kept, so that nothing is lost when they are imported again.
        weights = collect_weights(tuning.build_float32_model(tensors), not is_value_model)
    elif isinstance(tuning, LibraryFullFinetuning):
        weights = collect_library_weights(tuning, tensors, folder)
    else:
        weights = merge_factors(folder, tuning.list_factors(tensors), "the adapter")
    dtype = next(t.dtype for t in weights.values() if t.is_floating_point())
    if is_value_model:
        weights.pop("lm_head.weight", None)
        for name in value_head.get_shapes(model.base.model.config.hidden):
            weights[name] = tensors[name].to(dtype)
    else:
        config["tie_word_embeddings"] = (
            is_tied(weights) if isinstance(model, Model) else shares_head(model.base.model.model)
        )
    config.pop("torch_dtype", None)
    config["dtype"] = str(dtype).removeprefix("torch.")
    if is_value_model:
        architecture = find_classifier(model)
        config |= {
            "architectures": [architecture],
            "id2label": {"0": "value"},
            "label2id": {"value": 0},
        }
    return list_kept_files(folder) | {"config.json": config, "model.safetensors": weights}


def find_classifier(model: AnyModel) -> str:
    """transformers' token classifier on a model's layers; raises `unsupported` without one."""
    if isinstance(model, Model):
        name = ARCHITECTURES[read_json(model.base.folder / "config.json")["model_type"]]
        return name.replace("ForCausalLM", "ForTokenClassification")
    import transformers

    name = type(model.base.model.model).__name__.replace("ForCausalLM", "ForTokenClassification")
    if not name.endswith("ForTokenClassification") or not hasattr(transformers, name):
        raise EngineError(
            "unsupported",
            f"transformers has no token classifier for {model.base.model.config.kind}: a critic "
            "of it is exported as adapter only.",
        )
    return name


def collect_library_weights(
    tuning: LibraryFullFinetuning, tensors: dict[str, Tensor], folder: Path
) -> dict[str, Tensor]:
    """All weights by the names of the base's own files, in float32, as they are kept.

    Raises `unsupported` where transformers has other names in memory than in files.
    """
    base = tuning.base
    weights = {name: base.get_parameter(name).detach().float() for name in base.places}
    weights |= {name: tensors[name] for name in tuning.names}
    stored = set(find_tensors(list_weight_files(folder)))
    strange = [name for name in weights if name not in stored]
    if strange:
        raise EngineError(
            "unsupported",
            f"transformers keeps {strange[0]} of model type {base.config.kind!r} under another "
            "name in files, so the whole model is not written here.",
        )
    return weights


def is_tied(weights: dict[str, Tensor]) -> bool:
    """Whether the output head is the embedding, by the names of the engine's own models."""
    head = weights.get("lm_head.weight")
    return head is None or torch.equal(head, weights["model.embed_tokens.weight"])


def build_adapter_export(model: AnyModel, c: LoraConfig) -> dict:
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
        "target_modules": list_targets(model, c),
        "layers_to_transform": list(range(c.firstLayer, model.base.model.config.layers)),
        "layers_pattern": find_layers_pattern(model),
        "inference_mode": True,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
        "modules_to_save": ["score"] if is_value_model else None,
    }
    tensors = {to_peft_name(name): t for name, t in trainable.gather_masters().items()}
    return {"adapter_model.safetensors": tensors, "adapter_config.json": config}


def find_layers_pattern(model: AnyModel) -> str:
    """The last part of the name of the list of layers."""
    if isinstance(model, Model):
        return "layers"
    return model.base.model.require_layers().rpartition(".")[2]


def list_targets(model: AnyModel, c: LoraConfig) -> list[str]:
    """The names of the maps that have factors."""
    if not isinstance(model.tuning, LibraryLora):
        return list(c.targets)
    return model.tuning.list_maps()


def to_peft_name(name: str) -> str:
    """Name of a trained tensor as PEFT writes it."""
    return name if name.startswith(PREFIX) else PREFIX + name


def read_weights(model: AnyModel, path: Path) -> Mapping[str, Tensor]:
    """The trained tensors by name, from a folder of PEFT or transformers, on the model's device.

    They are read as they are asked for, so that they need not be there all at once. Raises an
    EngineError where the folder does not fit the model.
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
    if is_adapter and isinstance(tuning, Lora | LibraryLora):
        tensors = read_adapter(model, tuning, folder)
    elif not is_adapter and isinstance(tuning, FullFinetuning | LibraryFullFinetuning):
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
    device = model.base.model.device
    return LazyTensors(model.require_trainable().shapes, lambda name: tensors[name].to(device))


def read_adapter(model: AnyModel, tuning: Lora | LibraryLora, folder: Path) -> dict[str, Tensor]:
    """The factors of a PEFT folder by name; raises where its settings or shapes do not fit."""
    saved = ["score"] if model.head == "value" else None
    raw = read_adapter_config(folder, saved)
    stored = read_factors(folder)
    shapes = model.require_trainable().shapes
    wanted = {to_peft_name(name): name for name in shapes}
    wrong = [
        n for n, own in wanted.items() if n not in stored or tuple(stored[n].shape) != shapes[own]
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
    tensors = {own: stored[n] for n, own in wanted.items()}
    for name in [n for n in tensors if n.endswith(".lora_B.weight")]:
        scale = compute_scale(raw, to_module_name(name), tuning.config.rank)
        tensors[name] = tensors[name] * (scale / tuning.scale)
    return tensors


def read_full_weights(
    model: AnyModel, tuning: FullFinetuning | LibraryFullFinetuning, folder: Path
) -> Mapping[str, Tensor]:
    """The trained tensors of a transformers folder by name, with the value head of a critic."""
    base = model.base.model
    if isinstance(tuning, LibraryFullFinetuning):
        loaded = load_library_model(folder, torch.float32, torch.device("cpu"))
        tensors = tuning.extract_trained(LibraryModel(*loaded), folder.name)
    else:
        tensors = tuning.extract_trained(StoredLlama(folder, torch.float32), folder.name)
    if model.head == "value":
        stored = find_tensors(list_weight_files(folder))
        head = {}
        for name, shape in value_head.get_shapes(base.config.hidden).items():
            if name not in stored or stored[name].shape != shape:
                raise EngineError(
                    "invalid-input",
                    f"{folder.name} holds no value head ({name} {list(shape)}): to begin a "
                    "critic from a language model, create it with that folder as its base.",
                )
            head[name] = read_tensor(name, stored[name])
        return LazyTensors([*tensors, *head], lambda n: head[n] if n in head else tensors[n])
    return tensors
