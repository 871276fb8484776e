"""The engine: what each operation of the dialect does. Runs on the worker thread."""

import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, cast, get_args

import torch

from .api import dialect
from .api.dialect_rules import DialectModel
from .device import Device
from .errors import EngineError
from .fingerprint import compute_fingerprint
from .memory import (
    empty_cache,
    get_device_bytes,
    get_device_memory_bytes,
    get_memory_bytes,
    get_peak_device_bytes,
    get_peak_resident_bytes,
    get_resident_bytes,
)
from .models import huggingface
from .models.llama import ARCHITECTURES
from .models.model import FrozenBase, MakeTrainable, Model
from .models.transformers_model import LibraryLora, TransformersBase, TransformersModel
from .models.transformers_network import describe_library, find_reason
from .sampling import sampling
from .sampling.guided_decoding import Tokenizer, encode_guided
from .sampling.transformers_sampling import sample_library_rows
from .training import forward_backward, saved_state
from .training.forward_backward import AnyModel
from .training.turns import allow_interleaved_sampling

Check = Callable[[], None]


class ServedConfig(Protocol):
    @property
    def max_length(self) -> int: ...


class ServedNetwork(Protocol):
    @property
    def config(self) -> ServedConfig: ...


class ServedBase(Protocol):
    @property
    def folder(self) -> Path: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def model(self) -> ServedNetwork: ...


class ServedModel(Protocol):
    """What those who accept requests must know of a model, wherever its weights are."""

    @property
    def name(self) -> str: ...

    @property
    def base(self) -> ServedBase: ...

    @property
    def trainable(self) -> object:
        """False in a condition: nothing is trained."""


class EngineProtocol(Protocol):
    """What serves operations: an Engine, or many ranks (distributed/driver.py)."""

    @property
    def models(self) -> Mapping[str, ServedModel]: ...

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict: ...

    def get_model(self, name: str) -> ServedModel: ...

    def describe_capabilities(self) -> dict: ...


class Engine:
    """Models by name on shared bases. A method for each operation: body in, result out."""

    def __init__(self, device: Device, cache_bytes: int | None = None):
        """`cache_bytes` bounds each activation cache, of which a model has up to three, and one
        more while sampling takes turns with another operation on it.
        """
        self.device = device
        self.cache_bytes = cache_bytes or min(2 << 30, get_memory_bytes() // 12)
        self.make_trainable: MakeTrainable | None = None
        #: Serves requests that wait; called between the micro-batches of a long operation.
        self.serve_waiting: Callable[[], None] = lambda: None
        #: Whether a base holds no tensors before somebody says which.
        self.begins_empty = False
        self.bases: dict[Path, FrozenBase | TransformersBase] = {}
        self.models: dict[str, AnyModel] = {}
        self.handlers: dict[str, Callable[[str, Any, Check], dict]] = {
            "create_model": self.create_model,
            "delete_model": self.delete_model,
            "sample": self.sample,
            "end_sessions": self.end_sessions,
            "forward": self.forward,
            "forward_backward": self.forward_backward,
            "optim_step": self.optim_step,
            "snapshot": self.snapshot,
            "save_state": self.save_state,
            "load_state": self.load_state,
            "import_weights": self.import_weights,
            "export": self.export,
            "weights_hash": self.hash_weights,
            "encode_guided": self.encode_guided,
            "memory": self.read_memory,
        }

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Executes one operation on the model `name`.

        `body` is of the kind's class in dialect.OPERATIONS; `check` raises to cancel.
        """
        return self.handlers[kind](name, body, check)

    def get_model(self, name: str) -> AnyModel:
        """Raises `not-found` where there is none of this name."""
        if name not in self.models:
            present = ", ".join(self.models) or "none"
            raise EngineError(
                "not-found", f"There is no model {name!r}: create it first. Present: {present}."
            )
        return self.models[name]

    def load_base(self, body: dialect.CreateModelBody) -> FrozenBase | TransformersBase:
        """The frozen base of a model, which is loaded once."""
        folder = huggingface.find_folder(Path(body.base), "actor").resolve()
        if folder not in self.bases:
            load = FrozenBase if find_reason(folder) is None else TransformersBase
            self.bases[folder] = load(folder, self.device, self.begins_empty)
        return self.bases[folder]

    def create_model(self, name: str, body: dialect.CreateModelBody, check: Check) -> dict:
        started = time.perf_counter()
        if name in self.models:
            raise EngineError(
                "conflict",
                f"There is already a model {name!r}: delete it first or choose another name.",
            )
        base = self.load_base(body)
        other = self.get_model(body.beside) if body.beside else None
        if isinstance(base, TransformersBase):
            model = TransformersModel(name, body, base, self.make_trainable)
        else:
            model = Model(name, body, base, self.cache_bytes, other, self.make_trainable)
        self.models[name] = model
        c = base.model.config
        return {
            "layers": c.layers,
            "vocabulary": c.vocabulary,
            "maxLength": c.max_length,
            "parameters": base.model.parameters,
            "trainable": 0 if model.trainable is None else model.trainable.size,
            "eosIds": list(c.eos_ids),
            "seconds": time.perf_counter() - started,
            "library": describe_library() if isinstance(base, TransformersBase) else None,
            "adaptedMaps": (
                model.tuning.list_maps() if isinstance(model.tuning, LibraryLora) else None
            ),
        }

    def delete_model(self, name: str, body: dialect.EmptyBody, check: Check) -> dict:
        self.get_model(name)
        del self.models[name]
        empty_cache()
        return {}

    def sample(self, name: str, body: dialect.SampleBody, check: Check) -> dict:
        model = self.get_model(name)
        if isinstance(model, TransformersModel):
            rows = partial(sample_library_rows, model)
        else:
            rows = partial(sampling.sample_rows, model)
        return sampling.sample(model, body, check, rows)

    def end_sessions(self, name: str, body: dialect.EndSessionsBody, check: Check) -> dict:
        self.get_model(name).end_sessions(body.sessions)
        return {}

    def forward(self, name: str, body: dialect.ForwardBody, check: Check) -> dict:
        model = self.get_model(name)
        with allow_interleaved_sampling(
            model, self.models.values(), self.serve_waiting
        ) as serve_waiting:
            return forward_backward.forward(model, body, check, serve_waiting)

    def forward_backward(self, name: str, body: dialect.ForwardBackwardBody, check: Check) -> dict:
        model = self.get_model(name)
        with allow_interleaved_sampling(
            model, self.models.values(), self.serve_waiting
        ) as serve_waiting:
            return forward_backward.forward_backward(model, body, check, serve_waiting)

    def optim_step(self, name: str, body: dialect.OptimStepBody, check: Check) -> dict:
        model = self.get_model(name)
        trainable = model.require_trainable()
        norm = trainable.optim_step(
            body.learningRate,
            body.betas,
            body.eps,
            body.weightDecay,
            body.gradClip,
            body.decays,
        )
        if not body.keepActivations:
            model.clear_activations()
        return {"gradNorm": norm, "step": trainable.step}

    def snapshot(self, name: str, body: dialect.SnapshotBody, check: Check) -> dict:
        trainable = self.get_model(name).require_trainable()
        if body.name == "base":
            raise EngineError(
                "invalid-input",
                'The name "base" stands for the model as it was loaded: choose another.',
            )
        trainable.take_snapshot(body.name)
        return {}

    def save_state(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        model = self.get_model(name)
        saved = saved_state.save_state(model.require_trainable(), model.spec, body.path)
        model.clear_activations()
        return saved

    def load_state(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        model = self.get_model(name)
        loaded = saved_state.load_state(model.require_trainable(), model.spec, body.path)
        model.clear_activations()
        return loaded

    def import_weights(self, name: str, body: dialect.PathBody, check: Check) -> dict:
        model = self.get_model(name)
        model.require_trainable().load(huggingface.read_weights(model, Path(body.path)))
        model.clear_activations()
        return self._describe_weights(model)

    def export(self, name: str, body: dialect.ExportBody, check: Check) -> dict:
        return huggingface.export_weights(self.get_model(name), Path(body.path), body.merged)

    def hash_weights(self, name: str, body: dialect.EmptyBody, check: Check) -> dict:
        return self._describe_weights(self.get_model(name))

    def _describe_weights(self, model: AnyModel) -> dict:
        trainable = model.require_trainable()
        return {"hash": trainable.hash(), "step": trainable.step}

    def encode_guided(self, name: str, body: dialect.EncodeGuidedBody, check: Check) -> dict:
        ids, forced = encode_guided(self.get_model(name).base.tokenizer, body.lark, body.text)
        return {"ids": ids, "forced": forced}

    def read_memory(self, name: str, body: dialect.EmptyBody, check: Check) -> dict:
        caches = {id(c): c for m in self.models.values() for c in m.caches()}.values()
        return {
            "residentBytes": get_resident_bytes(),
            "peakResidentBytes": get_peak_resident_bytes(),
            "cacheBytes": sum(c.bytes for c in caches),
            "cachedTokens": sum(c.tokens for c in caches),
            "deviceBytes": get_device_bytes(),
            "peakDeviceBytes": get_peak_device_bytes(),
        }

    def describe_capabilities(self) -> dict:
        """What this engine is and can, as `capabilitiesSchema` of the dialect."""
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
            "architectures": [*ARCHITECTURES.values(), "any causal language model of transformers"],
            "losses": list(get_args(dialect.EngineLoss)),
            "tuning": ["lora", "full"],
            "heads": list(get_args(dialect.ModelHead)),
            "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
            "fingerprint": compute_fingerprint(self.device),
        }


def make_torch_deterministic() -> None:
    """Settings that make equal calls give equal bits."""
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling new memory only helps to find mistakes, and takes time. (Type checkers do not see the
    # setting: torch declares it in a class of its own for this module.)
    setting = cast(Any, torch.utils.deterministic)
    setting.fill_uninitialized_memory = False
