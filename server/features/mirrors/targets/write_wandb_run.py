"""Writes one offline run with W&B's own client, from a request on standard input.

The request is a JSON object: folder, project, id, name, kind, tags, config, exitCode, and points,
a file of JSON lines [name, step, value, milliseconds since the epoch] in any order. `wandb sync`
uploads what is written.
"""

import json
import os
import sys

COLD_START = "cold-start/"


def read_rows(path: str) -> list[dict[str, float]]:
    """Rows of one step each: first those of the cold start, which counts its own batches."""
    rows: dict[tuple[int, int], dict[str, float]] = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            name, step, value, at = json.loads(line)
            own = name.startswith(COLD_START)
            row = rows.setdefault((0 if own else 1, step), {})
            row["cold-start/batch" if own else "global_step"] = step
            row[name] = value
            row["_timestamp"] = max(row.get("_timestamp", 0.0), at / 1000)
    return [rows[key] for key in sorted(rows)]


def main() -> None:
    """Writes the run, or ends with a message on standard error."""
    try:
        import wandb
    except ImportError:
        sys.exit(f"{sys.executable} has no package wandb")
    if "--test" in sys.argv:
        print(wandb.__version__)
        return
    request = json.load(sys.stdin)
    os.makedirs(request["folder"], exist_ok=True)
    run = wandb.init(
        mode="offline",
        dir=request["folder"],
        project=request["project"],
        id=request["id"],
        name=request["name"],
        job_type=request["kind"],
        tags=request["tags"],
        config=request["config"],
        settings=wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
        ),
    )
    run.define_metric("*", step_metric="global_step")
    run.define_metric("cold-start/*", step_metric="cold-start/batch")
    for row in read_rows(request["points"]):
        run.log(row)
    run.finish(exit_code=request["exitCode"])


main()
