"""Two steps of transformers' Trainer on a model of a few weights.

    python train_by_transformers.py mlflow|callback

Reports by transformers' own MLflowCallback or by examples/trl_callback.py. After the first step it
prints a line and waits for one, so that a test can look at a run that goes on.
"""

import sys
import tempfile

from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments


class Wait(TrainerCallback):
    def on_log(self, args, state, control, **kwargs):
        if state.global_step == 1:
            print("one step", flush=True)
            sys.stdin.readline()


def main() -> None:
    reporter = sys.argv[1]
    callbacks: list[TrainerCallback] = []
    if reporter == "callback":
        from trl_callback import S3Callback

        callbacks = [S3Callback("by callback", folder=tempfile.mkdtemp())]
    shape = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 32}
    model = LlamaForCausalLM(LlamaConfig(**shape, num_hidden_layers=1, num_attention_heads=2))
    ids = [1, 5, 9, 2]
    Trainer(
        model,
        TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            run_name="by transformers",
            max_steps=2,
            logging_steps=1,
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
            report_to=["mlflow"] if reporter == "mlflow" else "none",
        ),
        train_dataset=[{"input_ids": ids, "labels": ids}] * 16,
        callbacks=[*callbacks, Wait()],
    ).train()


main()
