"""The fingerprint: the one that stored keys hold, and numbers that may not change without its
version.
"""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.device import choose_device
from engine.fingerprint import (
    NUMERICS_VERSION,
    compute_fingerprint,
    continue_sha256,
    describe_device,
)
from engine.models.tiny_model import save_tokenizer

from .conftest import ROOT, Session

# The commit whose sources version 1 stands for.
COMMIT = "ac527ee1e5906bb248e5be4cb3a5cbef7f8a6fd3"
# Made by `python -m engine.tests.test_fingerprint` in gpu-workers, for one version of the numerics.
RECORDED = Path(__file__).with_name("numerics.json")
# float32 on two processors: sums in another order differ by about 1e-6.
TOLERANCE = 1e-4
# SHA-256 before the first byte (FIPS 180-4, section 5.3.3).
INITIAL_STATE = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"


def read_old_sources() -> bytes:
    """What version 1 of the fingerprint hashed first: names and contents of the engine's sources at
    COMMIT.
    """

    def git(*arguments: str) -> bytes:
        try:
            return subprocess.run(
                ["git", *arguments], cwd=ROOT, check=True, capture_output=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(f"the history of git does not hold {COMMIT[:7]} here")

    names = git("ls-tree", "--name-only", COMMIT, "gpu-workers/engine/").decode().split()
    return b"".join(
        Path(name).name.encode() + git("show", f"{COMMIT}:{name}")
        for name in sorted(names)
        if name.endswith(".py")
    )


def test_the_fingerprint_is_that_of_the_stored_keys():
    device = choose_device("cpu", "float32", 1)
    hashed = read_old_sources() + describe_device(device).encode()
    if NUMERICS_VERSION == 1:
        assert compute_fingerprint(device) == hashlib.sha256(hashed).hexdigest()[:32]
    else:
        assert compute_fingerprint(device) != hashlib.sha256(hashed).hexdigest()[:32]


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 1000])
def test_hashing_goes_on_from_a_state_as_hashlib_does(length):
    message = bytes(i % 251 for i in range(length))
    want = hashlib.sha256(message).hexdigest()
    assert continue_sha256(bytes.fromhex(INITIAL_STATE), 0, message) == want


def save_uniform_model(folder: Path) -> Path:
    """A Qwen2 with weights from torch's uniform numbers, which are the same on every machine."""
    hidden, inner, layers, vocabulary, keys = 32, 64, 3, 320, 16
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int, scale: float, shift: float = 0.0) -> torch.Tensor:
        return (torch.rand(*shape, generator=generator) - 0.5) * scale + shift

    tensors = {"model.embed_tokens.weight": draw(vocabulary, hidden, scale=0.5)}
    for i in range(layers):
        at = f"model.layers.{i}."
        for name, shape in {
            "self_attn.q_proj": (hidden, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, hidden),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }.items():
            tensors[f"{at}{name}.weight"] = draw(*shape, scale=0.8)
            if name.split(".")[1] in ("q_proj", "k_proj", "v_proj"):
                tensors[f"{at}{name}.bias"] = draw(shape[0], scale=0.5)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{name}.weight"] = draw(hidden, scale=0.5, shift=1.0)
    tensors["model.norm.weight"] = draw(hidden, scale=0.5, shift=1.0)
    save_file(tensors, str(folder / "model.safetensors"))
    config = {
        "model_type": "qwen2",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": vocabulary,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "eos_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_tokenizer(folder)
    return folder


def make_data() -> list[dict]:
    """Sequences that share a prompt, with advantages, returns and old log-probabilities."""
    data = []
    for i in range(4):
        ids = list(range(100, 120)) + [(37 * i + 11 * j * j) % 319 + 1 for j in range(10)]
        signs = [0.0] * 20 + [(-1.0) ** (i + j) for j in range(10)]
        data.append(
            {
                "ids": ids,
                "weights": [0.0] * 20 + [0.5 + 0.1 * j for j in range(10)],
                "advantages": signs,
                "logprobs": [-5.5] * 30,
                "referenceLogprobs": [-5.0] * 30,
                "returns": signs,
                "values": [0.1] * 30,
            }
        )
    return data


def summarise(vector: torch.Tensor) -> list[float]:
    """Norm of a flat vector, and its products with three fixed directions."""
    steps = torch.arange(vector.numel(), dtype=torch.float64)
    vector = vector.detach().double()
    return [float(vector.norm()), *(float(vector @ torch.sin(steps * k)) for k in (0.1, 1.0, 2.0))]


def compute_numbers(folder: Path) -> dict[str, list[float]]:
    """Log-probabilities, sampled tokens, gradients and weights after a step, by adapter, in full
    and of a critic.
    """
    data = make_data()
    lora = {"rank": 4, "alpha": 8, "firstLayer": 1}
    found: dict[str, list[float]] = {}
    cases: list[tuple[str, dict[str, Any], str, dict[str, float]]] = [
        ("lora", {"lora": lora}, "ppo", {"klCoef": 0.1, "entropyCoef": 0.02, "temperature": 0.9}),
        ("full", {"lora": None, "full": {}}, "cross_entropy", {}),
        ("critic", {"lora": lora, "head": "value"}, "value", {"valueClip": 0.2}),
    ]
    for name, settings, loss, config in cases:
        session = Session(folder, randomize=False, **settings)
        trainable = session.trainable
        ramp = torch.arange(trainable.values.numel(), dtype=torch.float64)
        trainable.values = trainable.values + (0.05 * torch.sin(ramp * 0.7)).float()
        trainable.mark_changed()
        forward = session.call("forward", adapter=True, data=data)
        rows = forward["values" if name == "critic" else "logprobs"]
        found[f"{name}: forward"] = [x for row in rows for x in row[20:]]
        result = session.call("forward_backward", loss=loss, config=config, data=data)
        found[f"{name}: loss"] = [result["loss"]]
        found[f"{name}: gradient"] = summarise(session.gradient)
        found[f"{name}: norm"] = [
            session.call("optim_step", learningRate=0.01, eps=1e-3)["gradNorm"]
        ]
        found[f"{name}: weights after a step"] = summarise(trainable.values)
        if name != "critic":
            guide = {"lark": 'start: "[" /[a-z]{2,6}/ "]"'}
            sequences = [
                {"ids": list(range(100, 120)), "maxTokens": 8, "temperature": 0},
                {"ids": list(range(100, 125)), "maxTokens": 8, "seed": 5, "guide": guide},
            ]
            samples = session.call("sample", adapter=True, sequences=sequences)["sequences"]
            for kind, (one,) in zip(("greedy", "guided"), samples, strict=True):
                found[f"{name}: {kind} tokens"] = [float(i) for i in one["ids"]]
                found[f"{name}: {kind} log-probabilities"] = one["logprobs"]
    return found


def test_numbers_change_only_with_the_version(tmp_path):
    recorded = json.loads(RECORDED.read_text())
    assert recorded["version"] == NUMERICS_VERSION, "record the numbers of the new version"
    numbers = compute_numbers(save_uniform_model(tmp_path))
    assert numbers.keys() == recorded["numbers"].keys()
    for name, want in recorded["numbers"].items():
        assert numbers[name] == pytest.approx(want, rel=TOLERANCE, abs=TOLERANCE), (
            f"{name} is no longer what version {NUMERICS_VERSION} computes: raise "
            "NUMERICS_VERSION in "
            "engine/fingerprint.py and record the numbers again, or mend what changed"
        )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        numbers = compute_numbers(save_uniform_model(Path(scratch)))
    RECORDED.write_text(
        json.dumps({"version": NUMERICS_VERSION, "numbers": numbers}, indent=1) + "\n"
    )
