"""Writes learning-rate-reference.json beside this file: rates of transformers' schedulers.

Each list has the rate of torch's AdamW in each step, set by transformers' `get_scheduler`, which is
stepped after every optimiser step.
usage: pip install torch transformers; python learning-rate-reference.py
"""

import json
from pathlib import Path

import torch
from transformers import get_scheduler

CASES = [
    (name, warmup, total)
    for name in ("constant", "linear", "cosine")
    for warmup, total in ((0, 7), (3, 12), (15, 1500), (5, 5), (1, 1))
]


def compute_rates(name: str, warmup: int, total: int) -> list[float]:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=1.0)
    kind = "constant_with_warmup" if name == "constant" else name
    scheduler = get_scheduler(kind, optimiser, num_warmup_steps=warmup, num_training_steps=total)
    rates = []
    for _ in range(min(total, 40)):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


result = [
    {
        "kind": kind,
        "warmupSteps": warmup,
        "total": total,
        "rates": compute_rates(kind, warmup, total),
    }
    for kind, warmup, total in CASES
]
Path(__file__).with_name("learning-rate-reference.json").write_text(json.dumps(result) + "\n")
