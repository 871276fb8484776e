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
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from .api.dialect import OPERATIONS, LoraConfig
from .device import choose_device
from .engine import Engine
from .errors import EngineError
from .models.huggingface import find_folder, is_tied
from .models.llama import HEAD_AND_EMBEDDING, LlamaConfig, find_llama_tensors, read_config
from .models.model_folder import (
    StoredTensor,
    check_is_content,
    list_kept_files,
    list_weight_files,
    read_json,
    read_tensor,
)
from .models.peft_adapter import merge_factors, read_scaled_factors
from .models.transformers_model import LibraryLora
from .models.transformers_network import (
    LibraryModel,
    TransformersConfig,
    check_is_causal,
    describe_library,
    find_library_tensors,
    find_reason,
    load_library_config,
    load_library_model,
    name_head_and_embedding,
)
from .sampling.guided_decoding import Tokenizer
from .training.saved_state import write_folder

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
PROBE_TOKENS = 12
# Of another length than the first, so that a batch of both is padded.
SECOND_TEXT = PROBE_TEXTS[3]
# Largest difference of a log-probability between two computations in float32.
TOLERANCE = 0.02


AnyConfig = LlamaConfig | TransformersConfig


def read_any_config(folder: Path) -> AnyConfig:
    """What a folder's config.json says, of a model that the engine or transformers computes."""
    if find_reason(folder) is None:
        return read_config(folder)
    return load_library_config(folder)[1]


def find_stored_tensors(folder: Path, config: AnyConfig) -> dict[str, StoredTensor]:
    """The tensors of a folder; raises where they are not exactly those of its config.json."""
    if isinstance(config, LlamaConfig):
        return find_llama_tensors(folder, config)
    load_library_model(folder, torch.float32, torch.device("meta"))
    return find_library_tensors(folder)


def check_language_model(folder: Path, config: AnyConfig) -> None:
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
    try:
        largest = max(Tokenizer(folder, config.vocabulary, ()).plain.get_vocab().values())
    except Exception as error:  # tokenizers raises nothing more special
        raise EngineError(
            "invalid-input",
            f"{folder.name}/tokenizer.json is no tokenizer ({error}): copy it again.",
        ) from error
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


def has_tied_head(folder: Path, config: AnyConfig, read: Callable[[str], Tensor | None]) -> bool:
    """Whether a model's output head is its embedding.

    `folder` holds the model, or the one that an adapter is merged into; `read` gives the weights
    that are written, by their names in files.
    """
    if isinstance(config, LlamaConfig):
        return is_tied({n: t for n in HEAD_AND_EMBEDDING if (t := read(n)) is not None})
    model, _ = load_library_model(folder, torch.float32, torch.device("meta"))
    names = name_head_and_embedding(model)
    if names is None:
        return config.tied
    head, embedding = (read(name) for name in names)
    if head is None or embedding is None:  # of another name in files: both are there
        return False
    return config.tied and torch.equal(head, embedding)


def collect_model(folder: Path, config: AnyConfig) -> tuple[dict[str, Any], bool]:
    """The weight files of a whole model, to be copied as they are, and whether its head is tied."""
    stored = find_stored_tensors(folder, config)
    for name, tensor in stored.items():
        check_finite(f"{folder.name}: {name}", read_tensor(name, tensor))
    files: dict[str, Any] = {p.name: p for p in list_weight_files(folder)}
    if list(files) != ["model.safetensors"]:
        where = {name: tensor.path.name for name, tensor in stored.items()}
        files["model.safetensors.index.json"] = {"metadata": {}, "weight_map": where}
    tied = has_tied_head(
        folder, config, lambda n: read_tensor(n, stored[n]) if n in stored else None
    )
    return files, tied


def describe_adapted_maps(folder: Path) -> str:
    """What low-rank factors with the default targets are added to in a model of transformers."""
    loaded = load_library_model(folder, torch.float32, torch.device("meta"))
    try:
        lora = LibraryLora(LoraConfig(rank=1, alpha=1), LibraryModel(*loaded))
    except EngineError as error:
        return f"no LoRA: {error.message}"
    return f"LoRA adds factors to its maps {', '.join(lora.list_maps())}"


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
    config = read_any_config(folder)
    check_language_model(folder, config)
    if is_adapter:
        factors = read_scaled_factors(source)
        weights = merge_factors(folder, factors, f"The adapter in {source.name}")
        for name, tensor in weights.items():
            check_finite(f"{source.name}: {name}", tensor)
        files: dict[str, Any] = {"model.safetensors": weights}
        tied = has_tied_head(folder, config, weights.get)
    else:
        files, tied = collect_model(folder, config)
    notes = []
    if isinstance(config, TransformersConfig):
        notes.append(
            f"its layers are computed by {describe_library().split(' numerics')[0]}, as the "
            f"engine has none of its own for it ({config.reason}): correct, but several times "
            f"slower; {describe_adapted_maps(folder)}"
        )
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


def run_engine(
    folder: Path, texts: list[list[int]]
) -> tuple[list[list[int]], list[list[float]], list[list[float]]]:
    """What the engine writes greedily after each text.

    Returns the whole sequences, the log-probabilities of all their tokens, and those that sampling
    gave what it wrote.
    """
    engine = Engine(choose_device("cpu", "float32"), 1 << 28)

    def call(kind: str, **body: Any) -> dict:
        parsed = OPERATIONS[kind].body.model_validate(body)
        return engine.run(kind, "m", parsed, lambda: None)

    call("create_model", base=str(folder), lora=None, seed=0)
    sequences = [{"ids": ids, "maxTokens": PROBE_TOKENS, "temperature": 0} for ids in texts]
    samples = [one for (one,) in call("sample", adapter=False, sequences=sequences)["sequences"]]
    whole = [ids + one["ids"] for ids, one in zip(texts, samples, strict=True)]
    data = [{"ids": ids, "weights": [0.0] + [1.0] * (len(ids) - 1)} for ids in whole]
    logprobs = call("forward", adapter=False, data=data)["logprobs"]
    return whole, logprobs, [one["logprobs"] for one in samples]


def load_reference(folder: Path, config: AnyConfig) -> Any:
    """transformers' model of a folder in float32; raises where it is not loaded whole."""
    from transformers import AutoModelForCausalLM

    if isinstance(config, TransformersConfig):
        model, _ = load_library_model(folder, torch.float32, torch.device("cpu"))
        # Another way to compute attention than the one that is compared, where there are two.
        model.set_attn_implementation("eager")
        return model
    try:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    except Exception as error:
        raise EngineError(
            "unsupported", f"{folder.name} is not loaded by transformers: {error}"
        ) from error


def compare_with_transformers(folder: Path, config: AnyConfig) -> str:
    """Has engine and transformers continue texts; raises where they differ. Returns the first."""
    tokenizer = Tokenizer(folder, config.vocabulary, ())
    texts = [tokenizer.encode(PROBE_TEXTS[0])]
    if isinstance(config, TransformersConfig):
        texts.append(tokenizer.encode(SECOND_TEXT))
    wholes, logprobs, sampled = run_engine(folder, texts)
    gc.collect()
    model = load_reference(folder, config)
    if isinstance(config, TransformersConfig):
        check_is_causal(model, wholes[0], folder.name, config.vocabulary)
    for ids, whole, ours, of_sampling in zip(texts, wholes, logprobs, sampled, strict=True):
        with torch.no_grad():
            theirs = torch.log_softmax(model(torch.tensor([whole])).logits[0].float(), -1)
        for i in range(1, len(whole)):
            want, best = float(theirs[i - 1, whole[i]]), float(theirs[i - 1].max())
            chosen = i >= len(ids)
            here = [ours[i], *([of_sampling[i - len(ids)]] if chosen else [])]
            wrong = [x for x in here if not abs(want - x) <= TOLERANCE]
            if wrong or (chosen and best - want > TOLERANCE):
                raise EngineError(
                    "unsupported",
                    f"{folder.name} does not compute here what transformers computes: after "
                    f"{tokenizer.decode(whole[:i])!r} the log-probability of "
                    f"{tokenizer.decode([whole[i]])!r} is {(wrong or here)[0]:.3f} here and "
                    f"{want:.3f} there. The folder holds something that is not known here.",
                )
    return tokenizer.decode(wholes[0])


def find_memory_shortage(folder: Path, config: AnyConfig) -> str | None:
    """Why the comparison is left out; None where a copy of the model in float32 fits."""
    stored = find_stored_tensors(folder, config)
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
    plain, notes = Tokenizer(folder, read_any_config(folder).vocabulary, ()), []

    def render(chat: list[dict], thinking: bool | None) -> str | None:
        switch = {} if thinking is None else {"enable_thinking": thinking}
        try:
            return tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, tokenize=False, **switch
            )
        except Exception:  # whatever a template raises
            return None

    template = tokenizer.chat_template
    # Of Qwen3, SmolLM3: the template can be told to have the model think, or not.
    told_by = [None, True, False] if "enable_thinking" in str(template) else [None]
    chats = [(c, t, render(c, t)) for t in told_by for c in PROBE_CHATS] if template else []
    told = [text for _, _, text in chats if text is not None]
    if template and not told:
        notes.append("its chat template renders no chat: it cannot be asked in one until it is set")
    if any(tokenizer(t, add_special_tokens=False).input_ids != plain.encode(t) for t in told):
        notes.append(
            "its tokenizer.json is used; transformers makes up another one by the model's type"
        )
    probes = {
        "texts": [{"text": t, "ids": plain.encode(t)} for t in PROBE_TEXTS],
        "chats": [
            {
                "messages": chat,
                "thinking": {None: "template", True: "on", False: "off"}[thinking],
                "ids": None if text is None else plain.encode(text),
            }
            for chat, thinking, text in chats
        ],
    }
    return probes, notes


@contextmanager
def refuse_odd_values(folder: Path) -> Iterator[None]:
    """Raises `invalid-input` where a value of the folder's files is none that is computed with."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        traceback.print_exc()
        raise EngineError(
            "invalid-input",
            f"{folder.name} holds a value in one of its JSON files that no model of its kind has "
            f"({type(error).__name__}: {error}). Copy the folder again, or compare config.json and "
            "generation_config.json with those of the model that was trained.",
        ) from error


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
    with refuse_odd_values(folder):
        notes = write_model(folder, base, target)
        try:
            further, probes = check_written(target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)  # nothing is left of a model that is refused
            raise
    return {"path": str(folder), "notes": notes + further, "probes": probes}


def check_written(target: Path) -> tuple[list[str], dict]:
    """Compares what was written with transformers. Returns what is worth saying, and the probes."""
    config = read_any_config(target)
    shortage = find_memory_shortage(target, config)
    if shortage is None:
        shown = compare_with_transformers(target, config)
        note = f"as transformers, it writes: {shown!r}"
    else:
        note = shortage
    probes, further = build_probes(target)
    return [note, *further], probes


def check_model_settings(source: Path) -> dict:
    """Refuses what the configuration and tokenizer of a folder without weights already tell."""
    with refuse_odd_values(source):
        check_language_model(source, read_any_config(source))
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
