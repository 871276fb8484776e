"""Losses and their derivatives on random tensors: against TRL's own code, and by finite differences
in float64.
"""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from engine.api.dialect import LossConfig
from engine.training.losses import average_log_ratios, compute_token_loss, compute_value_loss

SEQUENCES, LENGTH = 6, 9


def numbers(seed: int = 0) -> dict[str, torch.Tensor]:
    """Padded tensors [sequences, length]; the ratios lie on both sides of every clip."""
    g = torch.Generator().manual_seed(seed)
    logprobs = -2 * torch.rand(SEQUENCES, LENGTH, generator=g, dtype=torch.float64)
    lengths = torch.randint(3, LENGTH + 1, (SEQUENCES,), generator=g)
    mask = (torch.arange(LENGTH) < lengths[:, None]).double()
    mask[:, 1] = 0  # a retrieved token
    return {
        "logprobs": logprobs,
        "old": logprobs + 0.3 * torch.randn(SEQUENCES, LENGTH, generator=g, dtype=torch.float64),
        "reference": logprobs
        + 0.5 * torch.randn(SEQUENCES, LENGTH, generator=g, dtype=torch.float64),
        "entropies": 3 * torch.rand(SEQUENCES, LENGTH, generator=g, dtype=torch.float64),
        "advantages": torch.randn(SEQUENCES, generator=g, dtype=torch.float64),
        "mask": mask,
    }


def own(
    kind: str,
    config: LossConfig,
    t: dict[str, torch.Tensor],
    weights: torch.Tensor,
    more: dict[str, torch.Tensor] | None = None,
):
    """Our loss over the tokens of the mask, and its gradients put back into the padded shape."""
    picked = t["mask"] > 0
    data = {
        "weights": weights[picked],
        "advantages": t["advantages"][:, None].expand_as(picked)[picked],
        "logprobs": t["old"][picked],
        **({"referenceLogprobs": t["reference"][picked]} if config.klCoef else {}),
        **(more or {}),
    }
    part = compute_token_loss(kind, config, t["logprobs"][picked], t["entropies"][picked], data)
    full = torch.zeros_like(t["logprobs"])
    full[picked] = part.d_logprobs
    entropies = torch.zeros_like(full)
    if part.d_entropies is not None:
        entropies[picked] = part.d_entropies
    return part, full, entropies


def trl_loss(trainer_class, t: dict[str, torch.Tensor], inputs: dict, **settings):
    """The trainer's own _compute_loss, with our tensors where it would ask its model."""
    lp, h = t["logprobs"].clone().requires_grad_(True), t["entropies"].clone().requires_grad_(True)

    def same(x, **_):
        return x

    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (lp, h, None),
        aux_loss_enabled=False,
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(
            gather=same, gather_for_metrics=same, reduce=same, num_processes=1, sync_gradients=True
        ),
        _metrics={"train": defaultdict(list)},
        **settings,
    )
    ids, none = (
        torch.zeros(SEQUENCES, LENGTH, dtype=torch.long),
        torch.zeros(SEQUENCES, 0, dtype=torch.long),
    )
    batch = {
        "prompt_ids": none,
        "prompt_mask": none,
        "completion_ids": ids,
        "completion_mask": t["mask"],
        **inputs,
    }
    loss = trainer_class._compute_loss(trainer, None, batch)
    d_lp, d_h = torch.autograd.grad(loss, (lp, h), allow_unused=True)
    return float(loss.detach()), d_lp, torch.zeros_like(h) if d_h is None else d_h


def compute_weights(loss_type: str, mask: torch.Tensor) -> torch.Tensor:
    """The caller's normalisation: by sequence (GRPO), by token (DAPO, CISPO), by a constant (Dr.
    GRPO).
    """
    if loss_type == "grpo":
        return mask / mask.sum(-1, keepdim=True) / SEQUENCES
    by_token = loss_type in ("bnpo", "dapo", "cispo")
    return mask / (mask.sum() if by_token else SEQUENCES * LENGTH)


def compute_log_ratios(t: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of each token of the mask the mean log-ratio of its sequence, which GSPO's loss is given."""
    picked = t["mask"] > 0
    sequences = torch.arange(SEQUENCES)[:, None].expand_as(picked)[picked]
    return average_log_ratios(t["logprobs"][picked], t["old"][picked], sequences)


def compare_with_trl(kind: str, loss_type: str, config: LossConfig, **settings) -> None:
    """Holds a loss of ours and its derivatives against TRL's of this type."""
    grpo = pytest.importorskip("trl.trainer.grpo_trainer", reason="TRL needs Python 3.11")
    t = numbers()
    more = {"sequenceLogRatios": compute_log_ratios(t)} if kind == "gspo" else {}
    part, d_lp, d_h = own(kind, config, t, compute_weights(loss_type, t["mask"]), more)
    inputs = {
        "advantages": t["advantages"],
        "old_per_token_logps": t["old"],
        "ref_per_token_logps": t["reference"],
        "num_items_in_batch": t["mask"].sum(),
    }
    defaults = {
        "importance_sampling_level": "token",
        "epsilon_low": config.clipLow,
        "epsilon_high": config.clipHigh,
    }
    loss, want_lp, want_h = trl_loss(
        grpo.GRPOTrainer,
        t,
        inputs,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        beta=config.klCoef,
        loss_type=loss_type,
        use_vllm=False,
        max_completion_length=LENGTH,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=bool(config.entropyCoef),
        use_adaptive_entropy=False,
        entropy_coef=config.entropyCoef,
        args=SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1),
        **(defaults | settings),
    )
    assert part.clipped > 0
    torch.testing.assert_close(d_lp, want_lp, rtol=1e-9, atol=1e-12)
    if config.entropyCoef and loss_type not in ("bnpo", "dapo", "cispo"):
        return  # TRL's bonus is a mean over tokens whatever the loss is normalised by
    torch.testing.assert_close(d_h, want_h, rtol=1e-9, atol=1e-12)
    assert part.loss == pytest.approx(loss, rel=1e-9)


NORMALISATIONS = ["grpo", "bnpo", "dapo", "dr_grpo"]
WITHOUT_MORE = {"klCoef": 0.0, "entropyCoef": 0.0}
WITH_KL = {"klCoef": 0.04, "entropyCoef": 0.0}
WITH_BOTH = {"klCoef": 0.1, "entropyCoef": 0.01}


@pytest.mark.parametrize("loss_type", NORMALISATIONS)
@pytest.mark.parametrize(
    ("low", "high", "more"),
    [
        (0.2, 0.2, WITHOUT_MORE),
        (0.1, 0.28, WITHOUT_MORE),
        (0.2, 0.2, WITH_KL),
        (0.2, 0.2, WITH_BOTH),
    ],
)
def test_clipped_losses_equal_trls(loss_type, low, high, more):
    """PPO's clipped surrogate as GRPO, DAPO (clip-higher) and Dr. GRPO use it, with k3 in the loss
    and an entropy bonus.
    """
    config = LossConfig(clipLow=low, clipHigh=high, klEstimator="k3", **more)
    compare_with_trl("ppo", loss_type, config)


@pytest.mark.parametrize("loss_type", NORMALISATIONS)
@pytest.mark.parametrize(
    ("low", "high", "more"),
    [
        (3e-4, 4e-4, WITHOUT_MORE),
        (0.03, 0.04, WITHOUT_MORE),
        (0.03, 0.04, WITH_KL),
        (0.03, 0.04, WITH_BOTH),
    ],
)
def test_gspo_equals_trls(loss_type, low, high, more):
    """Each sequence's ratio, clipped as a whole, under every normalisation."""
    config = LossConfig(clipLow=low, clipHigh=high, klEstimator="k3", **more)
    compare_with_trl("gspo", loss_type, config, importance_sampling_level="sequence")


@pytest.mark.parametrize("high", [0.05, 0.2])
@pytest.mark.parametrize("more", [WITHOUT_MORE, WITH_KL, WITH_BOTH])
def test_cispo_equals_trls(high, more):
    """TRL bounds the weight itself from above, not its distance to 1, and not from below."""
    config = LossConfig(clipLow=1.0, clipHigh=high, klEstimator="k3", **more)
    compare_with_trl("cispo", "cispo", config, epsilon_high=1 + high)


def test_the_gradient_of_rloo_equals_trls():
    """On-policy, where TRL's ratio of whole sequences and ours of tokens have the same gradient, -A
    / n per token.
    """
    rloo = pytest.importorskip("trl.trainer.rloo_trainer", reason="TRL needs Python 3.11")
    t = numbers(1)
    t["old"] = t["logprobs"]
    inputs = {"advantages": t["advantages"], "old_logps": (t["logprobs"] * t["mask"]).sum(1)}
    _, want, _ = trl_loss(rloo.RLOOTrainer, t, inputs, epsilon_low=0.2, epsilon_high=0.2)
    _, got, _ = own("importance_sampling", LossConfig(), t, t["mask"] / SEQUENCES)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(0.03, 0.04), (3e-4, 4e-4), (10.0, 10.0)])
def test_gspo_equals_its_formula(low, high):
    """Zheng et al. 2025, equations 5 and 7, written out with one ratio a sequence; the gradient by
    autograd through the mean of its log-ratios. Beside TRL's code: also where nothing is clipped,
    and how many tokens are.
    """
    t = numbers(5)
    counts = t["mask"].sum(1)
    weights = t["mask"] / counts[:, None] / SEQUENCES
    lp = t["logprobs"].clone().requires_grad_(True)
    ratio = (((lp - t["old"]) * t["mask"]).sum(1) / counts).exp()
    advantage = t["advantages"]
    bounded = ratio.clamp(1 - low, 1 + high) * advantage
    want = -torch.minimum(ratio * advantage, bounded).mean()
    (want_lp,) = torch.autograd.grad(want, lp)

    part, d_lp, _ = own(
        "gspo",
        LossConfig(clipLow=low, clipHigh=high),
        t,
        weights,
        {"sequenceLogRatios": compute_log_ratios(t)},
    )
    assert part.loss == pytest.approx(float(want.detach()), rel=1e-9)
    torch.testing.assert_close(d_lp, want_lp, rtol=1e-9, atol=1e-12)
    cut = (bounded < ratio * advantage) * counts
    assert part.clipped == int(cut.sum())
    assert (part.clipped > 0) == (low < 1)


def test_gspo_gives_each_token_its_own_advantage():
    """GSPO-token (equation 13): the sequence's ratio times the advantage of the token."""
    t = numbers(6)
    picked, log_ratios = t["mask"] > 0, compute_log_ratios(t)
    advantages = torch.linspace(-1, 2, int(picked.sum()), dtype=torch.float64)
    data = {
        "weights": torch.ones_like(advantages),
        "advantages": advantages,
        "logprobs": t["old"][picked],
        "sequenceLogRatios": log_ratios,
    }
    wide = LossConfig(clipLow=10.0, clipHigh=10.0)
    lp, h = t["logprobs"][picked], t["entropies"][picked]
    part = compute_token_loss("gspo", wide, lp, h, data)
    torch.testing.assert_close(part.d_logprobs, -log_ratios.exp() * advantages)


@pytest.mark.parametrize(("low", "high"), [(1.0, 4.0), (1.0, 0.2), (0.1, 0.1)])
def test_cispo_equals_its_formula(low, high):
    """MiniMax 2025, equations 4 and 5, averaged over all tokens: the clipped weight is a constant,
    so a clipped token keeps its gradient. Beside TRL's code: the bound from below, and how many
    tokens are clipped.
    """
    t = numbers(7)
    lp = t["logprobs"].clone().requires_grad_(True)
    weight = torch.exp(lp - t["old"]).clamp(1 - low, 1 + high).detach()
    objective = weight * t["advantages"][:, None] * lp * t["mask"]
    want = -objective.sum() / t["mask"].sum()
    (want_lp,) = torch.autograd.grad(want, lp)
    config = LossConfig(clipLow=low, clipHigh=high)
    part, d_lp, _ = own("cispo", config, t, t["mask"] / t["mask"].sum())
    assert part.loss == pytest.approx(float(want.detach()), rel=1e-9)
    torch.testing.assert_close(d_lp, want_lp, rtol=1e-9, atol=1e-12)
    assert (d_lp[t["mask"] > 0] != 0).all()
    ratios = torch.exp(t["logprobs"] - t["old"])[t["mask"] > 0]
    assert part.clipped == int(((ratios > 1 + high) | (ratios < 1 - low)).sum())
    assert (part.clipped > 0) == (high < 1)


def test_the_mean_log_ratio_is_that_of_each_sequence():
    lp = torch.tensor([1.0, 5.0, 3.0], dtype=torch.float64)
    old = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    means = average_log_ratios(lp, old, torch.tensor([4, 1, 4]))
    assert means.tolist() == [1.5, 4.0, 1.5]


def differences(f, at: torch.Tensor, step: float = 1e-6) -> torch.Tensor:
    """Central finite differences of f by every entry."""
    found = torch.zeros_like(at)
    for i in range(len(at)):
        up, down = at.clone(), at.clone()
        up[i] += step
        down[i] -= step
        found[i] = (f(up) - f(down)) / (2 * step)
    return found


CONFIGS = [
    ("cross_entropy", {}),
    ("importance_sampling", {}),
    ("ppo", {}),
    ("ppo", {"clipLow": 0.1, "clipHigh": 0.05, "entropyCoef": 0.3}),
    *[("ppo", {"klCoef": 0.4, "klEstimator": k}) for k in ("k1", "k2", "k3")],
    ("importance_sampling", {"klCoef": 0.4, "klEstimator": "k2", "entropyCoef": -0.1}),
]


@pytest.mark.parametrize(("kind", "config"), CONFIGS)
def test_derivatives_of_token_losses_equal_finite_differences(kind, config):
    t = numbers(2)
    picked = t["mask"] > 0
    g = torch.Generator().manual_seed(3)
    count = int(picked.sum())
    data = {
        "weights": torch.rand(count, generator=g, dtype=torch.float64),
        "advantages": torch.randn(count, generator=g, dtype=torch.float64),
        "logprobs": t["old"][picked],
        "referenceLogprobs": t["reference"][picked],
    }
    lp, h = t["logprobs"][picked], t["entropies"][picked]
    settings = LossConfig(**config)
    part = compute_token_loss(kind, settings, lp, h, data)
    torch.testing.assert_close(
        part.d_logprobs,
        differences(lambda x: compute_token_loss(kind, settings, x, h, data).loss, lp),
        rtol=1e-6,
        atol=1e-7,
    )
    if config.get("entropyCoef"):
        torch.testing.assert_close(
            part.d_entropies,
            differences(lambda x: compute_token_loss(kind, settings, lp, x, data).loss, h),
            rtol=1e-6,
            atol=1e-7,
        )
    else:
        assert part.d_entropies is None
    alone = LossConfig(**{k: v for k, v in config.items() if k.startswith("clip")})
    assert part.policy == compute_token_loss(kind, alone, lp, h, data).loss


def test_kl_estimators_by_their_formulas():
    """Schulman's: with log r = log ref - log p, k1 = -log r, k2 = (log r)^2 / 2, k3 = r - 1 - log
    r.
    """
    lp, ref = (
        torch.tensor([-1.0, -2.0], dtype=torch.float64),
        torch.tensor([-1.5, -1.0], dtype=torch.float64),
    )
    data = {
        "weights": torch.ones(2, dtype=torch.float64),
        "advantages": torch.zeros(2, dtype=torch.float64),
        "logprobs": lp,
        "referenceLogprobs": ref,
    }
    e = 2.718281828459045
    for name, want in (("k1", 0.5 - 1.0), ("k2", 0.125 + 0.5), ("k3", e**-0.5 - 0.5 + e - 2)):
        config = LossConfig.model_validate({"klCoef": 2.0, "klEstimator": name})
        part = compute_token_loss("ppo", config, lp, torch.zeros_like(lp), data)
        assert part.kl == pytest.approx(want)
        assert part.loss == pytest.approx(2 * want)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_value_loss_and_its_derivative(clip):
    """Against the formula written out token by token, and finite differences."""
    g = torch.Generator().manual_seed(4)
    v, returns, old, weights = (torch.randn(40, generator=g, dtype=torch.float64) for _ in range(4))
    old = v + 0.4 * (old)
    data = {"weights": weights.abs(), "returns": returns, "values": old}
    config = LossConfig(valueClip=clip)
    part = compute_value_loss(config, v, data)
    want, clipped = 0.0, 0
    for w, x, r, o in zip(
        data["weights"].tolist(), v.tolist(), returns.tolist(), old.tolist(), strict=True
    ):
        plain = (x - r) ** 2
        bounded = plain if clip is None else (min(max(x, o - clip), o + clip) - r) ** 2
        clipped += bounded > plain
        want += 0.5 * w * max(plain, bounded)
    assert part.loss == pytest.approx(want)
    assert part.clipped == clipped
    assert (clipped > 0) == (clip is not None)
    torch.testing.assert_close(
        part.d_values,
        differences(lambda x: compute_value_loss(config, x, data).loss, v),
        rtol=1e-6,
        atol=1e-7,
    )
