"""Causal language models that transformers computes, where the engine has no layers of its own.

Slower than the engine's own layers: tokens lie in padded batches, shared prefixes are computed for
each sequence, and nothing is kept between calls. What is computed is what transformers computes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..errors import EngineError
from .llama import HEAD_AND_EMBEDDING, find_unsupported
from .model_folder import (
    SCORE_TENSORS,
    StoredTensor,
    check_dtypes,
    check_no_adapter,
    check_not_quantised,
    find_tensors,
    list_weight_files,
    read_eos_ids,
    read_json,
    read_tensor,
)

# Raise it by one whenever the bits of a result of this file, transformers_model.py,
# transformers_gradients.py or transformers_sampling.py change.
TRANSFORMERS_NUMERICS = 2
# Causal language models that have no is_decoder, so that their configuration's default is False.
ALWAYS_CAUSAL = {"gpt_neox", "gpt_neox_japanese"}
# Positions of a model whose config.json states no bound (recurrent, ALiBi).
UNBOUNDED = 1 << 20


@dataclass(frozen=True)
class TransformersConfig:
    """What the engine must know of a model that it does not compute itself."""

    kind: str  # model_type of config.json
    reason: str  # why the engine's own layers do not compute it
    hidden: int
    layers: int
    vocabulary: int
    max_length: int
    eos_ids: tuple[int, ...]
    tied: bool
    has_head: bool  # False: a token classifier, which writes no tokens


def read_raw_config(folder: Path) -> dict:
    """config.json of a model folder; raises where it is missing or says that it is quantised."""
    if not (folder / "config.json").exists():
        raise EngineError("not-found", f"{folder} holds no config.json: it is not a model folder.")
    raw = read_json(folder / "config.json")
    check_not_quantised(raw, folder.name)
    return raw


def find_reason(folder: Path) -> str | None:
    """Why transformers must compute the model of a folder; None where the engine's layers do."""
    return find_unsupported(read_raw_config(folder))


def load_library_config(folder: Path) -> tuple[Any, TransformersConfig]:
    """transformers' configuration of a folder, and what the engine must know of it.

    Raises `unsupported` for what is no causal language model of text alone.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    raw = read_raw_config(folder)
    kind = raw.get("model_type")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        own = " It brings code of its own, which is not run here." if raw.get("auto_map") else ""
        raise EngineError(
            "unsupported",
            f"{folder.name}: model type {kind!r} is neither computed here nor by transformers: "
            f"{error}{own}",
        ) from error
    names = raw.get("architectures") or []
    refusal = None
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        refusal = "is no causal language model of transformers"
    elif "vision_config" in raw or "audio_config" in raw:
        refusal = "reads pictures or sound too: save its language model alone"
    elif raw.get("is_encoder_decoder") or (
        getattr(config, "is_decoder", True) is False and kind not in ALWAYS_CAUSAL
    ):
        refusal = "is an encoder, which does not write text token by token"
    elif names and not any(
        n.endswith(("CausalLM", "LMHeadModel", "TokenClassification")) for n in names
    ):
        refusal = f"is a {names[0]}, which writes no text"
    if refusal:
        raise EngineError("unsupported", f"{folder.name} (model type {kind!r}) {refusal}.")
    length = getattr(config, "max_position_embeddings", None) or getattr(
        config, "max_seq_len", None
    )
    return config, TransformersConfig(
        kind=str(kind),
        reason=find_unsupported(raw) or "",
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        vocabulary=config.vocab_size,
        max_length=length or UNBOUNDED,
        eos_ids=read_eos_ids(folder, raw),
        tied=bool(getattr(config, "tie_word_embeddings", False)),
        has_head=not any("TokenClass" in n for n in names),
    )


def find_library_tensors(folder: Path) -> dict[str, StoredTensor]:
    """The stored tensors of a folder by name; raises where files are missing or hold no weights."""
    stored = find_tensors(list_weight_files(folder))
    check_dtypes(stored, folder.name)
    check_no_adapter(list(stored), folder.name)
    return stored


def shares_head(model: Any) -> bool:
    """Whether the output head of a loaded model of transformers is its embedding, by any name.

    On the device meta a head that is stored beside the embedding counts as its own.
    """
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    return head is not None and embedding is not None and head.weight is embedding.weight


def name_head_and_embedding(model: Any) -> tuple[str, str] | None:
    """The two weights' names in transformers; None where they are one, or there is no head."""
    ends = (model.get_output_embeddings(), model.get_input_embeddings())
    names = {id(p): name for name, p in model.named_parameters()}
    found = [names.get(id(end.weight)) for end in ends if end is not None]
    if len(found) < 2 or found[0] is None or found[1] is None or found[0] == found[1]:
        return None
    return found[0], found[1]


def has_own_head(stored: dict[str, StoredTensor]) -> bool:
    """Whether a stored output head differs from the stored embedding."""
    if any(name not in stored for name in HEAD_AND_EMBEDDING):
        return False
    head, embedding = (read_tensor(name, stored[name]) for name in HEAD_AND_EMBEDDING)
    return head.shape != embedding.shape or not torch.equal(head, embedding)


def load_library_model(
    folder: Path, dtype: torch.dtype, device: torch.device
) -> tuple[Any, TransformersConfig]:
    """transformers' model of a folder, frozen; raises where its tensors are not all of them.

    On the device meta only names and shapes are compared, which takes no memory.
    """
    from transformers import AutoModelForCausalLM

    config, ours = load_library_config(folder)
    stored = find_library_tensors(folder)
    if ours.tied and has_own_head(stored):
        config.tie_word_embeddings = False  # a stored head counts: it may have been trained apart
    # sdpa leaves the bound on attention's logits out.
    bounded = getattr(config, "attn_logit_softcapping", None) is not None
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation="eager" if bounded else None,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # those are refused below, by name
            local_files_only=True,
            use_safetensors=True,
            device_map="meta" if device.type == "meta" else None,
        )
    except Exception as error:
        raise EngineError(
            "unsupported", f"{folder.name} is not loaded by transformers: {error}"
        ) from error
    model, report = loaded
    for name, found, wanted in sorted(report["mismatched_keys"], key=str):
        raise EngineError(
            "invalid-input",
            f"{folder.name} holds {name} as {list(found)}, but its config.json says "
            f"{list(wanted)}.",
        )
    missing = sorted(report["missing_keys"])
    unknown = sorted(report["unexpected_keys"])
    if not ours.has_head:
        missing = [n for n in missing if not n.startswith("lm_head.")]
        unknown = [n for n in unknown if not SCORE_TENSORS.match(n)]
    if missing:
        raise EngineError(
            "invalid-input",
            f"{folder.name} lacks the tensor {missing[0]}, the first of {len(missing)} that its "
            "config.json asks for.",
        )
    if unknown:
        raise EngineError(
            "unsupported",
            f"{folder.name} holds {unknown[0]}, the first of {len(unknown)} tensors that "
            "transformers does not read: the model would not compute what it was trained to.",
        )
    return model.eval().requires_grad_(False).to(device), ours


def describe_library() -> str:
    """What decides, besides the engine's fingerprint, the bits of what transformers computes."""
    import transformers

    return f"transformers {transformers.__version__} numerics {TRANSFORMERS_NUMERICS}"


class LibraryModel:
    """A frozen model of transformers with the places that training and sampling need."""

    def __init__(self, model: Any, config: TransformersConfig):
        self.model, self.config = model, config
        #: Where it computes; single parameters may be on meta, where they are not held.
        self.device: torch.device = next(model.parameters()).device
        self.parameters = sum(p.numel() for p in model.parameters())
        head = model.get_output_embeddings()
        if head is not None and head.weight.shape[0] != config.vocabulary:
            raise EngineError(
                "invalid-input",
                f"The output head has {head.weight.shape[0]} rows, but config.json says "
                f"vocab_size {config.vocabulary}.",
            )
        accepted = signature(model.forward).parameters
        self.keeps_logits = "logits_to_keep" in accepted
        self.has_cache = "past_key_values" in accepted
        self.takes_positions = "position_ids" in accepted
        inner = model.base_model
        names = {id(m): n for n, m in model.named_modules()}
        lists = [
            m for m in inner.modules() if isinstance(m, nn.ModuleList) and len(m) == config.layers
        ]
        # Name of the list of layers, as "model.layers"; None where it is not found.
        self.layers_name = names[id(lists[0])] if lists else None
        self.layers: list[nn.Module] = list(lists[0]) if lists else []
        # Where each parameter lies; a tied one in several places.
        self.places: dict[str, list[tuple[nn.Module, str]]] = {}
        first: dict[int, str] = {}
        for prefix, module in model.named_modules():
            for key, parameter in module._parameters.items():
                if parameter is not None:
                    name = first.setdefault(id(parameter), f"{prefix}.{key}".lstrip("."))
                    self.places.setdefault(name, []).append((module, key))

    @property
    def dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    def get_parameter(self, name: str) -> Tensor:
        """A frozen parameter by its name in transformers."""
        module, key = self.places[name][0]
        parameter = module._parameters[key]
        if parameter is None:
            raise ValueError(f"{name} is no parameter")
        return parameter

    def set_parameter(self, name: str, tensor: Tensor) -> None:
        """Puts a frozen tensor in the place of a parameter, wherever it is used."""
        parameter = nn.Parameter(tensor, requires_grad=False)
        for module, key in self.places[name]:
            module._parameters[key] = parameter

    def move_to(self, device: torch.device) -> None:
        """Moves the tables that are no parameters; it computes there then."""
        for module in self.model.modules():
            for key, table in module._buffers.items():
                if table is not None:
                    module._buffers[key] = table.to(device)
        self.device = device

    def require_layers(self) -> str:
        """The name of the list of layers; raises `unsupported` where it was not found."""
        if self.layers_name is None:
            raise EngineError(
                "unsupported",
                f"The layers of model type {self.config.kind!r} were not found, so it can answer, "
                "but not be trained here.",
            )
        return self.layers_name

    def list_upper_parameters(self, first_layer: int, with_head: bool) -> list[str]:
        """Parameters that full fine-tuning from a layer on trains.

        They are those of the layers, and what the model registers after them (the final norm); from
        layer 0 on all. Without `with_head` an output head of its own is left out.
        """
        layers = self.require_layers()
        head = self.model.get_output_embeddings()
        of_head = {id(p) for p in head.parameters()} if head is not None else set()
        embedding = self.model.get_input_embeddings()
        if embedding is not None:
            of_head -= {id(p) for p in embedding.parameters()}
        found, after = [], False
        for name in self.places:
            is_head = id(self.get_parameter(name)) in of_head
            if name.startswith(layers + "."):
                after = True
                number = int(name.removeprefix(layers + ".").split(".")[0])
                wanted = number >= first_layer
            else:
                wanted = first_layer == 0 or (after and not is_head)
            if wanted and (with_head or not is_head):
                found.append(name)
        return found


@dataclass
class LibraryNetwork:
    """A model of transformers with certain weights in place of its own."""

    base: LibraryModel
    # Tensors in place of parameters, in the model's dtype.
    replaced: dict[str, Tensor] = field(default_factory=dict)
    # A [rank, in], B [out, rank] and their scale by the name of the linear map that they add to.
    factors: dict[str, tuple[Tensor, Tensor, float]] = field(default_factory=dict)
    score: dict[str, Tensor] | None = None  # None: a language model

    @contextmanager
    def activate(self, checkpointing: bool = False) -> Iterator[None]:
        """Has the model compute with these weights, until the block ends.

        The gradient must be taken inside of it: with `checkpointing` (Chen et al. 2016) layers are
        computed again then.
        """
        with ExitStack() as stack:
            for name, tensor in self.replaced.items():
                for module, key in self.base.places[name]:
                    stack.callback(module._parameters.__setitem__, key, module._parameters[key])
                    # Without the checks of __setattr__, which wants a Parameter: this is a node of
                    # an autograd graph.
                    module._parameters[key] = tensor  # type: ignore[assignment]
            for name, (a, b, scale) in self.factors.items():
                module = self.base.model.get_submodule(name)
                hook = partial(add_factors, a, b, scale)
                stack.callback(module.register_forward_hook(hook).remove)
            if checkpointing and torch.is_grad_enabled():
                for layer in self.base.layers:
                    run = partial(
                        checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False
                    )
                    stack.callback(delattr, layer, "forward")
                    layer.forward = run
            yield

    def compute_logits(
        self, ids: Tensor, mask: Tensor, columns: Tensor, **inputs: Any
    ) -> tuple[Tensor, Any]:
        """Logits [rows, columns, vocabulary] at these columns of a batch, and the cache.

        `ids` and `mask` [rows, tokens of the batch]; the mask also covers what the cache holds.
        """
        if self.base.keeps_logits:
            inputs["logits_to_keep"] = columns
        out = self.base.model(input_ids=ids, attention_mask=mask, **inputs)
        logits = out.logits if self.base.keeps_logits else out.logits.index_select(1, columns)
        return logits, getattr(out, "past_key_values", None)

    def compute_final_states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Normalised final hidden states [rows, tokens, hidden]."""
        inner = self.base.model.base_model
        return inner(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state


def add_factors(
    a: Tensor, b: Tensor, scale: float, module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor
) -> Tensor:
    """A linear map's output with the product of low-rank factors added (a forward hook)."""
    x = inputs[0]
    low = nn.functional.linear(x, a.to(x.dtype))
    return out + nn.functional.linear(low, b.to(x.dtype)) * scale


def check_is_causal(model: Any, ids: list[int], name: str, vocabulary: int) -> None:
    """Raises `unsupported` where a later token changes what comes before it."""
    other = [*ids[:-1], (ids[-1] + 1) % vocabulary]
    with torch.no_grad():
        one, two = (model(torch.tensor([row])).logits[0, :-1].float() for row in (ids, other))
    if not torch.allclose(one, two, atol=1e-3, rtol=1e-3):
        raise EngineError(
            "unsupported",
            f"{name} is no causal language model: its probabilities depend on later tokens.",
        )
