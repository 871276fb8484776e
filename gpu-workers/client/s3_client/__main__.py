"""Sends what runs have left: python -m s3_client FOLDER [--address URL]"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from s3_client.journal import Journal
from s3_client.run import DEFAULT_ADDRESS
from s3_client.sender import Sender


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m s3_client", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder that init was given, e.g. .s3-runs")
    parser.add_argument("--address", default=os.environ.get("S3_TRACKING_URI", DEFAULT_ADDRESS))
    parser.add_argument("--wait", type=float, default=60, help="seconds for each run")
    options = parser.parse_args()
    left = 0
    for path in sorted(options.folder.glob("*/events.jsonl")):
        sender = Sender(
            Journal(path.parent), options.address, os.environ.get("MLFLOW_TRACKING_TOKEN")
        )
        sender.start()
        is_sent = sender.drain(options.wait)
        sender.stop()
        left += not is_sent
        print(f"{path.parent.name}: {'sent' if is_sent else 'not all sent'}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
