"""
The small training of search_training.py, reported by our own client: metrics a step and a rollout
file a step. With S3_GENERATOR_URL the served model answers by the last step's documents.

argv: folder of the rollouts, steps
"""

import json
import sys
from pathlib import Path

import s3_client
from search_training import ANSWER, QUERIES, Policy, answer, search

folder, steps = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
policy = Policy()
run = s3_client.init("by our client", config={"actor": {"lr": 0.3}}, folder=folder.parent / "runs")
for step in range(1, steps + 1):
    metrics, rollouts = policy.train_step(step)
    text = "".join(json.dumps(line) + "\n" for line in rollouts)
    (folder / f"{step}.jsonl").write_text(text)
    run.log(metrics, step=step)
best = QUERIES[int(policy.logits.argmax())]
said = answer(best, search(best))
print(f"answered: {said}", flush=True)
run.log({"answer/right": float(ANSWER in said)}, step=steps)
sys.exit(0 if run.finish() else 1)
