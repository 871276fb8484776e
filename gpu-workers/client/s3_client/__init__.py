"""Reports a training run to the s3 dashboard: init, log, finish. No call waits or raises."""

from s3_client.run import Run, init

__all__ = ["Run", "init"]
