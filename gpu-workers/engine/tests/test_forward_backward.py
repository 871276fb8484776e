"""Gradients with sharing and reuse equal those of the plain, unshared forward; what must not matter
does not.
"""

import pytest
import torch

from .conftest import LORA, SMOLLM2, Session, needs_smollm2, reference_model

LARK = 'start: "[" D ("," D)? "]"\nD: /[1-4]/\n'


def make_data(session: Session, guided: bool = True) -> list[dict]:
    """Groups that share an instruction and a prompt, with prompt, action and retrieved tokens; made
    by sampling, so that hidden states come from the cache.
    """
    instruction = list(range(100, 130))
    prompts = [instruction + [40 + g] * 3 + list(range(60, 75)) for g in range(2)]
    sequences = [
        {
            "ids": p,
            "maxTokens": 10,
            "seed": g,
            "n": 3,
            **({"guide": {"lark": LARK}} if guided else {}),
        }
        for g, p in enumerate(prompts)
    ]
    first = session.call("sample", adapter=True, sequences=sequences)["sequences"]
    data = []
    for g, samples in enumerate(first):
        for k, one in enumerate(samples):
            retrieved = [200 + g, 201 + k, 202, 203]
            ids = prompts[g] + one["ids"] + retrieved
            (second,) = session.call(
                "sample",
                adapter=True,
                sequences=[{"ids": ids, "maxTokens": 5, "seed": k, "session": f"{g}{k}"}],
            )["sequences"][0]
            start = len(prompts[g])
            weights = (
                [0.0] * start
                + [0.0 if f else 0.5 for f in one["forced"]]
                + [0.0] * 4
                + [1.0] * len(second["ids"])
            )
            data.append(
                {
                    "ids": ids + second["ids"],
                    "weights": weights,
                    "advantages": [float((-1) ** k * (1 + g))] * len(weights),
                    "logprobs": [0.0] * start
                    + [x - 0.1 * k for x in one["logprobs"]]
                    + [0.0] * 4
                    + second["logprobs"],
                    "referenceLogprobs": [0.0] * start
                    + [x + 0.2 for x in one["logprobs"]]
                    + [0.0] * 4
                    + second["logprobs"],
                    "guides": [{"start": start, "end": start + len(one["ids"]), "lark": LARK}]
                    if guided
                    else [],
                }
            )
    return data


def allowed_tokens(session: Session, datum: dict) -> dict[int, list[int]]:
    found = {}
    for span in datum["guides"]:
        matcher = session.model.base.tokenizer.create_matcher(span["lark"])
        for p in range(span["start"], span["end"]):
            mask = session.model.base.tokenizer.unpack_masks(
                session.model.base.tokenizer.compute_masks([matcher])
            )[0]
            found[p] = [i for i, a in enumerate(mask) if a]
            assert matcher.consume_token(datum["ids"][p])
    return found


def reference_gradient(
    session: Session, data: list[dict], kind: str, config: dict
) -> tuple[torch.Tensor, float]:
    """The textbook way: every sequence alone through transformers and PEFT, losses written out
    here.
    """
    model = reference_model(session)
    t = config.get("temperature", 1.0)
    total = torch.zeros(())
    for datum in data:
        logits = model(torch.tensor([datum["ids"]])).logits[0].float() / t
        masks = allowed_tokens(session, datum)
        chosen = []
        for p in range(1, len(datum["ids"])):
            w = datum["weights"][p]
            if w == 0:
                continue
            row = logits[p - 1]
            if p in masks:
                row = row[masks[p]]
                target = masks[p].index(datum["ids"][p])
            else:
                target = datum["ids"][p]
            logp = torch.log_softmax(row, -1)
            lp = logp[target]
            chosen.append((p, lp))
            if kind == "cross_entropy":
                value = -lp
            elif kind == "gspo":
                value = torch.zeros(())  # of the whole sequence, below
            else:
                ratio = (lp - datum["logprobs"][p]).exp()
                gain = ratio * datum["advantages"][p]
                if kind == "ppo":
                    gain = torch.minimum(
                        gain,
                        ratio.clamp(1 - config["clipLow"], 1 + config["clipHigh"])
                        * datum["advantages"][p],
                    )
                if kind == "cispo":
                    bound = ratio.detach().clamp(1 - config["clipLow"], 1 + config["clipHigh"])
                    gain = bound * datum["advantages"][p] * lp
                value = -gain
            if config.get("klCoef"):
                d = datum["referenceLogprobs"][p] - lp
                value = (
                    value
                    + config["klCoef"]
                    * {"k1": -d, "k2": d**2 / 2, "k3": d.exp() - 1 - d}[config["klEstimator"]]
                )
            if config.get("entropyCoef"):
                value = value + config["entropyCoef"] * (logp.exp() * logp).sum()
            total = total + w * value
        if kind == "gspo":
            sequence_ratio = (
                torch.stack([lp - datum["logprobs"][p] for p, lp in chosen]).mean().exp()
            )
            advantage = datum["advantages"][0]
            bounded = sequence_ratio.clamp(1 - config["clipLow"], 1 + config["clipHigh"])
            gain = torch.minimum(sequence_ratio * advantage, bounded * advantage)
            total = total - sum(datum["weights"]) * gain
    total.backward()
    own = {f.name: f for f in session.trainable.layout}
    flat = torch.zeros_like(session.trainable.values)
    for name, parameter in model.named_parameters():
        f = own.get(name.replace(".default", ""))
        if f is not None and parameter.grad is not None:
            flat[f.start : f.start + f.size] = parameter.grad.reshape(-1)
    return flat, float(total.detach())


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


CASES = [
    ("cross_entropy", {}),
    ("cross_entropy", {"entropyCoef": 0.3, "temperature": 0.7}),
    ("importance_sampling", {"klCoef": 0.5, "klEstimator": "k1"}),
    ("ppo", {"clipLow": 0.1, "clipHigh": 0.05}),
    (
        "ppo",
        {
            "clipLow": 0.2,
            "clipHigh": 0.2,
            "klCoef": 0.2,
            "klEstimator": "k3",
            "entropyCoef": 0.01,
            "temperature": 1.3,
        },
    ),
    ("ppo", {"clipLow": 0.2, "clipHigh": 0.2, "klCoef": 0.2, "klEstimator": "k2"}),
    ("cispo", {"clipLow": 1.0, "clipHigh": 0.05, "temperature": 0.8}),
    ("gspo", {"clipLow": 0.03, "clipHigh": 0.04, "klCoef": 0.2, "klEstimator": "k3"}),
]


@pytest.mark.parametrize(("kind", "config"), CASES)
@pytest.mark.parametrize("first_layer", [0, 2])
def test_gradients_equal_the_plain_forward(each_model, kind, config, first_layer):
    session = Session(each_model, {**LORA, "firstLayer": first_layer})
    data = make_data(session)
    if kind == "gspo":  # a sequence has one weight, as it has one ratio
        data = [{**d, "weights": [0.5 if w else 0.0 for w in d["weights"]]} for d in data]
    result = session.call("forward_backward", loss=kind, config=config, data=data)
    want, loss = reference_gradient(session, data, kind, config)
    assert result["loss"] == pytest.approx(loss, rel=1e-4)
    assert relative(session.gradient, want) < 1e-4
    assert result["tokens"] == sum(1 for d in data for w in d["weights"] if w)
    # Sharing really happened: far fewer tokens than the sequences have.
    assert result["computedTokens"] < 0.6 * sum(len(d["ids"]) for d in data)


@needs_smollm2
def test_gradients_equal_the_plain_forward_on_the_default_model():
    session = Session(SMOLLM2, {"rank": 4, "alpha": 8, "firstLayer": 24})
    session.trainable.values *= 0.1
    session.trainable.mark_changed()
    data = make_data(session, guided=False)
    session.call("forward_backward", loss="importance_sampling", data=data)
    want, _ = reference_gradient(session, data, "importance_sampling", {})
    assert relative(session.gradient, want) < 1e-4


@pytest.mark.parametrize(
    "targets", [["q_proj", "v_proj"], ["o_proj", "gate_proj"], ["k_proj", "down_proj", "up_proj"]]
)
def test_gradients_with_some_targets(tiny, targets):
    session = Session(tiny, {**LORA, "targets": targets})
    data = make_data(session)
    session.call("forward_backward", loss="cross_entropy", data=data)
    want, _ = reference_gradient(session, data, "cross_entropy", {})
    assert relative(session.gradient, want) < 1e-4


def compute_gradient(
    session: Session, data: list[dict], budget: int | None = None, **body
) -> torch.Tensor:
    session.trainable.gradient = None
    session.call("forward_backward", loss="ppo", data=data, tokenBudget=budget, **body)
    return session.gradient


def test_micro_batches_order_and_company_do_not_matter(session):
    data = make_data(session)
    whole = compute_gradient(session, data)
    for budget in (1, 60, 150):
        assert relative(compute_gradient(session, data, budget), whole) < 1e-5
    assert relative(compute_gradient(session, data[::-1]), whole) < 1e-5
    parts = torch.stack([compute_gradient(session, [d]) for d in data]).sum(0)
    assert relative(parts, whole) < 1e-5
    silent = {
        **data[0],
        "ids": data[0]["ids"][::-1],
        "weights": [0.0] * len(data[0]["ids"]),
        "guides": [],
    }
    assert relative(compute_gradient(session, [*data, silent]), whole) < 1e-6


def test_reuse_of_hidden_states_equals_recomputing_them(session, tiny):
    data = make_data(session)
    cached = compute_gradient(session, data)
    fresh = Session(tiny)
    assert fresh.lower.tokens == 0
    assert relative(compute_gradient(fresh, data), cached) < 3e-5


def test_retrieved_and_forced_tokens_have_no_gradient_of_their_own(session):
    """Their advantages and log-probabilities are never read; only their presence in the context
    counts.
    """
    data = make_data(session)
    whole = compute_gradient(session, data)
    disturbed = []
    for d in data:
        free = [w == 0 for w in d["weights"]]
        disturbed.append(
            {
                **d,
                "advantages": [
                    77.0 if f else a for f, a in zip(free, d["advantages"], strict=True)
                ],
                "logprobs": [-9.0 if f else a for f, a in zip(free, d["logprobs"], strict=True)],
                "referenceLogprobs": [
                    3.0 if f else a for f, a in zip(free, d["referenceLogprobs"], strict=True)
                ],
            }
        )
    assert torch.equal(compute_gradient(session, disturbed), whole)
    # A forced token with weight would add nothing either: its probability under the guide is 1.
    span = data[0]["guides"][0]
    weighted = [dict(d) for d in data]
    weights = list(weighted[0]["weights"])
    assert weights[span["start"]] == 0
    weights[span["start"]] = 1.0
    weighted[0]["weights"] = weights
    weighted[0]["logprobs"] = list(weighted[0]["logprobs"])
    weighted[0]["logprobs"][span["start"]] = 0.0
    assert relative(compute_gradient(session, weighted), whole) < 1e-6


def test_forward_gives_policy_reference_and_entropy(session):
    data = make_data(session)
    session.call("snapshot", name="start")
    before = session.call("forward", adapter=True, data=data, reference="start", entropy=True)
    assert before["logprobs"] == before["referenceLogprobs"]
    assert all(h >= 0 for d in before["entropies"] for h in d)
    trained = session.call("forward_backward", loss="cross_entropy", data=data)
    assert trained["logprobs"] == before["logprobs"]
    session.call("optim_step", learningRate=0.05)
    after = session.call("forward", adapter=True, data=data, reference="start")

    def flat(rows: list[list[float]]) -> list[float]:
        return [x for row in rows for x in row]

    assert flat(after["referenceLogprobs"]) == pytest.approx(flat(before["logprobs"]), abs=1e-4)
    assert sum(flat(after["logprobs"])) > sum(flat(before["logprobs"]))
    base = session.call("forward", adapter=False, data=data, reference="base")
    assert base["logprobs"] == base["referenceLogprobs"]


def test_sampled_logprobs_equal_those_of_the_gradient(session):
    data = make_data(session)
    got = session.call("forward_backward", loss="importance_sampling", data=data)["logprobs"]
    again = session.call("forward", adapter=True, data=data)["logprobs"]
    for k, (d, g, a) in enumerate(zip(data, got, again, strict=True)):
        assert g == a
        shift = 0.1 * (k % 3)
        span = d["guides"][0]
        for p, w in enumerate(d["weights"]):
            if w:
                assert g[p] == pytest.approx(
                    d["logprobs"][p] + (shift if p < span["end"] else 0), abs=2e-4
                )
