"""The value head: a linear map with bias from the final hidden state to one number, in float32.

Names and shapes are those of transformers' token classification with one label, as verl's critics.
"""

import torch
from torch import Tensor

WEIGHT, BIAS = "score.weight", "score.bias"


def get_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the head's tensors by name."""
    return {WEIGHT: (1, hidden), BIAS: (1,)}


def init_tensors(hidden: int) -> dict[str, Tensor]:
    """Zero: every state is worth nothing until the first returns are seen."""
    return {name: torch.zeros(shape) for name, shape in get_shapes(hidden).items()}


def compute_values(tensors: dict[str, Tensor], final: Tensor) -> Tensor:
    """Values [n] of normalised final hidden states [n, hidden]."""
    return torch.addmv(tensors[BIAS], final.float(), tensors[WEIGHT][0])
