"""TRL's GRPOTrainer, one step for each line on standard input: the peer of bench/engine.ts.

usage: trl_step.py SPEC.json, where SPEC holds model, prompts, samples, steps, maxTokens, temperature, learningRate, lora, bf16.
Prints one JSON line when ready and one after each step.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoTokenizer, TrainerCallback  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402
from trl import __version__ as trl_version  # noqa: E402

spec = json.load(open(sys.argv[1]))
torch.set_num_threads(spec["threads"])
torch.manual_seed(0)
lengths: list[int] = []


def reward(completions, completion_ids, **_):
    """Any reward with variance within a group: what is measured is time."""
    lengths.extend(len(ids) for ids in completion_ids)
    return [float(sum(ids) % 7) for ids in completion_ids]


class Turns(TrainerCallback):
    def on_step_begin(self, *_, **__):
        lengths.clear()
        print(json.dumps({"ready": True, "trl": trl_version}), flush=True)
        sys.stdin.readline()
        self.started = time.perf_counter()

    def on_step_end(self, *_, **__):
        print(json.dumps({"seconds": time.perf_counter() - self.started, "meanTokens": sum(lengths) / max(1, len(lengths))}), flush=True)


rows = len(spec["prompts"]) // spec["steps"] * spec["samples"]
trainer = GRPOTrainer(
    model=spec["model"],
    reward_funcs=reward,
    args=GRPOConfig(
        output_dir=spec["folder"],
        per_device_train_batch_size=rows,
        num_generations=spec["samples"],
        max_completion_length=spec["maxTokens"],
        max_steps=spec["steps"],
        learning_rate=spec["learningRate"],
        temperature=spec["temperature"],
        beta=0.0,
        use_cpu=True,
        bf16=spec["bf16"],
        gradient_checkpointing=False,
        shuffle_dataset=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
    ),
    train_dataset=Dataset.from_dict({"prompt": spec["prompts"]}),
    processing_class=AutoTokenizer.from_pretrained(spec["model"], padding_side="left"),
    peft_config=LoraConfig(
        r=spec["lora"]["rank"],
        lora_alpha=spec["lora"]["alpha"],
        target_modules=spec["lora"]["targets"],
        layers_to_transform=spec["lora"]["layers"],
        task_type="CAUSAL_LM",
    ),
    callbacks=[Turns()],
)
trainer.train()
