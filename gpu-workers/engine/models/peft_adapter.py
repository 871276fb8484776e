"""PEFT's adapters as they stand in a folder: what their settings mean, merged or refused."""

import re
from pathlib import Path

from torch import Tensor

from ..errors import EngineError
from .llama import find_llama_tensors, read_config
from .model_folder import check_dtypes, find_tensors, read_json, read_tensor
from .transformers_network import find_library_tensors, find_reason

PREFIX = "base_model.model."
FACTOR = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight$")
# Settings that change nothing of what stored factors mean, whatever their value.
HARMLESS = {
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "corda_config",
    "lora_ga_config",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
}
# Beginnings of the factors that leave the base's own weights as they are. Others (PiSSA, OLoRA,
# CorDA, LoftQ, LoRA-GA) subtract from them, so that the factors fit no base that is stored.
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal", "mica")


def to_module_name(factor: str) -> str:
    """The module of a factor by its name in PEFT: "model.layers.0.self_attn.q_proj"."""
    return re.sub(r"\.lora_[AB]\.weight$", "", factor).removeprefix(PREFIX)


def read_adapter_config(folder: Path, modules_to_save: list[str] | None = None) -> dict:
    """adapter_config.json of a folder; raises `unsupported` with every setting that is not read.

    `modules_to_save`: whole modules beside the factors that the caller reads.
    """
    raw = read_json(folder / "adapter_config.json")
    bad = [] if raw.get("peft_type") == "LORA" else [f"peft_type {raw.get('peft_type')}"]
    read = {"bias": "none", "modules_to_save": modules_to_save}
    start = raw.get("init_lora_weights", True)
    if start not in PLAIN_STARTS:
        bad.append(f"init_lora_weights {start}")
    for name, value in raw.items():
        if name not in HARMLESS and value and value != read.get(name):
            bad.append(name if value is True else f"{name} {value}")
    if bad:
        remedy = (
            " Its factors belong to a base whose weights were changed at the start: save it with "
            "path_initial_model_for_weight_conversion, or merge it with merge_and_unload."
            if start not in PLAIN_STARTS
            else " Merge it with merge_and_unload of PEFT, then import the model."
        )
        raise EngineError(
            "unsupported",
            f"The adapter in {folder.name} uses {', '.join(bad)}, which is not computed here."
            f"{remedy}",
        )
    for name in ("r", "lora_alpha"):
        if not isinstance(raw.get(name), (int, float)) or raw[name] <= 0:
            raise EngineError(
                "invalid-input", f"{folder.name}/adapter_config.json has no positive {name}."
            )
    return raw


def find_pattern(patterns: dict | None, module: str) -> float | None:
    """The value that rank_pattern or alpha_pattern gives a module, matched as PEFT does."""
    for key, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return None


def compute_scale(raw: dict, module: str, rank: int) -> float:
    """What the product of a module's factors is multiplied with."""
    alpha = find_pattern(raw.get("alpha_pattern"), module) or raw["lora_alpha"]
    return alpha / (rank**0.5 if raw.get("use_rslora") else rank)


def read_factors(folder: Path) -> dict[str, Tensor]:
    """The tensors of an adapter's folder by PEFT's names, in float32."""
    path = folder / "adapter_model.safetensors"
    if not path.exists() and not path.is_symlink():
        raise EngineError(
            "not-found",
            f"{folder.name} has no adapter_model.safetensors: save the adapter with "
            "safe_serialization=True.",
        )
    stored = find_tensors([path])
    check_dtypes(stored, folder.name)
    return {name: read_tensor(name, tensor).float() for name, tensor in stored.items()}


def read_scaled_factors(folder: Path) -> dict[str, tuple[Tensor, Tensor, float]]:
    """A [rank, in], B [out, rank] and the scale of each module that an adapter changes.

    Raises where a tensor is none of these, or its shape is not what the settings say.
    """
    raw, tensors = read_adapter_config(folder), read_factors(folder)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = FACTOR.match(name)
        if match is None or tensor.dim() != 2:
            raise EngineError(
                "unsupported",
                f"The adapter in {folder.name} holds {name} {list(tensor.shape)}, which is no "
                "factor of a linear map.",
            )
        parts.setdefault(match["module"], {})[match["side"]] = tensor
    found = {}
    for module, sides in parts.items():
        rank = find_pattern(raw.get("rank_pattern"), module) or raw["r"]
        if set(sides) != {"A", "B"} or sides["A"].shape[0] != rank or sides["B"].shape[1] != rank:
            raise EngineError(
                "invalid-input",
                f"The adapter in {folder.name} does not hold two factors of rank {rank} for "
                f"{module}.",
            )
        found[module] = (sides["A"], sides["B"], compute_scale(raw, module, int(rank)))
    if not found:
        raise EngineError("invalid-input", f"The adapter in {folder.name} changes nothing.")
    return found


def merge_factors(
    base: Path, factors: dict[str, tuple[Tensor, Tensor, float]], what: str
) -> dict[str, Tensor]:
    """All tensors of the base with the products of the factors added, as PEFT's merge does.

    Sums are made in float32, and rounded once to the number format of the base. `what` has the
    factors, for errors.
    """
    if find_reason(base) is None:
        stored = find_llama_tensors(base, read_config(base))
    else:
        stored = find_library_tensors(base)
    tensors = {name: read_tensor(name, tensor) for name, tensor in stored.items()}
    for module, (a, b, scale) in factors.items():
        name = f"{module}.weight"
        weight = tensors.get(name)
        if weight is None or weight.shape != (b.shape[0], a.shape[1]):
            raise EngineError(
                "invalid-input",
                f"{what} changes {module} [{b.shape[0]}, {a.shape[1]}], and {base.name} "
                + ("has none" if weight is None else f"has it as {list(weight.shape)}")
                + ": give the base that it was trained on.",
            )
        delta = (b.cpu().float() @ a.cpu().float()) * scale
        tensors[name] = (weight.float() + delta).to(weight.dtype)
    return tensors
