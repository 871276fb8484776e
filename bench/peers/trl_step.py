"""TRL's GRPOTrainer, one step for each line on standard input: the peer of bench/engine.ts.

usage: trl_step.py SPEC.json, where SPEC holds model, prompts, samples, steps, maxTokens,
temperature, learningRate, lora, bf16. Prints one JSON line when ready and one after each step:
seconds of the step, of its prefill and decode (measured around the model's forward passes within
generate), tokens a completion, and the process's peak memory so far in bytes.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, TrainerCallback
from trl import __version__ as trl_version
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

spec = json.loads(Path(sys.argv[1]).read_text())
torch.set_num_threads(spec["threads"])
torch.manual_seed(0)
lengths: list[int] = []
clock = {"generate": 0.0, "prefill": 0.0}


def reward(completions: list, completion_ids: list[list[int]], **_) -> list[float | None]:
    """Any reward with variance within a group: what is measured is time."""
    lengths.extend(len(ids) for ids in completion_ids)
    return [float(sum(ids) % 7) for ids in completion_ids]


class StepTimer(TrainerCallback):
    def on_step_begin(self, *_, **__):
        lengths.clear()
        clock.update(generate=0.0, prefill=0.0)
        print(json.dumps({"ready": True, "trl": trl_version}), flush=True)
        sys.stdin.readline()
        self.started = time.perf_counter()

    def on_step_end(self, *_, **__):
        print(
            json.dumps(
                {
                    "seconds": time.perf_counter() - self.started,
                    "prefill": clock["prefill"],
                    "decode": clock["generate"] - clock["prefill"],
                    "meanTokens": sum(lengths) / max(1, len(lengths)),
                    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                }
            ),
            flush=True,
        )


def time_generation(model) -> None:
    """Adds up the seconds of generate, and of the first forward pass in each of its calls."""
    generate = model.generate
    inside = {"generate": False, "started": 0.0}

    def timed(*args, **kwargs):
        started = time.perf_counter()
        inside["generate"] = True
        try:
            return generate(*args, **kwargs)
        finally:
            inside["generate"] = False
            clock["generate"] += time.perf_counter() - started

    def before(*_):
        inside["started"] = time.perf_counter()

    def after(_module, _inputs, output):
        if inside["generate"]:
            clock["prefill"] += time.perf_counter() - inside["started"]
            inside["generate"] = False  # only the first pass of a call is its prefill

    model.generate = timed
    model.get_base_model().register_forward_pre_hook(before)
    model.get_base_model().register_forward_hook(after)


rows = len(spec["prompts"]) // spec["steps"] * spec["samples"]
trainer = GRPOTrainer(
    model=spec["model"],
    reward_funcs=reward,
    args=GRPOConfig(
        output_dir=spec["folder"],
        # TRL's own default; the rest of a step accumulates.
        per_device_train_batch_size=min(8, rows),
        gradient_accumulation_steps=max(1, rows // 8),
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
    callbacks=[StepTimer()],
)
time_generation(trainer.model)
trainer.train()
