"""Value models: values and gradients equal those of the plain forward, whatever is shared, cached,
packed or resumed.
"""

from typing import Any

import pytest
import torch

from engine.errors import EngineError

from .conftest import LORA, Session, reference_model
from .test_forward_backward import relative

CLIP = 0.15


def critic(folder, tuning: str = "lora", first_layer: int = 2, **body) -> Session:
    if tuning == "full":
        return Session(folder, None, full={"firstLayer": first_layer}, head="value", **body)
    return Session(folder, {**LORA, "firstLayer": first_layer}, head="value", **body)


def make_data(seed: int = 0) -> list[dict]:
    """Groups with a common instruction and prompt; retrieved tokens between actions."""
    g = torch.Generator().manual_seed(seed)
    data = []
    for group in range(2):
        for _ in range(3):
            tail = torch.randint(1, 320, (12,), generator=g).tolist()
            ids = list(range(100, 130)) + [40 + group] * 3 + tail
            weights = [0.0] * 33 + [0.5] * 4 + [0.0] * 3 + [1.0] * 5
            returns = torch.randn(len(ids), generator=g).tolist()
            data.append(
                {
                    "ids": ids,
                    "weights": weights,
                    "returns": returns,
                    "values": [r * 0.3 for r in returns],
                }
            )
    return data


def reference_values(session: Session, model, score: dict, ids: list[int]) -> torch.Tensor:
    """Value of the state from which each token is chosen: read off the token before it."""
    hidden = model(torch.tensor([ids])).last_hidden_state[0]
    values = hidden @ score["score.weight"][0] + score["score.bias"]
    return torch.cat([torch.zeros(1), values[:-1]])


@pytest.mark.parametrize("clip", [None, CLIP])
@pytest.mark.parametrize("first_layer", [0, 2])
def test_values_and_gradients_equal_the_plain_forward(each_model, first_layer, clip):
    session = critic(each_model, first_layer=first_layer)
    data = make_data()
    trainable = session.trainable
    peft = reference_model(session)
    transformer = peft.get_base_model().model
    score = {
        n: t.clone().requires_grad_(True)
        for n, t in trainable.tensors(trainable.values).items()
        if n.startswith("score")
    }
    got = session.call("forward", adapter=True, data=data)
    total = torch.zeros(())
    for datum, values in zip(data, got["values"], strict=True):
        want = reference_values(session, transformer, score, datum["ids"])
        for p, w in enumerate(datum["weights"]):
            if w == 0:
                assert values[p] == 0
                continue
            assert values[p] == pytest.approx(float(want[p]), abs=1e-4)
            error = (want[p] - datum["returns"][p]) ** 2
            if clip is not None:
                old = datum["values"][p]
                error = torch.maximum(
                    error, (want[p].clamp(old - clip, old + clip) - datum["returns"][p]) ** 2
                )
            total = total + w * error / 2
    total.backward()
    result = session.call("forward_backward", loss="value", config={"valueClip": clip}, data=data)
    assert result["loss"] == pytest.approx(float(total.detach()), rel=1e-4)
    assert result["values"] == got["values"]
    assert result["logprobs"] == []
    assert (result["valueClipped"] > 0) == (clip is not None)
    assert result["tokens"] == sum(1 for d in data for w in d["weights"] if w)
    assert result["computedTokens"] < 0.6 * sum(len(d["ids"]) for d in data)
    parameters = {name.replace(".default", ""): p for name, p in peft.named_parameters()} | score
    grads = [parameters[p.name].grad for p in trainable.layout]
    want = torch.cat([grad.reshape(-1) for grad in grads if grad is not None])
    assert relative(session.gradient, want) < 1e-4


def compute_gradient(session: Session, data: list[dict], **body) -> torch.Tensor:
    session.trainable.gradient = None
    session.call("forward_backward", loss="value", config={"valueClip": CLIP}, data=data, **body)
    return session.gradient


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_micro_batches_order_and_company_do_not_matter(tiny, tuning):
    session = critic(tiny, tuning)
    data = make_data()
    whole = compute_gradient(session, data)
    for budget in (1, 60, 90):
        assert relative(compute_gradient(session, data, tokenBudget=budget), whole) < 1e-5
    assert relative(compute_gradient(session, data[::-1]), whole) < 1e-5
    assert (
        relative(torch.stack([compute_gradient(session, [d]) for d in data]).sum(0), whole) < 1e-5
    )
    silent = {**data[0], "ids": data[0]["ids"][::-1], "weights": [0.0] * len(data[0]["ids"])}
    assert relative(compute_gradient(session, [*data, silent]), whole) < 1e-6


def test_what_retrieved_tokens_say_is_never_read(tiny):
    session = critic(tiny)
    data = make_data()
    disturbed = [
        {
            **d,
            **{
                name: [x if w else 55.0 for x, w in zip(d[name], d["weights"], strict=True)]
                for name in ("returns", "values")
            },
        }
        for d in data
    ]
    assert torch.equal(compute_gradient(session, disturbed), compute_gradient(session, data))


def test_a_new_critic_says_zero_and_learns(tiny):
    session = critic(tiny, randomize=False)
    data = make_data()
    assert {
        v for row in session.call("forward", adapter=True, data=data)["values"] for v in row
    } == {0.0}
    losses = []
    for _ in range(30):
        losses.append(session.call("forward_backward", loss="value", data=data)["loss"])
        session.call("optim_step", learningRate=2e-2)
    assert losses[-1] < losses[0] / 3


def test_beside_another_model_the_frozen_layers_are_computed_once(tiny):
    policy = Session(tiny, {**LORA, "firstLayer": 2})
    data = make_data()
    policy.call("forward", adapter=True, data=data)
    held = policy.lower.tokens
    beside = critic(tiny, engine=policy.engine, name="critic", beside="m")
    assert beside.model.lower is policy.model.lower
    assert relative(compute_gradient(beside, data), compute_gradient(critic(tiny), data)) < 1e-5
    assert policy.lower.tokens == held
    memory = policy.call("memory")
    assert memory["cachedTokens"] == held + sum(m.model._upper.tokens for m in (policy, beside))
    wrong_settings: list[dict[str, Any]] = [
        {"first_layer": 1},
        {"tuning": "full", "first_layer": 0},
    ]
    for wrong in wrong_settings:
        with pytest.raises(EngineError, match="cannot share activations"):
            critic(tiny, engine=policy.engine, name="other", beside="m", **wrong)
    policy.call("delete_model")
    compute_gradient(beside, data)
    beside.call("delete_model")
    assert policy.engine.models == {}


def test_a_value_model_refuses_what_it_is_not(tiny):
    session = critic(tiny)
    datum = make_data()[0]
    for kind, body, what in (
        (
            "sample",
            {"adapter": True, "sequences": [{"ids": [5], "maxTokens": 1}]},
            "is a value model",
        ),
        ("forward", {"adapter": False, "data": [datum]}, "adapter true"),
        ("forward", {"adapter": True, "reference": "base", "data": [datum]}, "neither reference"),
        ("forward_backward", {"loss": "cross_entropy", "data": [datum]}, "of the other kind"),
    ):
        with pytest.raises(EngineError, match=what):
            session.call(kind, **body)
    with pytest.raises(EngineError, match="of the other kind"):
        Session(tiny).call("forward_backward", loss="value", data=[datum])
    for body, what in (({"full": {}}, "not both"), ({"lora": None}, "give lora or full")):
        with pytest.raises(ValueError, match=what):
            critic(tiny) if not body else Session(tiny, **{"lora": LORA, "head": "value", **body})
    with pytest.raises(ValueError, match="needs returns"):
        session.call("forward_backward", loss="value", data=[{**datum, "returns": None}])
    with pytest.raises(ValueError, match="valueClip needs values"):
        session.call(
            "forward_backward",
            loss="value",
            config={"valueClip": 0.2},
            data=[{**datum, "values": None}],
        )


def test_values_that_are_not_finite_change_nothing(tiny):
    session = critic(tiny)
    before = session.call("weights_hash")
    huge = [{**make_data()[0], "returns": [1e30] * 45}]
    with pytest.raises(EngineError) as error:
        session.call("forward_backward", loss="value", data=huge)
    assert error.value.code == "not-finite"
    assert session.trainable.gradient is None
    assert session.call("weights_hash") == before


def ppo_steps(policy: Session, value: Session, steps: range) -> list[tuple[str, str]]:
    """Actor and critic in turns, two mini-batches a step; returns both hashes after each step."""
    hashes = []
    for step in steps:
        sampled = policy.call(
            "sample",
            adapter=True,
            sequences=[
                {"ids": [5, 6, 7, 30 + i], "maxTokens": 6, "seed": 10 * step + i, "n": 2}
                for i in range(3)
            ],
        )
        data = []
        for i, samples in enumerate(sampled["sequences"]):
            for one in samples:
                ids = [5, 6, 7, 30 + i] + one["ids"]
                weights = [0.0] * 4 + [1.0] * len(one["ids"])
                data.append(
                    {
                        "ids": ids,
                        "weights": weights,
                        "logprobs": [0.0] * 4 + one["logprobs"],
                        "returns": [float(len(set(one["ids"])) - 4)] * len(ids),
                    }
                )
        for datum, values in zip(
            data, value.call("forward", adapter=True, data=data)["values"], strict=True
        ):
            datum["values"] = values
            datum["advantages"] = [r - v for r, v in zip(datum["returns"], values, strict=True)]
        for part in (0, 1):
            batch, more = data[part::2], part == 0
            value.call("forward_backward", loss="value", config={"valueClip": 0.2}, data=batch)
            value.call("optim_step", learningRate=1e-2, keepActivations=more)
            policy.call("forward_backward", loss="ppo", data=batch)
            policy.call("optim_step", learningRate=1e-2, keepActivations=more)
        hashes.append((policy.call("weights_hash")["hash"], value.call("weights_hash")["hash"]))
    return hashes


def pair(tiny, seed: int, tuning: str) -> tuple[Session, Session]:
    policy = Session(tiny, {**LORA, "firstLayer": 2}, seed=seed)
    return policy, critic(
        tiny, tuning, engine=policy.engine, name="critic", beside="m", seed=seed, randomize=False
    )


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_actor_and_critic_resume_to_the_same_bits(tiny, tmp_path, tuning):
    undisturbed = pair(tiny, 3, tuning)
    ppo_steps(*undisturbed, range(2))
    for session in undisturbed:
        session.call("save_state", path=str(tmp_path / session.name))
    after = ppo_steps(*undisturbed, range(2, 4))
    resumed = pair(tiny, 99, tuning)
    for session in resumed:
        assert session.call("load_state", path=str(tmp_path / session.name))["step"] == 4
    assert ppo_steps(*resumed, range(2, 4)) == after
    with pytest.raises(EngineError, match="another kind of model"):
        resumed[0].call("load_state", path=str(tmp_path / "critic"))


@pytest.mark.parametrize("tuning", ["lora", "full", "merged"])
def test_exports_load_in_transformers_and_come_back(each_model, tmp_path, tuning):
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification

    session = critic(each_model, "full" if tuning == "full" else "lora")
    path = str(tmp_path / "critic" / "global_step_20")
    session.call("export", path=path, merged=tuning == "merged")
    if tuning == "lora":
        base = AutoModelForTokenClassification.from_pretrained(
            each_model, num_labels=1, dtype=torch.float32
        )
        model = PeftModel.from_pretrained(base, path).eval()
    else:
        model = AutoModelForTokenClassification.from_pretrained(path).eval()
    datum = make_data()[0]
    with torch.no_grad():
        want = model(torch.tensor([datum["ids"]])).logits[0, :, 0]
    got = session.call("forward", adapter=True, data=[datum])["values"][0]
    assert all(
        v == pytest.approx(float(want[p - 1]), abs=1e-4)
        for p, v in enumerate(got)
        if datum["weights"][p]
    )
    if tuning != "merged":
        other = critic(each_model, tuning, seed=77)
        assert (
            other.call("import_weights", path=str(tmp_path))["hash"]
            == session.call("weights_hash")["hash"]
        )
