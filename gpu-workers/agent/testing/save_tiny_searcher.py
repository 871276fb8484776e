"""Saves a searcher of two small random layers with the tokenizer of an installed model, for tests.

`python save_tiny_searcher.py INSTALLED TARGET [--hidden NUMBERS]`
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def main(installed: Path, target: Path, hidden: int) -> None:
    torch.manual_seed(7)
    ends = json.loads((installed / "config.json").read_text())
    config = LlamaConfig(
        vocab_size=ends["vocab_size"],
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=ends["bos_token_id"],
        eos_token_id=ends["eos_token_id"],
        pad_token_id=ends["eos_token_id"],
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # Of 49,152 tokens the end would never come up otherwise: so texts differ in length.
        model.lm_head.weight[ends["eos_token_id"]].normal_(0, 2)
    model.save_pretrained(target)
    for name in TOKENIZER_FILES:
        if (installed / name).exists():
            shutil.copyfile(installed / name, target / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("installed", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--hidden", type=int, default=32)
    main(**vars(parser.parse_args()))
