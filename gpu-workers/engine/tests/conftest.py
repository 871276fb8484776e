"""Tiny random models, made once per test session, and a shortcut to run operations on them."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pytest
import torch

from engine.api.dialect import OPERATIONS
from engine.device import choose_device
from engine.engine import Check, Engine, make_torch_deterministic
from engine.models.kv_cache import KVCache
from engine.models.lora import Lora
from engine.models.model import FrozenBase, Model
from engine.models.tiny_model import save_tokenizer
from engine.models.transformers_model import TransformersBase, TransformersModel
from engine.training.trainable import Trainable

ROOT = Path(__file__).resolve().parents[3]
SMOLLM2 = Path(os.environ.get("S3_SETUP_DIR", ROOT / ".setup")) / "models" / "smollm2-135m-instruct"
needs_smollm2 = pytest.mark.skipif(
    not SMOLLM2.exists(), reason=f"{SMOLLM2} is not installed: run the setup"
)
LORA = {"rank": 4, "alpha": 8, "firstLayer": 1}

make_torch_deterministic()
# On matrices this small a second thread costs more than it computes.
THREADS = 1
torch.set_num_threads(THREADS)


# Frozen bases in float32 by folder: loading one takes longer than most tests.
BASES: dict[Path, FrozenBase | TransformersBase] = {}


def save_model(folder: Path, kind: str) -> Path:
    """A tiny model of an architecture, with weights large enough that mistakes show."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 320,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "eos_token_id": 0,
        "bos_token_id": None,
        "pad_token_id": None,
        "initializer_range": 0.3,
    }
    torch.manual_seed(7)
    if kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=False))
    elif kind == "llama3":
        scaling = {
            "rope_type": "llama3",
            "rope_theta": 500.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
        model = LlamaForCausalLM(LlamaConfig(**sizes, rope_parameters=scaling))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**sizes, tie_word_embeddings=True))
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session", params=["llama", "llama3", "qwen2"])
def each_model(request, tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("llama"), "llama")


def make_engine() -> Engine:
    """An engine on the CPU in float32 whose frozen bases are loaded once for all tests."""
    engine = Engine(choose_device("cpu", "float32", THREADS))
    engine.bases = BASES
    return engine


class Session:
    """An engine in this process with one model "m"."""

    def __init__(
        self,
        folder: Path,
        lora: dict | None = LORA,
        seed: int = 3,
        randomize: bool = True,
        engine: Engine | None = None,
        name: str = "m",
        **body: Any,
    ):
        self.engine = engine or make_engine()
        self.folder, self.name = folder, name
        self.call("create_model", base=str(folder), lora=lora, seed=seed, **body)
        self.any_model = self.engine.get_model(name)
        if randomize and self.any_model.trainable:
            # B and the value head are zero at first, which would hide mistakes in the gradients of
            # what lies before them.
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(self.trainable.values.shape, generator=generator) * 0.1
            self.trainable.values = noise if lora else self.trainable.values + 0.1 * noise
            self.trainable.mark_changed()

    @property
    def model(self) -> Model:
        """The model, on the engine's own layers."""
        assert isinstance(self.any_model, Model)
        return self.any_model

    @property
    def library_model(self) -> TransformersModel:
        """The model, on transformers' layers."""
        assert isinstance(self.any_model, TransformersModel)
        return self.any_model

    @property
    def trainable(self) -> Trainable:
        return self.any_model.require_trainable()

    @property
    def gradient(self) -> torch.Tensor:
        gradient = self.trainable.gradient
        assert gradient is not None
        return gradient

    @property
    def lower(self) -> KVCache:
        assert self.model.lower is not None
        return self.model.lower

    def call(self, kind: str, check: Check = lambda: None, **body: Any) -> dict:
        """Runs an operation; body and result must be what the dialect says."""
        models = OPERATIONS[kind]
        result = self.engine.run(kind, self.name, models.body.model_validate(body), check)
        models.result.model_validate(result)
        return result


@pytest.fixture
def session(tiny) -> Session:
    return Session(tiny)


def reference_model(session: Session):
    """The same adapter on transformers' model, through PEFT."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(session.folder, dtype=torch.float32)
    adapter = session.trainable
    assert isinstance(session.model.tuning, Lora)
    c = session.model.tuning.config
    peft = get_peft_model(
        base,
        LoraConfig(
            r=c.rank,
            lora_alpha=int(c.alpha),
            target_modules=list(c.targets),
            task_type="CAUSAL_LM",
            layers_to_transform=list(range(c.firstLayer, session.model.base.model.config.layers)),
        ),
    )
    own = adapter.tensors(adapter.values)
    loaded = 0
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            key = name.replace(".default", "")
            if key in own:
                parameter.copy_(own[key])
                loaded += 1
    assert loaded == sum(1 for name in own if "lora_" in name)
    return peft.eval()


def reference_logprobs(model, ids: list[int], temperature: float = 1.0):
    """Log-probabilities [len(ids), vocabulary] of each token by all before it; row 0 is zero."""
    logits = model(torch.tensor([ids])).logits[0].float() / temperature
    return torch.cat([torch.zeros(1, logits.shape[1]), torch.log_softmax(logits[:-1], -1)])
