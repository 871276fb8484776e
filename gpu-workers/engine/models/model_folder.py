"""What a Hugging Face folder holds, looked at before its weights are believed."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import EngineError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
# What else a model folder needs besides its weights: configuration, tokenizer, chat template.
KEPT_SUFFIXES = (".json", ".txt", ".jinja", ".model")
# Numbers that are the weights themselves. Others (F8_E4M3, I8, U8, ...) stand for weights only
# together with scales.
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
# Tables that older versions of transformers saved; they are computed from config.json.
IGNORED_TENSORS = re.compile(r"rotary_emb\.inv_freq$")
# The value head of a token classifier.
SCORE_TENSORS = re.compile(r"^(score|classifier)\.(weight|bias)$")
PLAIN_NAME = re.compile(r"[^/\\\0]+\.safetensors")
SHARD = re.compile(r"-(\d+)-of-(\d+)\.safetensors$")


def check_is_content(path: Path) -> None:
    """Raises `invalid-input` where the file is a pointer that Git LFS left, or a broken link."""
    try:
        with path.open("rb") as handle:
            start = handle.read(len(LFS_POINTER))
    except FileNotFoundError as error:
        raise EngineError("not-found", f"{path.parent.name} lacks {path.name}.") from error
    if start == LFS_POINTER:
        raise EngineError(
            "invalid-input",
            f"{path.parent.name}/{path.name} is a Git LFS pointer, not the file itself: run "
            "`git lfs pull` in the repository that it came from, then try again.",
        )


def read_json(path: Path) -> dict:
    """The object in a JSON file; raises where it is missing, an LFS pointer or no JSON object."""
    check_is_content(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            "invalid-input", f"{path.parent.name}/{path.name} is not JSON: {error}"
        ) from error
    if not isinstance(content, dict):
        raise EngineError("invalid-input", f"{path.parent.name}/{path.name} is no JSON object.")
    return content


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as a safetensors file holds it."""

    path: Path
    dtype: str
    shape: tuple[int, ...]


@contextmanager
def open_safetensors(path: Path) -> Iterator[safe_open]:
    """A safetensors file; raises `invalid-input` where it is cut off or none."""
    check_is_content(path)
    try:
        with safe_open(str(path), framework="pt", device="cpu") as handle:
            yield handle
    except (SafetensorError, OSError) as error:
        raise EngineError(
            "invalid-input",
            f"{path.parent.name}/{path.name} is damaged or incomplete ({error}): copy it again.",
        ) from error


def list_weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, chosen as transformers does.

    model.safetensors, else those that model.safetensors.index.json names, else all *.safetensors.
    Raises where there are none, or one is missing.
    """
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists() or whole.is_symlink():
        return [whole]
    if index.exists():
        where = read_json(index).get("weight_map")
        names = list(where.values()) if isinstance(where, dict) else []
        wanted = {name for name in names if isinstance(name, str) and PLAIN_NAME.fullmatch(name)}
        # A path would lead out of the folder.
        if not names or not all(isinstance(name, str) and name in wanted for name in names):
            raise EngineError(
                "invalid-input",
                f"{folder.name}/{index.name} has no weight_map that gives each tensor the name of "
                "a file in this folder: copy the folder again, or save the model anew.",
            )
    else:
        wanted = {p.name for p in folder.glob("*.safetensors")}
        for numbers in [m for name in list(wanted) if (m := SHARD.search(name))]:
            start = numbers.string[: numbers.start()]
            width, count = len(numbers.group(1)), numbers.group(2)
            wanted |= {
                f"{start}-{i:0{width}}-of-{count}.safetensors" for i in range(1, int(count) + 1)
            }
    if not wanted:
        raise EngineError(
            "not-found",
            f"{folder.name} holds no *.safetensors file: save the model with "
            "safe_serialization=True.",
        )
    missing = sorted(name for name in wanted if not (folder / name).exists())
    if missing:
        raise EngineError(
            "invalid-input",
            f"{folder.name} lacks {len(missing)} of its {len(wanted)} weight files: "
            f"{', '.join(missing[:4])}. Copy the whole folder.",
        )
    return [folder / name for name in sorted(wanted)]


def list_kept_files(folder: Path) -> dict[str, Path]:
    """What a copy of the model takes over besides its weights, by name."""
    return {
        p.name: p
        for p in folder.iterdir()
        if p.is_file() and p.suffix in KEPT_SUFFIXES and not p.name.endswith(".index.json")
    }


def find_tensors(paths: Iterable[Path]) -> dict[str, StoredTensor]:
    """The tensors of safetensors files by name; raises where two files hold one name."""
    found: dict[str, StoredTensor] = {}
    for path in paths:
        with open_safetensors(path) as handle:
            for name in handle.keys():  # noqa: SIM118 - no dictionary
                view = handle.get_slice(name)
                if name in found:
                    raise EngineError(
                        "invalid-input",
                        f"{path.parent.name} holds {name} twice, in {found[name].path.name} and "
                        f"{path.name}: keep the files of one model only.",
                    )
                found[name] = StoredTensor(path, view.get_dtype(), tuple(view.get_shape()))
    return found


def read_tensor(name: str, stored: StoredTensor) -> Tensor:
    """A tensor in its stored number format.

    The file is opened for each: one that stays open keeps the pages of all that was read in memory.
    """
    with open_safetensors(stored.path) as handle:
        return handle.get_tensor(name)


def check_dtypes(tensors: dict[str, StoredTensor], folder: str) -> None:
    """Raises `unsupported` where a tensor's numbers are not the weights themselves."""
    for name, stored in tensors.items():
        if stored.dtype not in DTYPES and not IGNORED_TENSORS.search(name):
            raise EngineError(
                "unsupported",
                f"{folder} holds {name} as {stored.dtype}: quantised weights are not computed "
                "here. Import the model in bfloat16, float16 or float32.",
            )


def check_no_adapter(names: list[str], folder: str) -> None:
    """Raises `unsupported` where the factors of an adapter lie among a model's tensors."""
    if adapter := next((n for n in names if "lora_" in n or ".base_layer." in n), None):
        raise EngineError(
            "unsupported",
            f"{folder} holds a model with an adapter in it ({adapter}), as verl saves one that "
            "was trained with LoRA: merge it (merge_and_unload of PEFT, or verl.model_merger), or "
            "import the adapter's own folder with its base.",
        )


def check_tensors(
    tensors: dict[str, StoredTensor],
    wanted: dict[str, tuple[int, ...]],
    optional: set[str],
    folder: str,
) -> None:
    """Raises where the stored tensors are not exactly the wanted ones, by name and shape.

    A tensor that nothing reads would change what the model means without a word.
    """
    check_dtypes(tensors, folder)
    check_no_adapter(list(tensors), folder)
    missing = [name for name in wanted if name not in tensors and name not in optional]
    unknown = [name for name in tensors if name not in wanted and not IGNORED_TENSORS.search(name)]
    if missing:
        raise EngineError(
            "invalid-input",
            f"{folder} lacks the tensor {missing[0]}, the first of {len(missing)} that its "
            "config.json asks for.",
        )
    if unknown:
        raise EngineError(
            "unsupported",
            f"{folder} holds {unknown[0]}, the first of {len(unknown)} tensors that its "
            "architecture does not have here: the model would not compute what it was trained to.",
        )
    for name, shape in wanted.items():
        if name in tensors and tensors[name].shape != shape:
            raise EngineError(
                "invalid-input",
                f"{folder} holds {name} as {list(tensors[name].shape)}, but its config.json says "
                f"{list(shape)}.",
            )


def check_not_quantised(raw: dict, folder: str) -> None:
    """Raises `unsupported` where config.json says that the weights are quantised."""
    quantised = raw.get("quantization_config") or raw.get("compression_config")
    if quantised:
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        raise EngineError(
            "unsupported",
            f"{folder} is quantised ({method or 'quantization_config'} in its config.json): "
            "quantised weights are not computed here. Import the model in bfloat16, float16 or "
            "float32.",
        )


def list_unsupported_settings(raw: dict) -> list[str]:
    """Settings of config.json that the engine's own layers do not compute."""
    rotary, rope_type = get_rotary(raw), get_rope_type(raw)
    partial = rotary.get("partial_rotary_factor", raw.get("partial_rotary_factor", 1.0))
    unsupported = {
        "hidden_act": raw.get("hidden_act", "silu") != "silu",
        "mlp_bias": bool(raw.get("mlp_bias")),
        "use_sliding_window": bool(raw.get("use_sliding_window")),
        "layer_types": any(t != "full_attention" for t in raw.get("layer_types") or []),
        f"rope_type {rope_type}": rope_type not in ("default", "llama3"),
        "partial_rotary_factor": partial != 1.0,
    }
    return [name for name, present in unsupported.items() if present]


def read_eos_ids(folder: Path, raw: dict) -> tuple[int, ...]:
    """Ids that end a text: those of generation_config.json, else of config.json (`raw`)."""
    generation = folder / "generation_config.json"
    eos = read_json(generation).get("eos_token_id") if generation.exists() else None
    eos = raw.get("eos_token_id") if eos is None else eos
    return tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,)


def get_rotary(raw: dict) -> dict:
    """The settings of the rotary embedding, under either of their names."""
    return raw.get("rope_parameters") or raw.get("rope_scaling") or {}


def get_rope_type(raw: dict) -> str:
    rotary = get_rotary(raw)
    return rotary.get("rope_type", rotary.get("type", "default"))
