"""Reads what mirrors wrote with the trackers' own packages.

Prints JSON: {folder: {metric: [[step, value], ...]}}.

Usage: python read_trackers.py tensorboard FOLDER | wandb FOLDER
"""

import glob
import json
import os
import struct
import sys


def read_tensorboard(folder: str) -> dict[str, dict[str, list[list[float]]]]:
    """Scalars as TensorBoard itself shows them."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    multiplexer = EventMultiplexer().AddRunsFromDirectory(folder)
    multiplexer.Reload()
    return {
        run: {
            tag: [[event.step, event.value] for event in multiplexer.Scalars(run, tag)]
            for tag in tags["scalars"]
        }
        for run, tags in multiplexer.Runs().items()
    }


def split_records(data: bytes) -> list[bytes]:
    """Records of an offline run: a head of 7 bytes, then LevelDB's log in blocks of 32 KiB."""
    if data[:4] != b":W&B":
        sys.exit("this is no offline run of W&B")
    records: list[bytes] = []
    position = 7
    while position + 7 <= len(data):
        left = 32_768 - position % 32_768
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        part = data[position + 7 : position + 7 + length]
        # 1: whole, 2: first, 3: middle, 4: last.
        if kind in (1, 2):
            records.append(part)
        elif kind in (3, 4):
            records[-1] += part
        position += 7 + length
    return records


def read_wandb(folder: str) -> dict[str, dict[str, list[list[float]]]]:
    """History of offline runs, by the messages of W&B's package, which has no reader itself."""
    from wandb.proto import wandb_internal_pb2

    runs: dict[str, dict[str, list[list[float]]]] = {}
    for path in glob.glob(f"{folder}/*/*/wandb/offline-run-*/*.wandb"):
        metrics: dict[str, list[list[float]]] = {}
        with open(path, "rb") as file:
            records = split_records(file.read())
        for data in records:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "exit":
                metrics["exit"] = [[0, record.exit.exit_code]]
            if record.WhichOneof("record_type") != "history":
                continue
            row = {
                ".".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            for name, value in row.items():
                if not name.startswith("_") and name not in ("global_step", "cold-start/batch"):
                    axis = "cold-start/batch" if name.startswith("cold-start/") else "global_step"
                    metrics.setdefault(name, []).append([row[axis], value])
        name = os.sep.join(os.path.relpath(path, folder).split(os.sep)[:2])
        if name in runs:
            sys.exit(f"{name} has two offline runs")
        runs[name] = metrics
    return runs


READERS = {"tensorboard": read_tensorboard, "wandb": read_wandb}
print(json.dumps(READERS[sys.argv[1]](sys.argv[2])))
