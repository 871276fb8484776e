"""Reports runs by MLflow's own client, as trainers do, and prints what the client reads back."""

import json
import math
import sys

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient


def flatten(config, parent=""):
    """verl's own way of naming parameters."""
    found = {}
    for key, value in config.items():
        name = f"{parent}/{key}" if parent else key
        found.update(flatten(value, name) if isinstance(value, dict) else {name: value})
    return found


def report_as_upstream(project, name, steps):
    """What verl's Tracking does with trainer.logger=[console,mlflow]."""
    mlflow.set_experiment(project)
    mlflow.start_run(run_name=name)
    config = {"actor": {"optim": {"lr": 1e-6}}, "data": {f"key{i}": i for i in range(150)}}
    mlflow.log_params(flatten(config))
    for step in range(1, steps + 1):
        mlflow.log_metrics(
            metrics={"critic/score/mean": step / 8, "actor/pg_loss": -step / 16}, step=step
        )
    run_id = mlflow.active_run().info.run_id
    mlflow.end_run()
    return run_id


def report_by_client(folder):
    """Everything else that a trainer's callbacks call."""
    client = MlflowClient()
    name = "another experiment"
    found = client.get_experiment_by_name(name)
    experiment = (
        found.experiment_id if found else client.create_experiment(name, tags={"team": "a"})
    )
    run = client.create_run(experiment, run_name="by client", tags={"phase": "one"})
    run_id = run.info.run_id
    batch = [
        Metric("loss", 1.0 / (step + 1), 1_700_000_000_000 + step, step) for step in range(1_000)
    ]
    client.log_batch(
        run_id, metrics=batch, params=[Param("lr", "0.1")], tags=[RunTag("phase", "two")]
    )
    client.log_batch(run_id, metrics=batch)
    client.log_metric(run_id, "odd", math.nan, step=1)
    client.set_tag(run_id, "mlflow.note.content", "what it is about")
    client.delete_tag(run_id, "phase")
    client.log_text(run_id, "hello", "notes/first.txt")
    client.set_terminated(run_id, "FAILED")
    return {
        "run": client.get_run(run_id).to_dictionary(),
        "history": len(client.get_metric_history(run_id, "loss")),
        "found": [
            one.info.run_id for one in client.search_runs([experiment], "metrics.loss < 0.5")
        ],
        "files": [entry.path for entry in client.list_artifacts(run_id, "notes")],
        "text": open(
            client.download_artifacts(run_id, "notes/first.txt", folder), encoding="utf-8"
        ).read(),
        "experiments": sorted(one.name for one in client.search_experiments()),
    }


if __name__ == "__main__":
    address, folder = sys.argv[1:]
    mlflow.set_tracking_uri(address)
    upstream = report_as_upstream("s3", "ppo", 5)
    print(
        json.dumps(
            {
                "upstream": upstream,
                "client": report_by_client(folder),
                "version": mlflow.__version__,
            }
        )
    )
