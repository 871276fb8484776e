"""Models at a Tinker service: gradients, reports and refusals.

The service is played by an engine of this process that computes the losses as Tinker publishes
them. The SDK and a real server are tested in gpu-workers/agent/tinker.long.test.ts.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.api import dialect
from engine.errors import EngineError
from engine.tinker_service.engine import TinkerEngine
from engine.tinker_service.mapping import (
    ServiceDatum,
    ServiceLora,
    choose_base,
    find_gradient_norm,
    map_learned,
    map_loss,
    unshift,
)
from engine.tinker_service.sampling import cut_sample, map_sample
from engine.tinker_service.service import AdamStep, SampleRequest, ServiceSample

from .conftest import Session, make_engine
from .test_forward_backward import relative

LORA = {"rank": 4, "alpha": 32, "firstLayer": 0}
URL = "https://tinker.example"


def compute_published_loss(
    loss: str, config: dict[str, float] | None, logprobs: torch.Tensor, columns: dict[str, Any]
) -> torch.Tensor:
    """A loss of a sequence as Tinker's documentation has it: sums of positions."""
    if loss == "cross_entropy":
        return -(logprobs * torch.tensor(columns["weights"])).sum()
    ratio = (logprobs - torch.tensor(columns["logprobs"])).exp()
    advantages = torch.tensor(columns["advantages"])
    if loss == "importance_sampling":
        return -(ratio * advantages).sum()
    assert config is not None
    clipped = ratio.clamp(config["clip_low_threshold"], config["clip_high_threshold"])
    if loss == "ppo":
        return -torch.minimum(ratio * advantages, clipped * advantages).sum()
    return -(clipped.detach() * logprobs * advantages).sum()


class PlayedModel:
    """A model of an engine in this process, asked as a service is."""

    def __init__(self, service: "PlayedService", session: Session):
        self.service, self.session = service, session
        self.steps: list[AdamStep] = []
        self.is_closed = False

    def score(self, data: list[ServiceDatum]) -> list[list[float]]:
        ids = [[*d.inputs, d.targets[-1]] for d in data]
        assert all(d.targets == i[1:] for d, i in zip(data, ids, strict=True))
        body = [{"ids": i, "weights": [0.0] + [1.0] * (len(i) - 1)} for i in ids]
        return [p[1:] for p in self.session.call("forward", adapter=True, data=body)["logprobs"]]

    def forward(self, data: list[ServiceDatum]) -> list[list[float]]:
        assert all(set(d.columns) == {"weights"} for d in data)
        return self.score(data)

    def forward_backward(
        self, data: list[ServiceDatum], loss: str, config: dict[str, float] | None
    ) -> list[list[float]]:
        found = self.score(data)
        body = []
        for datum, logprobs in zip(data, found, strict=True):
            assert all(len(c) == len(datum.inputs) for c in datum.columns.values())
            p = torch.tensor(logprobs, requires_grad=True)
            compute_published_loss(loss, config, p, datum.columns).backward()
            assert p.grad is not None
            # Cross-entropy is linear in the log-probabilities, so its weights are any loss'
            # gradient.
            ids = [*datum.inputs, datum.targets[-1]]
            body.append({"ids": ids, "weights": [0.0, *(-p.grad).tolist()]})
        self.session.call("forward_backward", loss="cross_entropy", data=body)
        return found

    def optim_step(self, step: AdamStep) -> dict[str, float]:
        self.steps.append(step)
        result = self.session.call(
            "optim_step",
            learningRate=step.learning_rate,
            betas=[step.beta1, step.beta2],
            eps=step.eps,
            weightDecay=step.weight_decay,
            gradClip=step.grad_clip_norm or None,
        )
        return {"learning_rate": 1.0, "skyrl.ai/grad_norm": result["gradNorm"]}

    def open_sampler(self) -> "PlayedSampler":
        self.service.opened += 1
        return PlayedSampler(self, self.session.trainable.values.clone())

    def close(self) -> None:
        self.is_closed = True

    def save_state(self, name: str) -> str:
        return self.service.keep(self, f"tinker://run/weights/{name}")

    def save_weights(self, name: str) -> str:
        return self.service.keep(self, f"tinker://run/sampler_weights/{name}")


class PlayedSampler:
    """Copied weights, to score and sample with."""

    def __init__(self, model: PlayedModel, values: torch.Tensor):
        self.model, self.values = model, values

    def sample(self, requests: list[SampleRequest], check) -> list[list[ServiceSample]]:
        """Runs to the end of what was asked for, as a service that stops at nothing."""
        answers = []
        for request in requests:
            tokens = [(request.seed + i) % 300 + 1 for i in range(request.max_tokens)]
            answers.append(
                [ServiceSample(tokens, [-0.5] * len(tokens), False) for _ in range(request.count)]
            )
        return answers


class PlayedService:
    """A service of one base, whose models are sessions of engines in this process."""

    url, version = URL, "0"

    def __init__(self, folder: Path):
        self.folder = folder
        self.saved: dict[str, torch.Tensor] = {}
        self.made: list[PlayedModel] = []
        self.opened = 0

    def list_models(self) -> list[str]:
        return ["Someone/Other-1B", f"Someone/{self.folder.name.upper()}"]

    def create_model(self, base: str, lora: ServiceLora) -> PlayedModel:
        assert base == self.list_models()[1]
        assert lora.attention
        assert lora.feed_forward
        adapter = {"rank": lora.rank, "alpha": 32, "firstLayer": 0}
        self.made.append(PlayedModel(self, Session(self.folder, adapter, seed=lora.seed)))
        return self.made[-1]

    def load_model(self, path: str) -> PlayedModel:
        model = self.create_model(self.list_models()[1], ServiceLora(4, 0, True, True))
        model.session.trainable.values = self.saved[path].clone()
        model.session.trainable.mark_changed()
        return model

    def keep(self, model: PlayedModel, path: str) -> str:
        self.saved[path] = model.session.trainable.values.clone()
        return path

    def open_sampler(self, base: str) -> PlayedSampler:
        values = self.made[-1].session.trainable.values
        return PlayedSampler(self.made[-1], torch.zeros_like(values))

    def download(self, path: str, folder: Path) -> None:
        (folder / "adapter_config.json").write_text(json.dumps({"path": path}))


@pytest.fixture
def service(tiny) -> PlayedService:
    return PlayedService(tiny)


@pytest.fixture
def remote(tiny, service) -> Session:
    """A model "m" that the played service trains."""
    return open_remote(tiny, service)


def open_remote(folder: Path, service: PlayedService, lora: dict | None = LORA) -> Session:
    session = Session.__new__(Session)
    engine: Any = TinkerEngine(make_engine(), service, {})
    session.engine, session.folder, session.name = engine, folder, "m"
    session.call("create_model", base=str(folder), lora=lora, seed=3)
    return session


def make_data(seed: int = 0) -> list[dict]:
    """Sequences of several lengths; retrieved tokens, of which nothing is known, lie between."""
    g = torch.Generator().manual_seed(seed)
    data = []
    for length in (9, 14, 23):
        action = torch.rand(length, generator=g) < 0.6
        action[0] = False
        weights = torch.where(action, 0.1 + torch.rand(length, generator=g), 0.0)
        data.append(
            {
                "ids": torch.randint(1, 320, (length,), generator=g).tolist(),
                "weights": weights.tolist(),
                "advantages": torch.randn(length, generator=g).tolist(),
                "logprobs": torch.where(
                    action, -5.5 + torch.randn(length, generator=g), -1e6
                ).tolist(),
            }
        )
    return data


@pytest.mark.parametrize(
    ("loss", "config"),
    [
        ("cross_entropy", {}),
        ("importance_sampling", {}),
        ("ppo", {"clipLow": 0.1, "clipHigh": 0.35}),
        ("cispo", {"clipLow": 0.3, "clipHigh": 1.5}),
    ],
)
def test_gradients_and_reports_are_the_engines_own(tiny, service, remote, loss, config):
    own = Session(tiny, LORA)
    data = make_data()
    # Near the present policy, so that ratios lie on both sides of the clip.
    scored = own.call("forward", adapter=True, data=data)["logprobs"]
    g = torch.Generator().manual_seed(1)
    for datum, present in zip(data, scored, strict=True):
        noise = (0.4 * torch.randn(len(present), generator=g)).tolist()
        datum["logprobs"] = [
            p + n if w else -1e6 for p, n, w in zip(present, noise, datum["weights"], strict=True)
        ]
    expected = own.call("forward_backward", loss=loss, config=config, data=data)
    found = remote.call("forward_backward", loss=loss, config=config, data=data)
    played = service.made[0].session
    assert torch.equal(played.trainable.values, own.trainable.values)
    assert relative(played.gradient, own.gradient) < 1e-5
    for name in ("loss", "policyLoss", "tokens", "clipped"):
        assert found[name] == pytest.approx(expected[name], rel=1e-5), name
    assert found["ratio"] == pytest.approx(expected["ratio"], rel=1e-5)
    assert found["entropy"] is None
    if config:
        assert 0 < found["clipped"] < found["tokens"]
    for got, want in zip(found["logprobs"], expected["logprobs"], strict=True):
        assert got == pytest.approx(want, abs=1e-5)


def test_a_step_is_adamws(tiny, service, remote):
    own = Session(tiny, LORA)
    data = make_data()
    settings = {"learningRate": 1e-3, "betas": [0.8, 0.9], "weightDecay": 0.1, "gradClip": 0.5}
    for session in (own, remote):
        session.call("forward_backward", loss="cross_entropy", data=data)
    expected = own.call("optim_step", **settings)
    before = remote.call("weights_hash")
    found = remote.call("optim_step", **settings)
    assert found["gradNorm"] == pytest.approx(expected["gradNorm"], rel=1e-5)
    assert found["step"] == 1
    [step] = service.made[0].steps
    assert step == AdamStep(1e-3, 0.8, 0.9, 1e-8, 0.1, 0.5)
    after = remote.call("weights_hash")
    assert after["hash"] != before["hash"]
    assert after["step"] == 1
    assert relative(service.made[0].session.trainable.values, own.trainable.values) < 1e-5


def test_a_reference_is_refused(remote):
    remote.call("snapshot", name="start")
    with pytest.raises(EngineError, match=r"rl\.klCoefficient to 0"):
        remote.call("forward", adapter=True, data=make_data(), reference="start")


def test_a_saved_state_is_the_services_and_goes_on(tiny, service, remote, tmp_path):
    data = make_data()
    remote.call("forward_backward", loss="cross_entropy", data=data)
    remote.call("optim_step", learningRate=0.05)
    saved = remote.call("save_state", path=str(tmp_path / "state"))
    assert saved["step"] == 1
    expected = remote.call("forward", adapter=True, data=data)

    resumed = open_remote(tiny, service)
    assert resumed.call("weights_hash")["hash"] != saved["hash"]
    loaded = resumed.call("load_state", path=str(tmp_path / "state"))
    assert (loaded["hash"], loaded["step"]) == (saved["hash"], 1)
    # Of the three the one that was loaded into has given its place back.
    assert [model.is_closed for model in service.made] == [False, True, False]
    found = resumed.call("forward", adapter=True, data=data)
    assert found["logprobs"] == expected["logprobs"]

    state = json.loads((tmp_path / "state" / "tinker.json").read_text())
    service.saved[state["path"]] *= 0
    with pytest.raises(EngineError, match="loaded other weights than it saved"):
        resumed.call("load_state", path=str(tmp_path / "state"))
    state["url"] = "https://other.example"
    (tmp_path / "state" / "tinker.json").write_text(json.dumps(state))
    with pytest.raises(EngineError, match=r"at https://other\.example, not of"):
        resumed.call("load_state", path=str(tmp_path / "state"))
    Session(tiny, LORA).call("save_state", path=str(tmp_path / "own"))
    with pytest.raises(EngineError, match="on a worker without --tinker-url"):
        resumed.call("load_state", path=str(tmp_path / "own"))


def test_a_deleted_model_gives_its_place_back(service, remote):
    remote.call("delete_model")
    assert [model.is_closed for model in service.made] == [True]
    with pytest.raises(EngineError, match="There is no model 'm'"):
        remote.call("weights_hash")


def test_untrained_weights_of_a_seed_have_one_hash(tiny, service):
    hashes = [open_remote(tiny, service).call("weights_hash")["hash"] for _ in range(2)]
    assert hashes[0] == hashes[1]


def test_a_model_without_an_adapter_is_this_processs_own(tiny, service):
    frozen = open_remote(tiny, service, lora=None)
    own = Session(tiny, None)
    sequences = [{"ids": [5, 6, 7], "maxTokens": 6, "seed": 2}]
    expected = own.call("sample", adapter=False, sequences=sequences)["sequences"]
    assert frozen.call("sample", adapter=False, sequences=sequences)["sequences"] == expected
    assert service.made == []
    capabilities = frozen.engine.describe_capabilities()
    assert capabilities["service"]["url"] == URL
    assert capabilities["fingerprint"] == own.engine.describe_capabilities()["fingerprint"]


def test_sampling_opens_the_weights_once_a_step(service, remote):
    sequences = [{"ids": [5, 6, 7], "maxTokens": 4, "n": 2}, {"ids": [8, 9], "maxTokens": 3}]
    remote.call("sample", adapter=True, sequences=sequences)
    result = remote.call("sample", adapter=True, sequences=sequences)
    assert [[len(s["ids"]) for s in of] for of in result["sequences"]] == [[4, 4], [3]]
    assert result["usage"]["promptTokens"] == 5
    assert result["usage"]["sampledTokens"] == 11
    assert service.opened == 1
    remote.call("forward_backward", loss="cross_entropy", data=make_data())
    remote.call("optim_step", learningRate=0.01)
    remote.call("sample", adapter=True, sequences=sequences)
    assert service.opened == 2


def test_a_sample_ends_where_the_engine_would_end_it(remote):
    tokenizer = remote.engine.get_model("m").base.tokenizer
    spelled = tokenizer.encode("ab</query>cd")
    request = {"ids": [1], "maxTokens": 50, "stop": ["</query>"], "stopIds": [7]}
    sequence = dialect.SampleSequence.model_validate(request)
    [asked] = map_sample(dialect.SampleBody(adapter=True, sequences=[sequence]), tokenizer, 512)
    assert asked.stop == ["</query>", tokenizer.decode([0]), tokenizer.decode([7])]

    def cut(tokens: list[int], is_stopped: bool = False, **changes: Any) -> dict:
        sample = ServiceSample(tokens, [-float(i) for i in range(len(tokens))], is_stopped)
        changed = dialect.SampleSequence.model_validate(request | changes)
        return cut_sample(sample, changed, tokenizer)

    found = cut(spelled)
    assert found["text"] == "ab</query>"
    assert found["finishReason"] == "stop"
    assert len(found["logprobs"]) == len(found["ids"]) == len(found["forced"])
    assert cut([20, 0, 30])["ids"] == [20, 0]
    assert cut([20, 7, 30])["text"] == tokenizer.decode([20])
    assert cut([20, 30])["finishReason"] == "length"
    assert cut([20, 30], is_stopped=True)["finishReason"] == "stop"
    assert cut([20, 30, 40], maxTokens=2)["ids"] == [20, 30]
    no_text = map_sample(
        dialect.SampleBody(
            adapter=True,
            sequences=[dialect.SampleSequence(ids=[1], maxTokens=5, stopIds=[7], topK=3)],
        ),
        tokenizer,
        512,
    )
    assert no_text[0].stop == [0, 7]
    assert no_text[0].top_k == 3
    assert asked.top_k == -1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora": None, "full": {}}, "searcher.tuning to lora"),
        ({"head": "value"}, "without one, e.g. grpo"),
        ({"lora": LORA | {"firstLayer": 2}}, "searcher.adapter.firstLayer to 0"),
        ({"lora": LORA | {"alpha": 16}}, "searcher.adapter.alpha to 32"),
        ({"lora": LORA | {"targets": ["q_proj"]}}, "name all"),
    ],
)
def test_models_that_a_service_does_not_train_are_refused(remote, changes, message):
    body = {"base": str(remote.folder), "lora": LORA, "seed": 0} | changes
    remote.name = "other"
    with pytest.raises(EngineError, match=message) as caught:
        remote.call("create_model", **body)
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    ("loss", "config", "message"),
    [
        ("gspo", {}, "has no loss like gspo"),
        ("ppo", {"klCoef": 0.1}, "rl.klCoefficient to 0"),
        ("ppo", {"entropyCoef": 0.1}, "rl.entropyCoefficient to 0"),
        ("ppo", {"temperature": 0.7}, "rl.temperature to 1"),
    ],
)
def test_losses_that_a_service_does_not_have_are_refused(service, remote, loss, config, message):
    data = [d | {"referenceLogprobs": d["logprobs"]} for d in make_data()]
    with pytest.raises(EngineError, match=message) as caught:
        remote.call("forward_backward", loss=loss, config=config, data=data)
    assert caught.value.code == "unsupported"
    assert service.made[0].session.trainable.gradient is None


def test_grammars_and_penalties_are_refused(remote):
    for change, message in (
        ({"guide": {"lark": 'start: "a"'}}, "search.decoding to free"),
        ({"repetitionPenalty": 1.2}, "rl.repetitionPenalty to 1"),
        ({"maxTokens": 512}, "exceed the model's 512 positions"),
    ):
        sequence = {"ids": [5, 6], "maxTokens": 4} | change
        with pytest.raises(EngineError, match=message):
            remote.call("sample", adapter=True, sequences=[sequence])
    with pytest.raises(EngineError, match=r"search\.decoding to free"):
        remote.call("encode_guided", lark='start: "a"', text="a")


def test_weights_below_zero_would_turn_the_clip_around():
    [datum, *_] = make_data()
    datum["weights"] = [-w for w in datum["weights"]]
    body = dialect.ForwardBackwardBody.model_validate({"loss": "ppo", "data": [datum]})
    with pytest.raises(EngineError, match="below 0"):
        map_learned(body)


def test_lists_are_shifted_by_one():
    body = dialect.ForwardBackwardBody.model_validate(
        {
            "loss": "ppo",
            "data": [
                {
                    "ids": [10, 11, 12],
                    "weights": [0.0, 0.0, 0.5],
                    "advantages": [9.0, 9.0, 4.0],
                    "logprobs": [8.0, 8.0, -2.0],
                }
            ],
        }
    )
    assert map_loss(body) == ("ppo", {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2})
    [datum] = map_learned(body)
    assert (datum.inputs, datum.targets) == ([10, 11], [11, 12])
    assert datum.columns == {"advantages": [0.0, 2.0], "logprobs": [0.0, -2.0]}
    with pytest.raises(EngineError, match="of another version"):
        unshift(body.data, [[0.0, 0.0, 0.0]], [])


def test_the_base_is_found_by_its_name():
    offered = ["Qwen/Qwen3-8B", "org/Small", "other/small"]
    assert choose_base("qwen3-8b", {}, offered) == "Qwen/Qwen3-8B"
    assert choose_base("small", {"small": "org/Small"}, offered) == "org/Small"
    for folder in ("small", "absent"):
        with pytest.raises(EngineError, match=f"--tinker-base {folder}=NAME"):
            choose_base(folder, {}, offered)


def test_the_gradient_norm_has_many_names():
    assert find_gradient_norm({"skyrl.ai/grad_norm": 2}) == 2.0
    assert find_gradient_norm({"learning_rate": 1.0}) is None


def test_an_export_is_what_the_service_gives_out(remote, tmp_path):
    result = remote.call("export", path=str(tmp_path / "out"))
    assert result["files"] == ["adapter_config.json"]
    assert "sampler_weights/export-" in (tmp_path / "out" / "adapter_config.json").read_text()
    with pytest.raises(EngineError, match="merge it"):
        remote.call("export", path=str(tmp_path / "out"), merged=True)
