"""Convert a GGUF language model into a Hugging Face folder with fp32 weights.

usage: convert_model.py GGUF_FILE TARGET_FOLDER

transformers can read GGUF, but not save what it read: the state dict is copied into a fresh model
of the same shape. The tokenizer's special tokens are written once and then read back two ways
(transformers, and the tokenizer.json that the TypeScript side loads); both must agree.
"""

import json
import os
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

BOS, EOS, PAD, UNK = "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|endoftext|>"
NOT_COPIED = {
    "quantization_config",
    "model_type",
    "architectures",
    "transformers_version",
    "torch_dtype",
    "dtype",
    "_name_or_path",
    "_model_name_or_path",
}
PROBES = [
    "What is the calling code of the country whose capital is Nairobi?",
    "<|im_start|>user\nHello, wörld!<|im_end|>\n<|im_start|>assistant\n",
    "<information>\nDoc 1: +254\n</information>  1990, 12345\n\n   7",
]


def convert_weights(gguf: Path, target: Path, tokenizer) -> None:
    source = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    config = LlamaConfig(
        **{k: v for k, v in source.config.to_dict().items() if k not in NOT_COPIED}
    )
    config.bos_token_id = tokenizer.bos_token_id
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(source.state_dict(), strict=False)
    if set(missing) - {"lm_head.weight"} or unexpected:
        raise SystemExit(
            f"the weights do not fit a Llama model: missing {missing}, unexpected {unexpected}"
        )
    model.tie_weights()
    model.generation_config.bos_token_id = config.bos_token_id
    model.generation_config.eos_token_id = config.eos_token_id
    model.generation_config.pad_token_id = config.pad_token_id
    model.save_pretrained(target)

    again = LlamaForCausalLM.from_pretrained(target, dtype=torch.float32).eval()
    ids = torch.tensor([tokenizer(PROBES[0]).input_ids])
    with torch.no_grad():
        difference = (again(ids).logits - source.eval()(ids).logits).abs().max().item()
    if difference > 1e-4:
        raise SystemExit(
            f"the saved model differs from the GGUF file: greatest logit difference {difference}"
        )


def convert_tokenizer(gguf: Path, target: Path):
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.add_special_tokens(
        {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "unk_token": UNK}
    )
    if hasattr(tokenizer, "add_bos_token"):
        tokenizer.add_bos_token = False
    tokenizer.model_max_length = 8192
    # The GGUF file only names its way of splitting text ("smollm"), and transformers takes GPT-2's
    # for it: SmolLM2 also splits numbers into single digits.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.save_pretrained(target)

    config_file = target / "tokenizer_config.json"
    config = json.loads(config_file.read_text())
    config.update(
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        add_bos_token=False,
        clean_up_tokenization_spaces=False,
    )
    config_file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    return tokenizer


def check_tokenizer(target: Path) -> None:
    slow = AutoTokenizer.from_pretrained(target)
    fast = Tokenizer.from_file(str(target / "tokenizer.json"))
    for probe in PROBES:
        a, b = slow(probe).input_ids, fast.encode(probe).ids
        if a != b:
            raise SystemExit(f"AutoTokenizer and tokenizer.json disagree on {probe!r}: {a} and {b}")
        if slow.decode(a) != probe:
            raise SystemExit(f"the tokenizer does not give back {probe!r}: {slow.decode(a)!r}")
    if len(fast.encode("12345").ids) != 5:
        raise SystemExit("numbers are not split into single digits")
    special = (slow.bos_token, slow.eos_token, slow.pad_token)
    if special != (BOS, EOS, PAD):
        raise SystemExit(f"unexpected special tokens {special}")


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    os.umask(0o022)
    source_file, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    convert_weights(source_file, folder, convert_tokenizer(source_file, folder))
    check_tokenizer(folder)
