"""Two steps of a trainer of transformers, or of TRL, on a model of a few weights.

    python train_by_transformers.py transformers|sft|grpo mlflow|callback

Reports by transformers' own MLflowCallback or by examples/trl_callback.py. After the first step it
prints a line and waits for one, so that a test can look at a run that goes on.
"""

import sys
import tempfile
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

WORDS = ["<pad>", "<eos>", "<unk>", "who", "wrote", "it", "she", "he", "did"]
ROWS = 16


class Wait(TrainerCallback):
    def on_log(self, args, state, control, **kwargs):
        if state.global_step == 1:
            print("one step", flush=True)
            sys.stdin.readline()


def build_tokenizer():
    """A word is a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def build_model() -> LlamaForCausalLM:
    shape: dict[str, Any] = {"vocab_size": len(WORDS), "hidden_size": 16, "intermediate_size": 32}
    ends: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    return LlamaForCausalLM(
        LlamaConfig(**shape, **ends, num_hidden_layers=1, num_attention_heads=2)
    )


def build_settings(reporter: str) -> dict[str, Any]:
    """What the arguments of all trainers have in common."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "run_name": "by mlflow",
        "max_steps": 2,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "report_to": ["mlflow"] if reporter == "mlflow" else "none",
    }


def build_trainer(kind: str, settings: dict[str, Any], callbacks: list[TrainerCallback]) -> Trainer:
    if kind == "transformers":
        ids = [3, 4, 5, 6]
        # A list will do as well as a dataset, though the trainer's types name none.
        data: Any = [{"input_ids": ids, "labels": ids}] * ROWS
        return Trainer(
            build_model(),
            TrainingArguments(**settings),
            train_dataset=data,
            callbacks=callbacks,
        )
    from datasets import Dataset

    shared: dict[str, Any] = {"processing_class": build_tokenizer(), "callbacks": callbacks}
    on_cpu: dict[str, Any] = {"bf16": False, "gradient_checkpointing": False}
    if kind == "sft":
        from trl.trainer.sft_config import SFTConfig
        from trl.trainer.sft_trainer import SFTTrainer

        return SFTTrainer(
            build_model(),
            SFTConfig(**settings, **on_cpu),
            train_dataset=Dataset.from_dict({"text": ["who wrote it she did"] * ROWS}),
            **shared,
        )
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    def reward(completion_ids: list[list[int]], **_) -> list[float | None]:
        """Whether a completion says "she", so that those of a group differ."""
        return [float(WORDS.index("she") in ids) for ids in completion_ids]

    return GRPOTrainer(
        build_model(),
        reward,
        GRPOConfig(**settings, **on_cpu, num_generations=4, max_completion_length=4),
        train_dataset=Dataset.from_dict({"prompt": ["who wrote it"] * ROWS}),
        **shared,
    )


def main() -> None:
    kind, reporter = sys.argv[1:]
    callbacks: list[TrainerCallback] = []
    if reporter == "callback":
        from trl_callback import S3Callback

        callbacks = [S3Callback(f"{kind} by callback", folder=tempfile.mkdtemp())]
    build_trainer(kind, build_settings(reporter), [*callbacks, Wait()]).train()


main()
