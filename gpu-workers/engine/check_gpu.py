"""Checks the engine on this machine's accelerator against the CPU in float32, and measures it.

    python gpu-workers/engine/check_gpu.py [--device cuda|mps|cpu]
                                           [--model FOLDER | --random tiny|0.5b|1.5b|3b|7b]
                                           [--ranks N]

Needs Python, torch and transformers only; with more than one GPU also Ray, pydantic and psutil, to
check them as ranks of one engine (--ranks N: so many, also on a CPU). Without --model a random
model is made in a temporary folder. Prints a line for each check. Exit code 0: everything agrees;
1: something does not; 2: there is no such device.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # started as a file: the package is found from the folder above
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from engine.models.fallback_modules import install_fallbacks

MISSING = install_fallbacks()

import torch

from engine.api import dialect
from engine.device import choose_device
from engine.engine import Engine, make_torch_deterministic
from engine.models.tiny_model import SHAPES, save_qwen2
from engine.training.trainable import Trainable

# Largest difference of a log-probability, and of a gradient relative to its norm, between two
# float32 computations.
LOGPROB_TOLERANCE = 1e-3
GRADIENT_TOLERANCE = 2e-3
# Mean difference of log-probabilities between bfloat16 and float32 that ratios of PPO (clip 0.2)
# can bear.
DRIFT_TOLERANCE = 0.1
ADAPTER: dict[str, Any] = {"lora": {"rank": 8, "alpha": 16, "firstLayer": 1}}
# Ranks share the base below factors on all layers; one process holds it whole.
SHARED: dict[str, Any] = {"lora": {"rank": 8, "alpha": 16}, "shardBase": True}


@dataclass
class Check:
    """A line of the table. `holds` None: a measurement, which is neither right nor wrong."""

    name: str
    value: str
    bound: str
    holds: bool | None


class EngineRunner:
    """An engine in this process with models "policy" and, where asked for, others."""

    def __init__(self, folder: Path, device: str, dtype: str | None = None):
        self.engine = Engine(choose_device(device, dtype), 1 << 30)
        self.folder = folder

    def call(self, kind: str, model: str = "policy", **body) -> dict:
        """Runs an operation; the body's fields are keywords."""
        return self.engine.run(
            kind, model, dialect.OPERATIONS[kind].body.model_validate(body), lambda: None
        )

    def create(self, model: str = "policy", seed: int = 3, **settings: Any) -> None:
        """Creates a model whose trained weights are not the initial ones.

        An adapter's B is zero at first and would hide mistakes.
        """
        body = {"base": str(self.folder), "lora": None, "seed": seed, **settings}
        self.call("create_model", model, **body)
        trainable = self.get_trainable(model)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(trainable.values.shape, generator=generator) * 0.02
        trainable.values = trainable.values + noise.to(trainable.values.device)
        trainable.mark_changed()

    def get_trainable(self, model: str) -> Trainable:
        return self.engine.get_model(model).require_trainable()

    def get_gradient(self, model: str) -> torch.Tensor:
        """The accumulated gradient [size]."""
        gradient = self.get_trainable(model).gradient
        assert gradient is not None
        return gradient.detach().float().cpu()

    def get_values(self, model: str) -> torch.Tensor:
        """The trained values [size]."""
        return self.get_trainable(model).values.detach().float().cpu()


def make_data(vocabulary: int, count: int, prompt: int, length: int) -> list[dict]:
    """Sequences that share a prompt in pairs, with actions in their second part."""
    random = torch.Generator().manual_seed(11)

    def draw(count: int) -> list[int]:
        return torch.randint(5, vocabulary, (count,), generator=random).tolist()

    data, shared = [], []
    for i in range(count):
        shared = draw(prompt) if i % 2 == 0 else shared
        ids = shared + draw(length - prompt)
        actions = [float(p >= prompt and p % 5 != 0) for p in range(length)]
        signs = [(1.0 if (i + p) % 3 else -1.0) * a for p, a in enumerate(actions)]
        data.append(
            {
                "ids": ids,
                "weights": actions,
                "advantages": signs,
                "logprobs": [0.0] * length,
                "returns": signs,
                "values": [0.0] * length,
            }
        )
    return data


def flatten_actions(rows: list[list[float]], data: list[dict]) -> torch.Tensor:
    """The numbers [actions] of tokens with weight."""
    pairs = [
        pair
        for row, d in zip(rows, data, strict=True)
        for pair in zip(row, d["weights"], strict=True)
    ]
    return torch.tensor([number for number, weight in pairs if weight])


def compute_relative_error(a: torch.Tensor, b: torch.Tensor) -> float:
    """Norm of the difference by the norm of `b`."""
    return float((a - b).norm() / b.norm().clamp_min(1e-12))


def compute_transformers_logprobs(folder: Path, data: list[dict]) -> torch.Tensor:
    """Log-probabilities of the actions by transformers, on the CPU in float32, without adapter."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    with torch.no_grad():
        for d in data:
            ids = torch.tensor(d["ids"])
            logprobs = torch.log_softmax(model(ids[None]).logits[0].float(), -1)
            found += [float(logprobs[p - 1, ids[p]]) for p in range(1, len(ids)) if d["weights"][p]]
    return torch.tensor(found)


def run_training(running: EngineRunner, data: list[dict]) -> dict[str, torch.Tensor]:
    """Log-probabilities, gradients and weights after a step, to compare between two devices.

    PPO by adapter and in full, and a critic by adapter; adapters also on a shared base.
    """
    found = {}
    running.create("policy", **ADAPTER)
    rows = running.call("forward", adapter=True, data=data)["logprobs"]
    found["log-probabilities"] = flatten_actions(rows, data)
    # Old log-probabilities near the present ones, so that some ratios are clipped and some are not.
    old = [[lp + (0.3 if p % 2 else -0.1) for p, lp in enumerate(row)] for row in rows]
    policy = [{**d, "logprobs": o} for d, o in zip(data, old, strict=True)]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("policy", ADAPTER, "ppo"),
        ("full", {"full": {"firstLayer": 1}}, "ppo"),
        ("critic", {**ADAPTER, "head": "value"}, "value"),
        ("shared", SHARED, "ppo"),
        ("shared-critic", {**SHARED, "head": "value"}, "value"),
    ]
    for model, settings, loss in cases:
        if model != "policy":
            running.create(model, **settings)
        config = {"valueClip": 0.2} if loss == "value" else {}
        running.call(
            "forward_backward",
            model,
            loss=loss,
            config=config,
            data=data if loss == "value" else policy,
        )
        found[f"gradient, {model}"] = running.get_gradient(model)
        running.call("optim_step", model, learningRate=1e-3)
        found[f"weights after a step, {model}"] = running.get_values(model)
    return found


def check_agreement(folder: Path, kind: str, vocabulary: int) -> list[Check]:
    """Device against CPU, both in float32, and the CPU against transformers."""
    data = make_data(vocabulary, 4, 24, 56)
    cpu = EngineRunner(folder, "cpu", "float32")
    reference = run_training(cpu, data)
    base = flatten_actions(cpu.call("forward", adapter=False, data=data)["logprobs"], data)
    checks = [
        check_close(
            "CPU against transformers, log-probabilities",
            float((base - compute_transformers_logprobs(folder, data)).abs().max()),
            LOGPROB_TOLERANCE,
        )
    ]
    here = EngineRunner(folder, kind, "float32")
    found = run_training(here, data)
    for name, expected in reference.items():
        difference = compute_relative_error(found[name], expected)
        tolerance = GRADIENT_TOLERANCE
        if name == "log-probabilities":
            difference = float((found[name] - expected).abs().max())
            tolerance = LOGPROB_TOLERANCE
        checks.append(check_close(f"{kind} against CPU, {name}", difference, tolerance))
    prompts = [d["ids"][:24] for d in data]
    greedy = [{"ids": ids, "maxTokens": 16, "temperature": 0} for ids in prompts]
    texts = [
        [s[0]["ids"] for s in r.call("sample", adapter=True, sequences=greedy)["sequences"]]
        for r in (cpu, here)
    ]
    same = sum(a == b for a, b in zip(*texts, strict=True))
    checks.append(
        Check(
            f"{kind} against CPU, greedy texts",
            f"{same} of {len(prompts)} equal",
            "all",
            same == len(prompts),
        )
    )
    # Log-probabilities of the sampler, whose keys come from the cache, and of the trainer, which
    # computes packed sequences.
    drawn = here.call(
        "sample",
        adapter=True,
        sequences=[
            {"ids": ids, "maxTokens": 24, "temperature": 1, "seed": i}
            for i, ids in enumerate(prompts)
        ],
    )["sequences"]
    sampled = [s[0] for s in drawn]
    again = [
        {"ids": p + s["ids"], "weights": [0.0] * len(p) + [1.0] * len(s["ids"])}
        for p, s in zip(prompts, sampled, strict=True)
    ]
    trainer = flatten_actions(here.call("forward", adapter=True, data=again)["logprobs"], again)
    checks.append(
        check_close(
            f"{kind}, sampler against trainer",
            float(
                (trainer - torch.tensor([v for s in sampled for v in s["logprobs"]])).abs().max()
            ),
            LOGPROB_TOLERANCE,
        )
    )
    return checks


@contextmanager
def open_ranks(kind: str, dtype: str, ranks: int) -> Iterator[Any]:
    """An engine of that many ranks, by a Ray of this machine."""
    from engine.distributed.ray_environment import prepare_ray_environment

    prepare_ray_environment(None)
    from engine.distributed.driver import ClusterSettings, DistributedEngine, make_rank_settings

    cluster = ClusterSettings(ranks)
    settings = make_rank_settings(kind, dtype, None, 1 << 30, cluster)
    engine = DistributedEngine(settings, cluster)
    try:
        yield engine
    finally:
        engine.close()


class RanksRunner(EngineRunner):
    """An engine of several ranks. What they hold is read through saved states."""

    def __init__(self, folder: Path, engine: Any, scratch: Path):
        self.engine = engine
        self.folder, self.scratch = folder, scratch
        self.reader = EngineRunner(folder, "cpu", "float32")

    def create(self, model: str = "policy", seed: int = 3, **settings: Any) -> None:
        body = {"base": str(self.folder), "lora": None, "seed": seed, **settings}
        self.call("create_model", model, **body)
        self.reader.create(model, seed, **settings)
        path = str(self.scratch / f"{model}-given")
        self.reader.call("save_state", model, path=path)
        self.call("load_state", model, path=path)

    def get_trainable(self, model: str) -> Trainable:
        path = str(self.scratch / f"{model}-read")
        self.call("save_state", model, path=path)
        self.reader.call("load_state", model, path=path)
        return self.reader.get_trainable(model)


def check_ranks(
    folder: Path, kind: str, vocabulary: int, ranks: int, group: int, context: int, scratch: Path
) -> list[Check]:
    """Ranks against one process on the CPU, both in float32; then their speed."""
    data = make_data(vocabulary, 4, 24, 56)
    reference = run_training(EngineRunner(folder, "cpu", "float32"), data)
    with open_ranks(kind, "float32", ranks) as engine:
        running, ranks = RanksRunner(folder, engine, scratch), engine.ranks
        found = run_training(running, data)
        checks = []
        for name, expected in reference.items():
            difference = compute_relative_error(found[name], expected)
            tolerance = GRADIENT_TOLERANCE
            if name == "log-probabilities":
                difference = float((found[name] - expected).abs().max())
                tolerance = LOGPROB_TOLERANCE
            checks.append(check_close(f"{ranks} ranks against CPU, {name}", difference, tolerance))
        path = str(scratch / "resumed")
        running.call("save_state", path=path)
        ends = []
        for _ in range(2):
            running.call("load_state", path=path)
            running.call("forward_backward", loss="ppo", data=data)
            running.call("optim_step", learningRate=1e-3)
            ends.append(running.call("weights_hash")["hash"])
        same = ends[0] == ends[1]
        checks.append(
            Check(f"{ranks} ranks, resumed twice", "equal" if same else "differ", "equal", same)
        )
        return checks + measure_ranks(running, make_data(vocabulary, group, context // 2, context))


def measure_ranks(running: RanksRunner, data: list[dict]) -> list[Check]:
    """Speed of the gradient over all ranks, and what of their time is communication."""
    seconds, times = 0.0, []
    for _ in range(2):  # the first round does not count
        started = time.perf_counter()
        running.call("forward_backward", loss="ppo", data=data)
        times = running.call("optim_step", learningRate=0.0)["ranks"]
        seconds = time.perf_counter() - started
    tokens = sum(len(d["ids"]) for d in data)
    names = ("computeSeconds", "communicationSeconds", "waitSeconds")
    whole = sum(rank[name] for rank in times for name in names)
    talking = sum(rank["communicationSeconds"] for rank in times)
    ranks = len(times)
    return [
        Check(
            f"{ranks} ranks, gradient in float32",
            f"{tokens / seconds:.0f} tokens/s",
            f"{len(data)} sequences",
            None,
        ),
        Check(f"{ranks} ranks, communication", f"{talking / whole:.0%}", "of their time", None),
    ]


def check_close(name: str, difference: float, tolerance: float) -> Check:
    """A check that holds where the difference is below the tolerance."""
    return Check(name, f"{difference:.1e}", f"below {tolerance:.0e}", difference < tolerance)


def check_drift(folder: Path, kind: str, vocabulary: int) -> Check:
    """How far bfloat16 is from float32 on the device."""
    data = make_data(vocabulary, 4, 24, 56)
    both = []
    for dtype in ("float32", "bfloat16"):
        running = EngineRunner(folder, kind, dtype)
        running.create("policy", **ADAPTER)
        both.append(
            flatten_actions(running.call("forward", adapter=True, data=data)["logprobs"], data)
        )
    mean = float((both[0] - both[1]).abs().mean())
    return Check(
        f"{kind}, bfloat16 against float32, mean difference of log-probabilities",
        f"{mean:.3f}",
        f"below {DRIFT_TOLERANCE}",
        mean < DRIFT_TOLERANCE,
    )


def measure(folder: Path, kind: str, vocabulary: int, group: int, context: int) -> list[Check]:
    """Speed of prefill, decoding and gradient in the device's own dtype, and the peak of memory."""
    running = EngineRunner(folder, kind)
    running.create("policy", **ADAPTER)
    data = make_data(vocabulary, group, context // 2, context)
    prompts = [
        {"ids": d["ids"][:-32], "maxTokens": 32, "temperature": 1, "seed": i}
        for i, d in enumerate(data)
    ]
    usage, seconds = {}, 0.0
    for _ in range(2):  # the first round loads kernels and grows pools, and does not count
        running.engine.get_model("policy").clear_activations()
        usage = running.call("sample", adapter=True, sequences=prompts)["usage"]
        started = time.perf_counter()
        running.call("forward_backward", loss="ppo", data=data)
        norm = running.call("optim_step", learningRate=0.0)["gradNorm"]
        assert norm > 0  # reading it waits for the device
        seconds = time.perf_counter() - started
    length = sum(len(d["ids"]) for d in data)
    memory = running.call("memory")
    peak = memory["peakDeviceBytes"] or memory["peakResidentBytes"]
    dtype = running.engine.device.dtype_name
    return [
        Check(
            f"prefill, {dtype}",
            f"{usage['computedTokens'] / usage['prefillSeconds']:.0f} tokens/s",
            f"{usage['computedTokens']} tokens",
            None,
        ),
        Check(
            f"decode, {dtype}",
            f"{usage['sampledTokens'] / usage['decodeSeconds']:.0f} tokens/s",
            f"{len(prompts)} sequences",
            None,
        ),
        Check(
            f"gradient, {dtype}",
            f"{length / seconds:.0f} tokens/s",
            f"{len(data)} x {context} tokens",
            None,
        ),
        Check("peak memory", f"{peak / 2**30:.2f} GiB", running.engine.device.name, None),
    ]


def is_available(kind: str) -> bool:
    """Whether torch can use a device of this kind."""
    return {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }[kind]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--device", choices=["cuda", "mps", "cpu"], help="default: the accelerator that is there"
    )
    parser.add_argument("--model", type=Path, help="Hugging Face folder (Llama or Qwen2)")
    parser.add_argument(
        "--random", choices=list(SHAPES), default="tiny", help="shape of the random model"
    )
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument(
        "--ranks", type=int, help="check so many GPUs as ranks of one engine (default: all)"
    )
    options = parser.parse_args(arguments)
    make_torch_deterministic()
    kind = options.device or (
        "cuda" if is_available("cuda") else "mps" if is_available("mps") else None
    )
    if kind is None or not is_available(kind):
        print(
            f"There is no {kind or 'GPU'} that torch {torch.__version__} can use: nothing was "
            "checked. (--device cpu checks the check itself.)"
        )
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or save_qwen2(Path(scratch), options.random)
        what = options.model.name if options.model else f"random {options.random} model"
        running = EngineRunner(folder, kind)
        print(f"{running.engine.device.name} ({kind}), torch {torch.__version__}, {what}")
        if MISSING:
            print(f"without {' and '.join(MISSING)}: guided decoding is not checked")
        from engine.models.llama import read_config

        vocabulary = read_config(folder).vocabulary
        checks = check_agreement(folder, kind, vocabulary)
        checks.append(check_drift(folder, kind, vocabulary))
        checks += measure(folder, kind, vocabulary, options.group, options.context)
        ranks = options.ranks or (torch.cuda.device_count() if kind == "cuda" else 1)
        if ranks > 1 and (MISSING or importlib.util.find_spec("ray") is None):
            absent = " and ".join([*MISSING, "Ray"] if MISSING else ["Ray"])
            print(f"without {absent}: {ranks} GPUs as ranks of one engine are not checked")
        elif ranks > 1:
            sizes = (ranks, options.group, options.context)
            checks += check_ranks(folder, kind, vocabulary, *sizes, Path(scratch))
    width = max(len(c.name) for c in checks)
    for c in checks:
        mark = "  " if c.holds is None else "ok" if c.holds else "NO"
        print(f"{mark} {c.name.ljust(width)}  {c.value.rjust(16)}  {c.bound}")
    wrong = [c for c in checks if c.holds is False]
    print(
        f"{len(wrong)} of {sum(c.holds is not None for c in checks)} checks disagree."
        if wrong
        else "Everything agrees."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
