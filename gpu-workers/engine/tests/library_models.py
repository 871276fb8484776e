"""Tiny random models of many architectures, as transformers saves them."""

from pathlib import Path
from typing import Any

import torch

from engine.models.tiny_model import save_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "eos_token_id": 0,
    "bos_token_id": None,
    "pad_token_id": None,
    "initializer_range": 0.3,
}
SLIDING = ["sliding_attention", "full_attention"] * 2
# model_type and what its configuration says beside the sizes. Windows are shorter than the tests'
# sequences, so that a hole or a wrong offset in a cache shows.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("qwen3", {}),
    "mistral": ("mistral", {}),
    "mistral-sliding": ("mistral", {"sliding_window": 6}),
    "qwen2-sliding": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 6, "layer_types": SLIDING},
    ),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 1, 1, 0], "no_rope_layer_interval": 4}),
    "gemma2": (
        "gemma2",
        {
            "sliding_window": 6,
            "layer_types": SLIDING,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 3.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "gemma3": (
        "gemma3_text",
        {"sliding_window": 6, "layer_types": SLIDING, "query_pre_attn_scalar": 8},
    ),
    "llama-yarn": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 500.0,
                "factor": 4.0,
                "original_max_position_embeddings": 128,
            }
        },
    ),
    # Other names of layers and maps, learned positions, no gate, a bias on the output.
    "gpt2": ("gpt2", {"n_positions": 512}),
    "phi": ("phi", {"partial_rotary_factor": 0.5}),
}
# For single tests: maps, embeddings or heads of other names than Llama's.
FURTHER_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "phi3": ("phi3", {}),
    "gpt_neox": ("gpt_neox", {"rotary_pct": 0.5}),
    "gptj": (
        "gptj",
        {"rotary_dim": 4, "n_embd": 48, "n_layer": 4, "n_head": 6, "n_positions": 512},
    ),
}


def save_library_model(folder: Path, kind: str) -> Path:
    """A tiny model whose weights are large enough that mistakes show."""
    from transformers import AutoConfig, AutoModelForCausalLM

    model_type, settings = (KINDS | FURTHER_KINDS)[kind]
    config = AutoConfig.for_model(model_type, **(SIZES | settings))
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)
            elif "norm" in name and parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder
