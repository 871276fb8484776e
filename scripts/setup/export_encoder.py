"""Export a BERT encoder to ONNX in fp32 and check it against the weights it came from.

usage: export_encoder.py MODEL_FOLDER TARGET.onnx

Inputs input_ids, attention_mask, token_type_ids of shape [batch, sequence] (int64), both dynamic;
output last_hidden_state [batch, sequence, hidden] (float32).
"""

import sys
import warnings

import numpy as np
import onnxruntime
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

TOLERANCE = 1e-4
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class LastHiddenState(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def main(folder: str, target: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    module = LastHiddenState(
        AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ).eval()
    sample = tokenizer(
        ["a first sentence", "and a second, longer sentence"], padding=True, return_tensors="pt"
    )
    dynamic = {name: {0: "batch", 1: "sequence"} for name in (*INPUTS, "last_hidden_state")}
    torch.onnx.export(
        module,
        tuple(sample[name] for name in INPUTS),
        target,
        input_names=list(INPUTS),
        output_names=["last_hidden_state"],
        dynamic_axes=dynamic,
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for texts in (["x"], ["Nairobi is the capital city of Kenya.", "short", "a sentence " * 40]):
        batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            expected = module(*(batch[name] for name in INPUTS)).numpy()
        (actual,) = session.run(None, {name: batch[name].numpy() for name in INPUTS})
        difference = float(np.abs(expected - actual).max())
        if difference > TOLERANCE:
            raise SystemExit(
                f"the ONNX model differs from torch by {difference} (allowed {TOLERANCE})"
            )


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    main(sys.argv[1], sys.argv[2])
