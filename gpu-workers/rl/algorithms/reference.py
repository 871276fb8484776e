"""Writes reference.json beside this file: reference values for the algorithms' tests, by torch.

The layout is the trainers' usual one (batch x response, 1 in the mask where the policy chose),
which ours never builds.
usage: pip install torch; python gpu-workers/rl/algorithms/reference.py
"""

import json
from pathlib import Path

import torch

torch.manual_seed(0)
F64 = torch.float64
GROUPS, SIZE, LENGTH = 3, 4, 9


def whiten(x, mask):
    n = mask.sum()
    mean = (x * mask).sum() / n
    variance = ((x - mean) ** 2 * mask).sum() / (n - 1)
    return (x - mean) * torch.rsqrt(variance + 1e-8) * mask


def compute_gae(rewards, values, mask, gamma, lam):
    """Generalised advantages; where the mask is 0 nothing changes: such tokens are no states."""
    advantage, value = torch.zeros(len(rewards), dtype=F64), torch.zeros(len(rewards), dtype=F64)
    out = torch.zeros_like(rewards)
    for t in range(rewards.shape[1] - 1, -1, -1):
        here = mask[:, t].bool()
        delta = rewards[:, t] + gamma * value - values[:, t]
        advantage = torch.where(here, delta + gamma * lam * advantage, advantage)
        value = torch.where(here, values[:, t], value)
        out[:, t] = torch.where(here, advantage, torch.zeros_like(advantage))
    return out, (out + values) * mask


def place_last(scores, mask):
    out = torch.zeros_like(mask)
    for i, row in enumerate(mask):
        out[i, int(row.nonzero().max())] = scores[i]
    return out


def list_rows(x, mask):
    return [x[i][mask[i].bool()].tolist() for i in range(len(x))]


n = GROUPS * SIZE
mask = (torch.rand(n, LENGTH, dtype=F64) < 0.6).to(F64)
mask[:, 0] = 1
scores = torch.randint(-1, 3, (n,)).to(F64)
penalties = torch.rand(n, LENGTH, dtype=F64) * 0.1 * mask
values = torch.randn(n, LENGTH, dtype=F64) * mask
rewards = place_last(scores, mask) - penalties
net = (scores - penalties.sum(1)).view(GROUPS, SIZE)

cases = []
for gamma, lam in [(1.0, 1.0), (0.9, 0.8), (1.0, 0.0), (0.5, 1.0)]:
    advantages, returns = compute_gae(rewards, values, mask, gamma, lam)
    future = torch.zeros_like(rewards)
    running = torch.zeros(n, dtype=F64)
    for t in range(LENGTH - 1, -1, -1):
        running = torch.where(mask[:, t].bool(), rewards[:, t] + gamma * running, running)
        future[:, t] = running
    cases.append(
        {
            "gamma": gamma,
            "lambda": lam,
            "advantages": list_rows(advantages, mask),
            "returns": list_rows(returns, mask),
            "whitened": list_rows(whiten(advantages, mask), mask),
            "reinforce": list_rows(whiten(future, mask), mask),
        }
    )

# As verl's PPO and so the released code: every token after the prompt is a state, retrieved ones
# have values and no reward, the reward stands at the last token, whitening goes over all of them.
# The mask of values and of the critic's loss is the same but for a column at its front, so that the
# state after the last token has a value and is learned wherever the batch has a column for it.
generator = torch.Generator().manual_seed(1)
everything = torch.ones(n, LENGTH, dtype=F64)
lengths = torch.randint(5, LENGTH + 1, (n,), generator=generator)
for i, length in enumerate(lengths):
    everything[i, length:] = 0
acting = mask * everything
shifted = torch.cat([torch.ones(n, 1, dtype=F64), everything[:, :-1]], 1)
released_values = torch.randn(n, LENGTH, dtype=F64, generator=generator) * shifted
released_penalties = penalties * acting
released_rewards = place_last(scores, everything) - released_penalties
released = []
for gamma, lam in [(1.0, 1.0), (1.0, 0.95), (0.9, 0.8)]:
    advantages, returns = compute_gae(released_rewards, released_values, shifted, gamma, lam)
    released.append(
        {
            "gamma": gamma,
            "lambda": lam,
            "advantages": list_rows(advantages, acting),
            "returns": list_rows(returns, shifted),
            "whitened": list_rows(whiten(advantages, everything), acting),
        }
    )

logprob, reference = -torch.rand(20, dtype=F64) * 3, -torch.rand(20, dtype=F64) * 3
ratio = (reference - logprob).exp()
result = {
    "scores": scores.tolist(),
    "penalties": list_rows(penalties, mask),
    "values": list_rows(values, mask),
    "groups": GROUPS,
    "cases": cases,
    "released": {
        "penalties": list_rows(released_penalties, acting),
        "values": list_rows(released_values, shifted),
        "areActions": [[x == 1 for x in row] for row in list_rows(acting, everything)],
        "cases": released,
    },
    "grpo": ((net - net.mean(1, keepdim=True)) / (net.std(1, keepdim=True) + 1e-6))
    .flatten()
    .tolist(),
    "drGrpo": (net - net.mean(1, keepdim=True)).flatten().tolist(),
    # As TRL writes it: the group's mean without oneself.
    "rloo": ((net * SIZE - net.sum(1, keepdim=True)) / (SIZE - 1)).flatten().tolist(),
    "kl": {
        "logprob": logprob.tolist(),
        "reference": reference.tolist(),
        "k1": (-ratio.log()).tolist(),
        "k2": (ratio.log() ** 2 / 2).tolist(),
        "k3": (ratio - 1 - ratio.log()).tolist(),
    },
}
Path(__file__).with_name("reference.json").write_text(json.dumps(result) + "\n")
