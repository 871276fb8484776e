"""Serves the dialect with models of two places: those with an adapter are at a Tinker service,
those without (a frozen generator, a judge) in this process' own engine.
"""

import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..api import dialect
from ..api.dialect_rules import DialectModel
from ..engine import Engine
from ..errors import EngineError
from ..models.huggingface import find_folder
from ..models.model_folder import read_json
from ..models.remote_model import RemoteBase, RemoteModel
from ..training.saved_state import SERVICE_FILE, write_folder
from . import mapping
from .mapping import choose_base, find_gradient_norm, map_lora, refuse
from .sampling import cut_sample, map_sample
from .service import AdamStep, Check, Sampler, Service, ServiceModel

FORMAT = 1
#: Scored when a state is saved and when it is loaded: a service may load other weights than it
#: saved.
PROBE = list(range(10, 42))
PROBE_TOLERANCE = 0.05


@dataclass
class ServedByTinker(RemoteModel):
    """A model at the service."""

    lora: dialect.LoraConfig = field(kw_only=True)
    service_base: str = field(kw_only=True)
    remote: ServiceModel = field(kw_only=True)
    #: Names the weights: a service tells no hash. Equal names are equal weights, not the reverse.
    hash: str = field(kw_only=True)
    sampler: Sampler | None = field(default=None, kw_only=True)

    def open_sampler(self) -> Sampler:
        """Of the present weights; opened once for each."""
        if self.sampler is None:
            self.sampler = self.remote.open_sampler()
        return self.sampler

    def probe(self) -> list[float]:
        """Log-probabilities by which the present weights are known again."""
        ones = [1.0] * (len(PROBE) - 1)
        [logprobs] = self.remote.forward(
            [mapping.ServiceDatum(PROBE[:-1], PROBE[1:], {"weights": ones})]
        )
        return logprobs

    def change(self) -> None:
        """The weights are others from now on."""
        self.hash, self.sampler = secrets.token_hex(32), None


def name_untrained(url: str, base: str, lora: mapping.ServiceLora) -> str:
    """The hash of fresh weights, which the seed decides."""
    fresh = json.dumps([url, base, vars(lora)], sort_keys=True)
    return hashlib.sha256(fresh.encode()).hexdigest()


class TinkerEngine:
    """An EngineProtocol: operations on models with an adapter are the service's."""

    def __init__(self, local: Engine, service: Service, named: dict[str, str]):
        """`named`: the service's names of base models, by the folder that is installed here."""
        self.local, self.service, self.named = local, service, named
        self.served: dict[str, ServedByTinker] = {}
        self.bases: dict[Path, RemoteBase] = {}
        self.offered = service.list_models()
        self.handlers: dict[str, Callable[[ServedByTinker, Any, Check], dict]] = {
            "delete_model": self.delete_model,
            "sample": self.sample,
            "end_sessions": lambda model, body, check: {},
            "forward": self.forward,
            "forward_backward": self.forward_backward,
            "optim_step": self.optim_step,
            "snapshot": self.snapshot,
            "save_state": self.save_state,
            "load_state": self.load_state,
            "import_weights": self.import_weights,
            "export": self.export,
            "weights_hash": self.hash_weights,
        }

    @property
    def models(self) -> dict[str, Any]:
        return {**self.local.models, **self.served}

    def get_model(self, name: str) -> Any:
        """Raises `not-found` where there is none of this name."""
        return self.served.get(name) or self.local.get_model(name)

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """As Engine.run."""
        if isinstance(body, dialect.CreateModelBody):
            return self.create_model(name, body, check)
        if name in self.served and kind in self.handlers:
            check()
            return self.handlers[kind](self.served[name], body, check)
        if name in self.served and isinstance(body, dialect.EncodeGuidedBody):
            raise refuse("knows no grammars", "set search.decoding to free")
        return self.local.run(kind, name, body, check)

    def describe_capabilities(self) -> dict:
        """Those of the engine here, whose fingerprint the frozen models have, and the service."""
        local = self.local.describe_capabilities()
        models = [
            {"id": m.name, "base": m.base.folder.name, "head": m.head, "step": m.step}
            for m in list(self.served.values())
        ]
        return local | {
            "models": [*local["models"], *models],
            "losses": list(mapping.LOSSES),
            "tuning": ["lora"],
            "heads": ["language"],
            "versions": local["versions"] | {"tinker": self.service.version},
            "service": {"url": self.service.url, "models": self.offered},
        }

    def create_model(self, name: str, body: dialect.CreateModelBody, check: Check) -> dict:
        if name in self.models:
            raise EngineError(
                "conflict",
                f"There is already a model {name!r}: delete it first or choose another name.",
            )
        if body.lora is None and body.full is None:
            return self.local.run("create_model", name, body, check)
        started = time.perf_counter()
        lora = map_lora(body)
        folder = find_folder(Path(body.base), "actor").resolve()
        if folder not in self.bases:
            self.bases[folder] = RemoteBase(folder)
        base = self.bases[folder]
        service_base = choose_base(folder.name, self.named, self.offered)
        self.served[name] = ServedByTinker(
            name,
            base,
            "language",
            True,
            lora=body.lora or dialect.LoraConfig(rank=lora.rank, alpha=mapping.ALPHA),
            service_base=service_base,
            remote=self.service.create_model(service_base, lora),
            hash=name_untrained(self.service.url, service_base, lora),
        )
        c = base.model.config
        return {
            "layers": c.layers,
            "vocabulary": c.vocabulary,
            "maxLength": c.max_length,
            "parameters": 0,
            "trainable": 0,
            "eosIds": list(c.eos_ids),
            "seconds": time.perf_counter() - started,
            "library": None,
            "adaptedMaps": None,
            "service": f"{service_base} at {self.service.url}",
        }

    def delete_model(self, model: ServedByTinker, body: dialect.EmptyBody, check: Check) -> dict:
        del self.served[model.name]
        model.remote.close()
        return {}

    def sample(self, model: ServedByTinker, body: dialect.SampleBody, check: Check) -> dict:
        tokenizer = model.base.tokenizer
        requests = map_sample(body, tokenizer, model.base.model.config.max_length)
        started = time.perf_counter()
        if body.adapter:
            sampler = model.open_sampler()
        else:
            sampler = self.service.open_sampler(model.service_base)
        answers = sampler.sample(requests, check)
        sequences = [
            [cut_sample(sample, request, tokenizer) for sample in samples]
            for request, samples in zip(body.sequences, answers, strict=True)
        ]
        prompts = sum(len(request.ids) for request in body.sequences)
        usage = {
            "promptTokens": prompts,
            "computedTokens": prompts,
            "sampledTokens": sum(len(s["ids"]) for samples in sequences for s in samples),
            "prefillSeconds": 0.0,
            "decodeSeconds": time.perf_counter() - started,
        }
        return {"sequences": sequences, "usage": usage}

    def forward(self, model: ServedByTinker, body: dialect.ForwardBody, check: Check) -> dict:
        data = mapping.map_scored(body)
        return mapping.report_scored(body, model.remote.forward(data))

    def forward_backward(
        self, model: ServedByTinker, body: dialect.ForwardBackwardBody, check: Check
    ) -> dict:
        started = time.perf_counter()
        loss, config = mapping.map_loss(body)
        data = mapping.map_learned(body)
        logprobs = model.remote.forward_backward(data, loss, config)
        return mapping.report_learned(body, logprobs) | {"seconds": time.perf_counter() - started}

    def optim_step(self, model: ServedByTinker, body: dialect.OptimStepBody, check: Check) -> dict:
        beta1, beta2 = body.betas
        step = AdamStep(
            body.learningRate, beta1, beta2, body.eps, body.weightDecay, body.gradClip or 0.0
        )
        metrics = model.remote.optim_step(step)
        model.step += 1
        model.change()
        return {"gradNorm": find_gradient_norm(metrics), "step": model.step}

    def snapshot(self, model: ServedByTinker, body: dialect.SnapshotBody, check: Check) -> dict:
        # Nothing is compared with it: `forward` refuses references. SkyRL 0.3.0 samples from saved
        # weights in the place of those that it trains, so asking for their log-probabilities would
        # undo the training.
        return {}

    def save_state(self, model: ServedByTinker, body: dialect.PathBody, check: Check) -> dict:
        path = model.remote.save_state(f"step-{model.step}-{secrets.token_hex(4)}")
        state = {
            "format": FORMAT,
            "url": self.service.url,
            "path": path,
            "base": model.service_base,
            "lora": model.lora.model_dump(),
            "step": model.step,
            "hash": model.hash,
            "probe": model.probe(),
        }
        size = write_folder(Path(body.path), {SERVICE_FILE: state})
        return {"step": model.step, "hash": model.hash, "bytes": size}

    def load_state(self, model: ServedByTinker, body: dialect.PathBody, check: Check) -> dict:
        folder = Path(body.path)
        if not (folder / SERVICE_FILE).exists():
            raise EngineError(
                "unsupported",
                f"{folder.name} holds weights of an engine's own, which a Tinker service does not "
                "take: go on with it on a worker without --tinker-url.",
            )
        state = read_json(folder / SERVICE_FILE)
        if state["url"] != self.service.url or state["base"] != model.service_base:
            raise EngineError(
                "invalid-input",
                f"{folder.name} is of {state['base']} at {state['url']}, not of "
                f"{model.service_base} at {self.service.url}.",
            )
        if state["lora"] != model.lora.model_dump():
            raise EngineError("invalid-input", f"{folder.name} is of another adapter.")
        # A service loads into a new model alone. The place of the one before is given back first:
        # with SkyRL 0.3.0 only loading into the place that the weights were saved from was tried.
        model.remote.close()
        model.remote = self.service.load_model(state["path"])
        distance = max(abs(a - b) for a, b in zip(model.probe(), state["probe"], strict=True))
        if not distance < PROBE_TOLERANCE:
            raise EngineError(
                "internal",
                f"The Tinker service loaded other weights than it saved at {state['path']}: "
                f"log-probabilities differ by {distance:.3g}. Resume once no other run is at "
                "the service, or from another checkpoint.",
            )
        model.step = state["step"]
        model.change()
        model.hash = state["hash"]
        return {"step": model.step, "hash": model.hash, "bytes": 0}

    def import_weights(self, model: ServedByTinker, body: dialect.PathBody, check: Check) -> dict:
        raise refuse(
            "takes no weights from here",
            "go on from one of its own checkpoints, with searcher.checkpointState all",
        )

    def export(self, model: ServedByTinker, body: dialect.ExportBody, check: Check) -> dict:
        if body.merged:
            raise refuse("gives the adapter alone", "merge it into its base by PEFT")
        path = model.remote.save_weights(f"export-{secrets.token_hex(4)}")
        with tempfile.TemporaryDirectory(prefix="s3tinker-") as folder:
            self.service.download(path, Path(folder))
            files = {p.name: p for p in Path(folder).rglob("*") if p.is_file()}
            write_folder(Path(body.path), dict(files))
        return {"hash": model.hash, "files": sorted(files)}

    def hash_weights(self, model: ServedByTinker, body: dialect.EmptyBody, check: Check) -> dict:
        return {"hash": model.hash, "step": model.step}
