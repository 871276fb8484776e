"""Exports a small cross-encoder with random weights to ONNX, and prints PyTorch's scores of it.

usage: python make_cross_encoder.py TOKENIZER_FOLDER OUT LABELS < pairs.json > scores.json

It is a real BERT in shape and input (pairs, token types, truncation), only small: the arithmetic
and the tokenisation are compared, not what the model knows.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from torch import nn
from transformers import AutoTokenizer

WIDTH, HEADS, LAYERS, MAX_TOKENS = 48, 4, 2, 64


class Layer(nn.Module):
    """Self-attention and feed-forward block."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, hidden, mask):
        query, key, value = (
            part(hidden).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5 + mask).softmax(-1)
        hidden = self.first(hidden + self.out((weights @ value).transpose(1, 2).flatten(-2)))
        return self.second(hidden + self.down(nn.functional.gelu(self.up(hidden))))


class CrossEncoder(nn.Module):
    """BERT for sequence classification: embeddings, layers, pooler of [CLS], classifier."""

    def __init__(self, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.words, self.positions, self.types = (
            nn.Embedding(n, WIDTH) for n in (vocabulary, MAX_TOKENS, 2)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pooler, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, labels)

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = torch.arange(input_ids.shape[1])[None, :]
        hidden = self.norm(
            self.words(input_ids) + self.positions(places) + self.types(token_type_ids)
        )
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.classifier(self.pooler(hidden[:, 0]).tanh())


def main() -> None:
    source, out, labels = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    pairs = json.load(sys.stdin)
    torch.manual_seed(7)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = CrossEncoder(len(tokenizer), labels).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(3 if weights.dim() > 1 else 1)  # so that scores differ clearly
    out.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, out / name)
    (out / "config.json").write_text(
        json.dumps({"model_type": "bert", "max_position_embeddings": MAX_TOKENS})
    )
    example = tokenizer([["a b", "c"], ["d", "e f g"]], return_tensors="pt", padding=True)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        model,
        tuple(example[name] for name in names),
        str(out / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in names}
        | {"logits": {0: "batch"}},
        dynamo=False,
    )
    scores = []
    with torch.no_grad():
        for query, passage in pairs:
            inputs = tokenizer(
                query, passage, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            )
            logits = model(*(inputs[name] for name in names))[0].tolist()
            scores.append(logits[0] if labels == 1 else logits[1] - logits[0])
    json.dump(scores, sys.stdout)


if __name__ == "__main__":
    main()
