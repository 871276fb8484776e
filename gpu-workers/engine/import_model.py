"""Opens a model before it is believed, and writes it as a folder of its own.

    python -m engine.import_model SOURCE TARGET [--base FOLDER]
    python -m engine.import_model SOURCE --settings

SOURCE: a folder of transformers, of PEFT (then --base is the model that the adapter is for), or of
verl. What cannot be computed exactly is refused with the reason. The copy in TARGET, which must not
exist, is loaded and compared with transformers on a short text. Prints one JSON line: {"path",
"notes", "probes"} with what a tokenizer elsewhere must give, or {"error": {"code", "message"}}.
With --settings only configuration and tokenizer are opened, before the weights are there, and
nothing is written.
"""

import argparse
import gc
import json
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from .device import choose_device
from .dialect import OPERATIONS
from .engine import Engine
from .errors import EngineError
from .guided_decoding import Tokenizer
from .huggingface import find_folder, is_tied
from .llama import LlamaConfig, find_llama_tensors, read_config
from .model_folder import (
    check_is_content,
    list_kept_files,
    list_weight_files,
    read_json,
    read_tensor,
)
from .peft_adapter import merge_factors, read_scaled_factors
from .saved_state import write_folder

# Texts whose ids every tokenizer of the model must agree on.
PROBE_TEXTS = [
    "The capital of France is",
    " It's 12345 o'clock;\tnaïve café, Straße, ΣΊΣΥΦΟΣ\r\n\n  def f(x): return x+1",
    "北京 東京 한국어 العَرَبِيَّة हिन्दी 🙂👨‍👩‍👧 ½ Ⅷ e\u0301 ﬁ \u200b\u3000x",
    '<information>\nDoc 1(Title: "A") a, b.\n</information>\n<query>{"query": "c"}</query>',
]
QUESTION = {"role": "user", "content": "What is 2+2?  Say\nit."}
ANSWER = {"role": "assistant", "content": "It is 4."}
PROBE_CHATS = [
    [{"role": "system", "content": "You are brief."}, QUESTION],
    [QUESTION],
    [QUESTION, ANSWER, {"role": "user", "content": "Why?"}],
]
HEAD_AND_EMBEDDING = ("lm_head.weight", "model.embed_tokens.weight")
PROBE_TOKENS = 12
# Largest difference of a log-probability between two computations in float32.
TOLERANCE = 0.02


def check_language_model(folder: Path, config: LlamaConfig) -> None:
    """Raises where the folder is no language model, or its tokenizer does not fit it."""
    if not config.has_head:
        raise EngineError(
            "unsupported", f"{folder.name} is a token classifier, which writes no text."
        )
    if not (folder / "tokenizer.json").exists():
        raise EngineError(
            "invalid-input",
            f"{folder.name} has no tokenizer.json: copy it from the model that was trained, or "
            "save the tokenizer with transformers' fast tokenizer.",
        )
    for name, path in list_kept_files(folder).items():
        check_is_content(path)
        if name.endswith(".json") and name.startswith("tokenizer"):
            read_json(path)
    largest = max(Tokenizer(folder, config.vocabulary, ()).plain.get_vocab().values())
    beyond = max([largest, *config.eos_ids])
    if beyond >= config.vocabulary:
        raise EngineError(
            "invalid-input",
            f"{folder.name}: tokenizer and end of text have ids up to {beyond}, but the embedding "
            f"has {config.vocabulary} rows: they are not of one model.",
        )


def check_finite(name: str, tensor: Tensor) -> None:
    """Raises where a tensor's numbers cannot be computed with."""
    if not torch.isfinite(tensor).all():
        raise EngineError("invalid-input", f"{name} holds NaN or infinity: its weights are broken.")


def collect_model(folder: Path, config: LlamaConfig) -> tuple[dict[str, Any], bool]:
    """The weight files of a whole model, to be copied as they are, and whether its head is tied."""
    stored = find_llama_tensors(folder, config)
    for name, tensor in stored.items():
        check_finite(f"{folder.name}: {name}", read_tensor(name, tensor))
    files: dict[str, Any] = {p.name: p for p in list_weight_files(folder)}
    if list(files) != ["model.safetensors"]:
        where = {name: tensor.path.name for name, tensor in stored.items()}
        files["model.safetensors.index.json"] = {"metadata": {}, "weight_map": where}
    ends = {n: read_tensor(n, stored[n]) for n in HEAD_AND_EMBEDDING if n in stored}
    return files, is_tied(ends)


def write_model(source: Path, base: Path | None, target: Path) -> list[str]:
    """Writes the model to a folder of its own, links followed. Returns what is worth saying."""
    is_adapter = (source / "adapter_config.json").exists()
    if is_adapter and base is None:
        raise EngineError(
            "invalid-input",
            f"{source} holds an adapter: give the installed model that it is for with --base.",
        )
    if not is_adapter and base is not None:
        raise EngineError("invalid-input", f"{source} holds a whole model, which needs no --base.")
    folder = base or source
    config = read_config(folder)
    check_language_model(folder, config)
    if is_adapter:
        factors = read_scaled_factors(source)
        weights = merge_factors(folder, factors, f"The adapter in {source.name}")
        for name, tensor in weights.items():
            check_finite(f"{source.name}: {name}", tensor)
        files: dict[str, Any] = {"model.safetensors": weights}
        tied = is_tied(weights)
    else:
        files, tied = collect_model(folder, config)
    notes = []
    if is_adapter:
        trained_on = read_json(source / "adapter_config.json").get("base_model_name_or_path")
        notes.append(f"merged into {folder.name}; the adapter was trained on {trained_on}")
    if config.tied and not tied:
        # Others tie by this setting, and would leave the stored head out.
        raw = read_json(folder / "config.json")
        files["config.json"] = raw | {"tie_word_embeddings": False}
        notes.append("its own output head is used, though config.json calls it tied")
    write_folder(target, list_kept_files(folder) | files)
    return notes


def run_engine(folder: Path, ids: list[int]) -> tuple[list[int], list[float]]:
    """What the engine writes greedily after `ids`, and the log-probabilities of all its tokens."""
    engine = Engine(choose_device("cpu", "float32"), 1 << 28)

    def call(kind: str, **body: Any) -> dict:
        parsed = OPERATIONS[kind].body.model_validate(body)
        return engine.run(kind, "m", parsed, lambda: None)

    call("create_model", base=str(folder), lora=None, seed=0)
    sequence = {"ids": ids, "maxTokens": PROBE_TOKENS, "temperature": 0}
    whole = ids + call("sample", adapter=False, sequences=[sequence])["sequences"][0][0]["ids"]
    weights = [0.0] + [1.0] * (len(whole) - 1)
    datum = {"ids": whole, "weights": weights}
    return whole, call("forward", adapter=False, data=[datum])["logprobs"][0]


def compare_with_transformers(folder: Path) -> str:
    """Has engine and transformers continue a text; raises where they differ. Returns the text."""
    from transformers import AutoModelForCausalLM

    tokenizer = Tokenizer(folder, read_config(folder).vocabulary, ())
    ids = tokenizer.encode(PROBE_TEXTS[0])
    whole, ours = run_engine(folder, ids)
    gc.collect()
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    except Exception as error:
        raise EngineError(
            "unsupported", f"{folder.name} is not loaded by transformers: {error}"
        ) from error
    with torch.no_grad():
        theirs = torch.log_softmax(model(torch.tensor([whole])).logits[0].float(), -1)
    for i in range(1, len(whole)):
        want, best = float(theirs[i - 1, whole[i]]), float(theirs[i - 1].max())
        chosen = i >= len(ids)
        if abs(want - ours[i]) > TOLERANCE or (chosen and best - want > TOLERANCE):
            raise EngineError(
                "unsupported",
                f"{folder.name} does not compute here what transformers computes: after "
                f"{tokenizer.decode(whole[:i])!r} the log-probability of "
                f"{tokenizer.decode([whole[i]])!r} is {ours[i]:.3f} here and {want:.3f} there. "
                "The folder holds something that is not known here.",
            )
    return tokenizer.decode(whole)


def find_memory_shortage(folder: Path) -> str | None:
    """Why the comparison is left out; None where a copy of the model in float32 fits."""
    config = read_config(folder)
    stored = find_llama_tensors(folder, config)
    numbers = sum(torch.Size(t.shape).numel() for t in stored.values())
    need, free = 1.3 * 4 * numbers + 2**30, psutil.virtual_memory().available
    if need <= free:
        return None
    return f"not compared with transformers, which needs {need / 2**30:.0f} GiB of free memory"


def build_probes(folder: Path) -> tuple[dict, list[str]]:
    """Token ids that the product's other tokenizers must give, and what is worth saying.

    Chats are rendered by transformers and read by tokenizer.json, as the engine serves them. One
    that the model's template refuses, e.g. for its system message, has null.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        raise EngineError(
            "unsupported", f"transformers does not load the tokenizer: {error}"
        ) from error
    plain, notes = Tokenizer(folder, read_config(folder).vocabulary, ()), []

    def render(chat: list[dict]) -> str | None:
        try:
            return tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        except Exception:  # whatever a template raises
            return None

    chats = [(c, render(c)) for c in PROBE_CHATS] if tokenizer.chat_template else []
    told = [text for _, text in chats if text is not None]
    if any(tokenizer(t, add_special_tokens=False).input_ids != plain.encode(t) for t in told):
        notes.append(
            "its tokenizer.json is used; transformers makes up another one by the model's type"
        )
    probes = {
        "texts": [{"text": t, "ids": plain.encode(t)} for t in PROBE_TEXTS],
        "chats": [
            {"messages": chat, "ids": None if text is None else plain.encode(text)}
            for chat, text in chats
        ],
    }
    return probes, notes


def import_model(source: Path, target: Path, base: Path | None) -> dict:
    """Imports a model as the module's beginning says; raises an EngineError."""
    if not source.is_dir():
        raise EngineError("not-found", f"{source} is no folder.")
    revision = source / "refs" / "main"
    if revision.exists():  # of the hub's cache, the folder of a whole repository
        source = source / "snapshots" / revision.read_text().strip()
    folder = find_folder(source, "actor")
    if not any((folder / n).exists() for n in ("config.json", "adapter_config.json")):
        raise EngineError(
            "invalid-input",
            f"{source} is no model: it holds neither config.json nor adapter_config.json nor "
            "global_step_N.",
        )
    notes = write_model(folder, base, target)
    shortage = find_memory_shortage(target)
    notes.append(shortage or f"as transformers, it writes: {compare_with_transformers(target)!r}")
    probes, further = build_probes(target)
    return {"path": str(folder), "notes": notes + further, "probes": probes}


def check_model_settings(source: Path) -> dict:
    """Refuses what the configuration and tokenizer of a folder without weights already tell."""
    check_language_model(source, read_config(source))
    return {"path": str(source), "notes": [], "probes": {"texts": [], "chats": []}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="import_model", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--settings", action="store_true")
    arguments = parser.parse_args()
    if arguments.settings == (arguments.target is not None):
        parser.error("give TARGET, or --settings without it")
    try:
        result = (
            check_model_settings(arguments.source)
            if arguments.settings
            else import_model(arguments.source, arguments.target, arguments.base)
        )
    except EngineError as error:
        result = {"error": {"code": error.code, "message": error.message}}
    print(json.dumps(result), flush=True)
    sys.exit(1 if "error" in result else 0)


if __name__ == "__main__":
    main()
