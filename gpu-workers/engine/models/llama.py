"""The frozen transformer: Llama and Qwen2 architectures, computed on packed tokens.

Written out here instead of taken from a modelling library because the engine needs what a library
hides: layers run in two halves (below and above the first adapted layer), tokens of all sequences
lie packed in one matrix without padding, attention reads keys by slot, and the last layer is
computed only where its output is used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..errors import EngineError
from .functional import rms_norm, rope, swiglu
from .model_folder import (
    SCORE_TENSORS,
    StoredTensor,
    check_not_quantised,
    check_tensors,
    find_tensors,
    get_rope_type,
    get_rotary,
    list_unsupported_settings,
    list_weight_files,
    read_eos_ids,
    read_json,
    read_tensor,
)

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
HEAD_AND_EMBEDDING = ("lm_head.weight", "model.embed_tokens.weight")

# Where each map of a model folder lies: the fused matrix that holds it.
FUSED = {
    "q_proj": "qkv",
    "k_proj": "qkv",
    "v_proj": "qkv",
    "o_proj": "o",
    "gate_proj": "gate_up",
    "up_proj": "gate_up",
    "down_proj": "down",
}

# Where the tensors outside of the layers, and the norms within them, lie in a model folder.
ROOT_TENSORS = {
    "norm": "model.norm.weight",
    "embedding": "model.embed_tokens.weight",
    "head": "lm_head.weight",
}
NORMS = {"norm1": "input_layernorm", "norm2": "post_attention_layernorm"}


def get_block_name(target: str) -> str:
    """The part of a layer, by Hugging Face's name, that holds a map: self_attn or mlp."""
    return "self_attn" if FUSED[target] in ("qkv", "o") else "mlp"


@dataclass(frozen=True)
class LlamaConfig:
    """Shapes and constants of a transformer, from config.json."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    norm_eps: float
    rope_theta: float
    rope_scaling: dict | None
    max_length: int
    eos_ids: tuple[int, ...]
    tied: bool  # the output head is the embedding, unless another one is stored
    qkv_bias: bool
    o_bias: bool
    has_head: bool  # False: a token classifier, which writes no tokens

    @property
    def q_width(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        return self.kv_heads * self.head_dim


def get_column_range(target: str, c: LlamaConfig) -> tuple[int, int]:
    """Columns of the fused matrix that belong to a map."""
    q, kv, inner = c.q_width, c.kv_width, c.intermediate
    return {
        "q_proj": (0, q),
        "k_proj": (q, q + kv),
        "v_proj": (q + kv, q + 2 * kv),
        "o_proj": (0, c.hidden),
        "gate_proj": (0, inner),
        "up_proj": (inner, 2 * inner),
        "down_proj": (0, c.hidden),
    }[target]


def get_input_width(target: str, c: LlamaConfig) -> int:
    """Rows of a map's matrix [in, out]."""
    return {"o_proj": c.q_width, "down_proj": c.intermediate}.get(target, c.hidden)


def find_unsupported(raw: dict) -> str | None:
    """Why the layers of this file do not compute the model of a config.json; None: they do."""
    kind = raw.get("model_type")
    if kind not in ARCHITECTURES:
        return f"model type {kind!r} is not supported; supported are {', '.join(ARCHITECTURES)}"
    settings = list_unsupported_settings(raw)
    return f"it uses {', '.join(settings)}" if settings else None


def read_config(folder: Path) -> LlamaConfig:
    """Reads config.json of a Hugging Face folder; refuses what this file does not compute."""
    if not (folder / "config.json").exists():
        raise EngineError("not-found", f"{folder} holds no config.json: it is not a model folder.")
    raw = read_json(folder / "config.json")
    check_not_quantised(raw, folder.name)
    if reason := find_unsupported(raw):
        raise EngineError("unsupported", f"{folder.name}: {reason}.")
    rotary = get_rotary(raw)
    try:
        return LlamaConfig(
            hidden=raw["hidden_size"],
            layers=raw["num_hidden_layers"],
            heads=raw["num_attention_heads"],
            kv_heads=raw.get("num_key_value_heads") or raw["num_attention_heads"],
            head_dim=raw.get("head_dim") or raw["hidden_size"] // raw["num_attention_heads"],
            intermediate=raw["intermediate_size"],
            vocabulary=raw["vocab_size"],
            norm_eps=raw["rms_norm_eps"],
            rope_theta=float(rotary.get("rope_theta") or raw.get("rope_theta") or 10000.0),
            rope_scaling=rotary if get_rope_type(raw) == "llama3" else None,
            max_length=raw["max_position_embeddings"],
            eos_ids=read_eos_ids(folder, raw),
            tied=bool(raw.get("tie_word_embeddings")),
            qkv_bias=raw["model_type"] == "qwen2" or bool(raw.get("attention_bias")),
            o_bias=raw["model_type"] == "llama" and bool(raw.get("attention_bias")),
            has_head=not any("TokenClass" in a for a in raw.get("architectures") or []),
        )
    except KeyError as error:
        raise EngineError(
            "invalid-input", f"{folder.name}/config.json lacks {error.args[0]}."
        ) from error


def list_tensor_shapes(c: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors of a Hugging Face folder, by name."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (c.vocabulary, c.hidden),
        "model.norm.weight": (c.hidden,),
        "lm_head.weight": (c.vocabulary, c.hidden),
    }
    for i in range(c.layers):
        prefix = f"model.layers.{i}."
        shapes[prefix + "input_layernorm.weight"] = (c.hidden,)
        shapes[prefix + "post_attention_layernorm.weight"] = (c.hidden,)
        for target, fused in FUSED.items():
            low, high = get_column_range(target, c)
            name = f"{prefix}{get_block_name(target)}.{target}"
            shapes[name + ".weight"] = (high - low, get_input_width(target, c))
            if (fused == "qkv" and c.qkv_bias) or (fused == "o" and c.o_bias):
                shapes[name + ".bias"] = (high - low,)
    return shapes


def find_llama_tensors(folder: Path, config: LlamaConfig) -> dict[str, StoredTensor]:
    """The tensors of a folder by name; raises where they are not exactly those of its config.json.

    The output head may be left out where it is the embedding, or the model has none.
    """
    tensors = find_tensors(list_weight_files(folder))
    if not config.has_head:
        tensors = {n: t for n, t in tensors.items() if not SCORE_TENSORS.match(n)}
    optional = {"lm_head.weight"} if config.tied or not config.has_head else set()
    check_tensors(tensors, list_tensor_shapes(config), optional, folder.name)
    return tensors


@dataclass
class Layer:
    """Weights of one layer. Matrices are stored [in, out]: products with few rows are up to twice
    as fast that way.
    """

    norm1: Tensor
    norm2: Tensor
    qkv: Tensor  # [hidden, q_width + 2 kv_width]
    qkv_bias: Tensor | None
    o: Tensor  # [q_width, hidden]
    o_bias: Tensor | None
    gate_up: Tensor  # [hidden, 2 intermediate]
    down: Tensor  # [intermediate, hidden]


@dataclass
class Llama:
    """A transformer's weights."""

    config: LlamaConfig
    embedding: Tensor  # [vocabulary, hidden]
    head: Tensor  # [vocabulary, hidden]; the embedding where tied
    norm: Tensor
    layers: list[Layer]
    cos: Tensor  # [max positions so far, head_dim / 2], float32
    sin: Tensor
    parameters: int

    @property
    def device(self) -> torch.device:
        """Where it computes; single tensors may be on meta, where they are not held."""
        return self.cos.device

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.dtype

    def list_tensors(self) -> dict[str, Tensor]:
        """All weights by name: "layers.0.qkv", ..., "norm", "embedding"; "head" where it is not the
        embedding.
        """
        found = {
            f"layers.{i}.{field}": tensor
            for i, layer in enumerate(self.layers)
            for field, tensor in vars(layer).items()
            if tensor is not None
        }
        found |= {"norm": self.norm, "embedding": self.embedding}
        return found if self.head is self.embedding else found | {"head": self.head}

    def set_tensor(self, name: str, tensor: Tensor) -> None:
        """Puts a tensor in the place of the one of that name."""
        if name == "embedding" and self.head is self.embedding:
            self.head = tensor
        if name in ROOT_TENSORS:
            setattr(self, name, tensor)
            return
        layer, field = name.removeprefix("layers.").split(".")
        setattr(self.layers[int(layer)], field, tensor)

    def replace_tensors(self, given: Mapping[str, Tensor]) -> "Llama":
        """The transformer with these tensors, named as in `list_tensors`, in the place of its own.

        A head that is the embedding stays so.
        """
        layers = [
            replace(
                layer,
                **{f: given[name] for f in vars(layer) if (name := f"layers.{i}.{f}") in given},
            )
            for i, layer in enumerate(self.layers)
        ]
        embedding = given.get("embedding", self.embedding)
        head = embedding if self.head is self.embedding else given.get("head", self.head)
        norm = given.get("norm", self.norm)
        return replace(self, layers=layers, norm=norm, embedding=embedding, head=head)

    def positions(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine [T, head_dim / 2] for token positions [T]."""
        return self.cos.index_select(0, positions), self.sin.index_select(0, positions)

    def logits(self, hidden: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Float32 logits [n, vocabulary or tokens] of final hidden states [n, hidden]."""
        weight = self.head if tokens is None else self.head.index_select(0, tokens)
        return torch.mm(self.final_norm(hidden), weight.t()).float()

    def final_norm(self, hidden: Tensor) -> Tensor:
        """Normalised final hidden states [n, hidden]."""
        return rms_norm(hidden, self.norm, self.config.norm_eps)


class StoredLlama:
    """A transformer in a Hugging Face folder, whose tensors are read one at a time.

    Their names are those of `Llama.list_tensors`; q/k/v and gate/up are fused as they are read.
    """

    def __init__(self, folder: Path, dtype: torch.dtype):
        self.config, self.dtype = read_config(folder), dtype
        self.stored = find_llama_tensors(folder, self.config)
        # A stored head counts also where config.json calls it tied: it may have been trained apart.
        self.has_own_head = self.config.has_head and "lm_head.weight" in self.stored
        if self.has_own_head and self.config.tied:
            self.has_own_head = not torch.equal(self.read("head"), self.read("embedding"))

    def _get(self, name: str) -> Tensor:
        return read_tensor(name, self.stored[name]).to(self.dtype)

    def list_names(self) -> list[str]:
        """The names of all tensors."""
        return list(self.build(torch.device("meta"), is_empty=True).list_tensors())

    def read(self, name: str) -> Tensor:
        """A tensor by its name, in the machine's memory."""
        if name == "head" and not self.has_own_head:
            name = "embedding"
        if name in ROOT_TENSORS:
            # Kept apart from the file, whose pages would otherwise all stay in memory.
            return self._get(ROOT_TENSORS[name]).clone()
        layer, field = name.removeprefix("layers.").split(".")
        if field in NORMS:
            return self._get(f"model.layers.{layer}.{NORMS[field]}.weight").clone()
        kind = "bias" if field.endswith("_bias") else "weight"
        maps = [target for target, fused in FUSED.items() if fused == field.removesuffix("_bias")]
        parts = [
            self._get(f"model.layers.{layer}.{get_block_name(target)}.{target}.{kind}")
            for target in maps
        ]
        whole = torch.cat(parts)
        return whole.t().contiguous() if kind == "weight" else whole

    def build(self, device: torch.device, is_empty: bool = False) -> Llama:
        """The transformer on a device. `is_empty`: its tensors are on meta, not read yet."""
        c = self.config

        def get(name: str, *shape: int) -> Tensor:
            if is_empty:
                return torch.empty(shape, dtype=self.dtype, device="meta")
            return self.read(name).to(device)

        qkv = c.q_width + 2 * c.kv_width
        layers = [
            Layer(
                norm1=get(f"layers.{i}.norm1", c.hidden),
                norm2=get(f"layers.{i}.norm2", c.hidden),
                qkv=get(f"layers.{i}.qkv", c.hidden, qkv),
                qkv_bias=get(f"layers.{i}.qkv_bias", qkv) if c.qkv_bias else None,
                o=get(f"layers.{i}.o", c.q_width, c.hidden),
                o_bias=get(f"layers.{i}.o_bias", c.hidden) if c.o_bias else None,
                gate_up=get(f"layers.{i}.gate_up", c.hidden, 2 * c.intermediate),
                down=get(f"layers.{i}.down", c.intermediate, c.hidden),
            )
            for i in range(c.layers)
        ]
        embedding = get("embedding", c.vocabulary, c.hidden)
        head = get("head", c.vocabulary, c.hidden) if self.has_own_head else embedding
        cos, sin = compute_rotary_tables(c, c.max_length)
        llama = Llama(
            c, embedding, head, get("norm", c.hidden), layers, cos.to(device), sin.to(device), 0
        )
        llama.parameters = sum(t.numel() for t in llama.list_tensors().values())
        return llama


def load_llama(folder: Path, dtype: torch.dtype, device: torch.device) -> Llama:
    """Loads the safetensors of a Hugging Face folder, fusing q/k/v and gate/up."""
    return StoredLlama(folder, dtype).build(device)


def compute_rotary_tables(config: LlamaConfig, length: int) -> tuple[Tensor, Tensor]:
    """Rotary embedding (Su et al. 2021), with the frequency scaling of Llama 3.1 where the model
    asks for it.
    """
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.int64).float() / config.head_dim
    frequencies = 1.0 / (config.rope_theta**exponents)
    scaling = config.rope_scaling
    if scaling:
        wavelength = 2 * torch.pi / frequencies
        original = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        share = ((original / wavelength - low) / (high - low)).clamp(0, 1)
        frequencies = frequencies * (share + (1 - share) / scaling["factor"])
    angles = torch.outer(torch.arange(length, dtype=torch.float32), frequencies)
    return angles.cos(), angles.sin()


class Linear(Protocol):
    """How the maps of a layer are applied: plain (frozen or merged weights) or with the adapter's
    gradient.
    """

    def __call__(
        self, layer: int, name: str, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor: ...


def apply_linear(layer: int, name: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.mm(x, weight) if bias is None else torch.addmm(bias, x, weight)


# q [T, heads * head_dim], k and v [T, kv_heads * head_dim] of new tokens -> attention output for
# the queried tokens.
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


def run_layers(
    model: Llama,
    layers: list[Layer],
    first: int,
    x: Tensor,
    positions: Tensor,
    attend: Attend,
    linear: Linear = apply_linear,
    rows: Tensor | None = None,
    check: Callable[[], None] = lambda: None,
    checkpointing: bool = False,
) -> Tensor:
    """Runs packed tokens x [T, hidden] through `layers`, the first of which is layer number `first`
    of the model.

    `rows` [R]: the tokens whose output is wanted; the last layer computes queries and everything
    after them only there, and the result is [R, hidden]. `attend` gets the queries of those rows
    only. `check` runs before each layer and may raise to stop. `checkpointing` (Chen et al. 2016):
    the graph keeps each layer's input only and computes the rest again.
    """
    c = model.config
    cos, sin = model.positions(positions)
    rotated = c.q_width + c.kv_width

    def run(number: int, layer: Layer, x: Tensor, rows: Tensor | None) -> Tensor:
        h = rms_norm(x, layer.norm1, c.norm_eps)
        qkv = rope(
            linear(number, "qkv", h, layer.qkv, layer.qkv_bias), cos, sin, rotated, c.head_dim
        )
        q, k, v = qkv[:, : c.q_width], qkv[:, c.q_width : rotated], qkv[:, rotated:]
        if rows is not None:
            q, x = q.index_select(0, rows), x.index_select(0, rows)
        x = x + linear(number, "o", attend(number, q, k, v), layer.o, layer.o_bias)
        h = rms_norm(x, layer.norm2, c.norm_eps)
        return x + linear(
            number,
            "down",
            swiglu(linear(number, "gate_up", h, layer.gate_up, None)),
            layer.down,
            None,
        )

    for offset, layer in enumerate(layers):
        check()
        wanted = rows if offset == len(layers) - 1 else None
        if checkpointing and torch.is_grad_enabled():
            x = checkpoint(
                run, first + offset, layer, x, wanted, use_reentrant=False, preserve_rng_state=False
            )
        else:
            x = run(first + offset, layer, x, wanted)
    return x
