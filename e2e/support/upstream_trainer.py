"""
A small training on the CPU, as a job of Ray, that reports as upstream's fork does: its run once,
parameters, metrics a step and a rollout file a step. It swallows what a batch throws as upstream's
trainer does ("Error in training loop").

The policy is real: by REINFORCE it learns which of three queries finds the answer's document.

argv: folder of the rollouts, steps, step whose batch throws
"""

import json
import sys
import time
from pathlib import Path

import mlflow
import ray
import torch

QUERIES = ["weather", "what is it", "capital of it"]
SAMPLES = 8


def write_rollout(question, query, reward, step):
    """As verl writes it, decoded without special tokens."""
    window = 'Doc 1(Title: "Card 1") Text of card 1.\n'
    found = f'Doc 1(Title: "Card {QUERIES.index(query) + 2}") Text.\n'
    return {
        "input": f"user\n<question>\n{question}\n</question>\n"
        f"<information>\n{window}</information>\nassistant\n",
        "output": "<important_info>[1]</important_info><search_complete>False</search_complete>"
        f'<query>{{"query": "{query}"}}</query>\n\n<information>{found}</information>\n\n'
        "<important_info>[1]</important_info><search_complete>True</search_complete>",
        "score": reward,
        "step": step,
    }


def train_step(logits, optimizer):
    """Samples queries, rewards the right one and follows the gradient."""
    distribution = torch.distributions.Categorical(logits=logits)
    actions = distribution.sample((SAMPLES,))
    rewards = (actions == 2).float()
    advantages = rewards - rewards.mean()
    loss = -(advantages * distribution.log_prob(actions)).mean()
    optimizer.zero_grad()
    loss.backward()
    norm = float(logits.grad.norm())
    optimizer.step()
    return actions, rewards, loss, norm, float(distribution.entropy().detach())


@ray.remote
def train(folder, steps, broken):
    torch.manual_seed(0)
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    mlflow.start_run(run_name="ppo")
    mlflow.log_params(
        {f"actor/key{i}": i for i in range(150)} | {"algorithm/adv_estimator": "grpo"}
    )
    for step in range(1, steps + 1):
        try:
            if step == broken:
                raise RuntimeError("CUDA out of memory")
            actions, rewards, loss, norm, entropy = train_step(logits, optimizer)
        except Exception as error:
            print(f"Error in training loop: {error}", flush=True)
            continue
        metrics = {
            "critic/score/mean": float(rewards.mean()),
            "actor/pg_loss": float(loss.detach()),
            "actor/grad_norm": norm,
            "actor/entropy_loss": entropy,
        }
        mlflow.log_metrics(metrics, step=step)
        lines = [
            write_rollout("What is question 1?", QUERIES[int(action)], float(reward), step)
            for action, reward in zip(actions, rewards, strict=True)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{step}.jsonl").write_text(text)
        print(f"step:{step} - critic/score/mean:{metrics['critic/score/mean']:.3f}", flush=True)
        time.sleep(0.3)


if __name__ == "__main__":
    rollouts = Path(sys.argv[1])
    rollouts.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=True)
    ray.get(train.remote(rollouts, int(sys.argv[2]), int(sys.argv[3])))
