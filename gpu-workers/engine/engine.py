"""What each kind of operation does: the table between the dialect and the computation. Runs on the worker thread."""

import platform
import time
from pathlib import Path
from typing import Callable, get_args

import torch

from . import dialect, forward_backward, huggingface, sampling, saved_state
from .device import Device
from .dialect_rules import DialectModel
from .errors import EngineError
from .fingerprint import compute_fingerprint
from .guided_decoding import encode_guided
from .llama import ARCHITECTURES
from .memory import (
    empty_cache,
    get_device_bytes,
    get_device_memory_bytes,
    get_memory_bytes,
    get_peak_device_bytes,
    get_peak_resident_bytes,
    get_resident_bytes,
)  # fmt: skip
from .model import FrozenBase, Model

Check = Callable[[], None]


class Engine:
    """Models by name on shared bases."""

    def __init__(self, device: Device, cache_bytes: int | None = None):
        self.device = device
        # Per cache; a model has up to three.
        self.cache_bytes = cache_bytes or min(2 << 30, get_memory_bytes() // 12)
        self.bases: dict[Path, FrozenBase] = {}
        self.models: dict[str, Model] = {}

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Executes one operation; `body` is of the kind's schema."""
        if kind == "create_model":
            return self.create_model(name, body)
        if kind == "memory":
            return self.memory()
        model = self.model(name)
        match kind:
            case "delete_model":
                del self.models[name], model
                empty_cache()
                return {}
            case "sample":
                return sampling.sample(model, body, check)
            case "end_sessions":
                model.end_sessions(body.sessions)
                return {}
            case "forward":
                return forward_backward.forward(model, body, check)
            case "forward_backward":
                return forward_backward.forward_backward(model, body, check)
            case "encode_guided":
                ids, forced = encode_guided(model.base.tokenizer, body.lark, body.text)
                return {"ids": ids, "forced": forced}
        trainable = model.require_trainable()
        match kind:
            case "optim_step":
                norm = trainable.optim_step(
                    body.learningRate, body.betas, body.eps, body.weightDecay, body.gradClip
                )
                if not body.keepActivations:
                    model.clear_activations()
                return {"gradNorm": norm, "step": trainable.step}
            case "snapshot":
                if body.name == "base":
                    raise EngineError(
                        "invalid-input",
                        'The name "base" stands for the model as it was loaded: choose another.',
                    )
                trainable.snapshots[body.name] = trainable.values.clone()
                return {}
            case "save_state":
                saved = saved_state.save_state(trainable, model.spec, body.path)
                model.clear_activations()
                return saved
            case "load_state":
                loaded = saved_state.load_state(trainable, model.spec, body.path)
                model.clear_activations()
                return loaded
            case "import_weights":
                trainable.reset(huggingface.read_weights(model, Path(body.path)))
                model.clear_activations()
                return {"hash": trainable.hash(), "step": trainable.step}
            case "export":
                return huggingface.export_weights(model, Path(body.path), body.merged)
            case "weights_hash":
                return {"hash": trainable.hash(), "step": trainable.step}
        raise EngineError("unsupported", f"There is no operation {kind!r}.")

    def model(self, name: str) -> Model:
        if name not in self.models:
            raise EngineError(
                "not-found",
                f"There is no model {name!r}: create it first. Present: {', '.join(self.models) or 'none'}.",
            )
        return self.models[name]

    def create_model(self, name: str, body: dialect.CreateModelBody) -> dict:
        started = time.perf_counter()
        if name in self.models:
            raise EngineError(
                "conflict",
                f"There is already a model {name!r}: delete it first or choose another name.",
            )
        folder = huggingface.find_folder(Path(body.base), "actor").resolve()
        if folder not in self.bases:
            self.bases[folder] = FrozenBase(folder, self.device)
        base = self.bases[folder]
        model = Model(
            name, body, base, self.cache_bytes, self.model(body.beside) if body.beside else None
        )
        self.models[name] = model
        c = base.model.config
        return {
            "layers": c.layers,
            "vocabulary": c.vocabulary,
            "maxLength": c.max_length,
            "parameters": base.model.parameters,
            "trainable": 0 if model.trainable is None else model.trainable.values.numel(),
            "eosIds": list(c.eos_ids),
            "seconds": time.perf_counter() - started,
        }

    def memory(self) -> dict:
        caches = {id(c): c for m in self.models.values() for c in m.caches()}.values()
        return {
            "residentBytes": get_resident_bytes(),
            "peakResidentBytes": get_peak_resident_bytes(),
            "cacheBytes": sum(c.bytes for c in caches),
            "cachedTokens": sum(c.tokens for c in caches),
            "deviceBytes": get_device_bytes(),
            "peakDeviceBytes": get_peak_device_bytes(),
        }

    def capabilities(self) -> dict:
        from importlib.metadata import version

        packages = ("torch", "llguidance", "tokenizers", "safetensors", "fastapi")
        return {
            "device": self.device.kind,
            "deviceName": self.device.name,
            "dtype": self.device.dtype_name,
            "threads": self.device.threads,
            "bf16": self.device.bf16,
            "memoryBytes": get_memory_bytes(),
            "deviceMemoryBytes": get_device_memory_bytes(),
            "models": [
                {
                    "id": m.name,
                    "base": m.base.folder.name,
                    "head": m.head,
                    "step": m.trainable.step if m.trainable else 0,
                }
                for m in list(self.models.values())
            ],
            "architectures": list(ARCHITECTURES.values()),
            "losses": list(get_args(dialect.EngineLoss)),
            "tuning": ["lora", "full"],
            "heads": ["language", "value"],
            "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
            "fingerprint": compute_fingerprint(self.device),
        }


def make_torch_deterministic() -> None:
    """Settings that make equal calls give equal bits."""
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = (
        False  # only a debugging aid, and it costs time
    )
