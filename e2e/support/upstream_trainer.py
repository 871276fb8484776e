"""
A small training on the CPU (search_training.py), as a job of Ray, that reports as upstream's fork
does: its run once, parameters, metrics a step and a rollout file a step. It swallows what a batch
throws as upstream's trainer does ("Error in training loop").

argv: folder of the rollouts, steps, step whose batch throws
"""

import json
import sys
import time
from pathlib import Path

import mlflow
import ray
from search_training import Policy


@ray.remote
def train(folder, steps, broken):
    policy = Policy()
    mlflow.start_run(run_name="ppo")
    mlflow.log_params(
        {f"actor/key{i}": i for i in range(150)} | {"algorithm/adv_estimator": "grpo"}
    )
    for step in range(1, steps + 1):
        try:
            if step == broken:
                raise RuntimeError("CUDA out of memory")
            metrics, rollouts = policy.train_step(step)
        except Exception as error:
            print(f"Error in training loop: {error}", flush=True)
            continue
        mlflow.log_metrics(metrics, step=step)
        text = "".join(json.dumps(line) + "\n" for line in rollouts)
        (folder / f"{step}.jsonl").write_text(text)
        print(f"step:{step} - critic/score/mean:{metrics['critic/score/mean']:.3f}", flush=True)
        time.sleep(0.3)


if __name__ == "__main__":
    rollouts = Path(sys.argv[1])
    rollouts.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=True)
    ray.get(train.remote(rollouts, int(sys.argv[2]), int(sys.argv[3])))
