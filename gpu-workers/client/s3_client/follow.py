"""
Sends rollouts while a trainer writes them: verl's trainer.rollout_data_dir, saved results of
verifiers and prime-rl, or the traces that an OpenTelemetry collector writes as JSON:

    python -m s3_client.follow FOLDER --run RUN_ID --questions SET [--format verifiers]

Evaluations that lie in a folder of their own, as in verl's trainer.validation_data_dir, are
followed with --phase held-out.

Each whole line is sent once; how far each file was read stands in FOLDER/.s3-sent.json. A file that
was written anew since is sent from its beginning.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from s3_client.run import DEFAULT_ADDRESS

# Bytes of a file that go in one request.
MOST_BYTES = 4 * 1024 * 1024


def read_piece(path: Path, place: int) -> bytes:
    """The whole lines of a file behind a place: one that is being written is left for later."""
    with path.open("rb") as file:
        file.seek(place)
        piece = file.read(MOST_BYTES)
        # A line that is longer than a piece is read to its end.
        if piece and b"\n" not in piece:
            piece += file.readline()
    return piece[: piece.rfind(b"\n") + 1]


def ends_line(path: Path, place: int) -> bool:
    """Whether a line of a file ends right before a place."""
    with path.open("rb") as file:
        file.seek(place - 1)
        return file.read(1) == b"\n"


def order_naturally(path: Path) -> list[tuple[bool, int, str]]:
    """A key by which 2.jsonl comes before 10.jsonl: steps are sent in their order."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


class Follower:
    """Sends what is new in a folder of JSONL files, and notes what was sent."""

    def __init__(self, folder: Path, address: str, query: dict[str, str]) -> None:
        self._folder = folder
        self._state = folder / ".s3-sent.json"
        self._url = f"{address.rstrip('/')}/api/2.0/s3/rollouts"
        self._query = query
        self._sent: dict[str, list[int]] = (
            json.loads(self._state.read_text()) if self._state.exists() else {}
        )

    def send_new(self) -> int:
        """Sends what was written since, and says which lines were refused. Returns its lines."""
        lines = 0
        for path in sorted(self._folder.rglob("*.jsonl"), key=order_naturally):
            name = path.relative_to(self._folder).as_posix()
            place, line = self._sent.get(name, [0, 0])
            if place > 0 and not ends_line(path, place):
                place, line = 0, 0
            while piece := read_piece(path, place):
                for refused in self._send(name, line, piece)["refused"]:
                    print(f"{name}, line {refused['line']}: {refused['reason']}", file=sys.stderr)
                place, line = place + len(piece), line + piece.count(b"\n")
                lines += piece.count(b"\n")
                self._note(name, place, line)
        return lines

    def _send(self, name: str, line: int, piece: bytes) -> dict:
        query = urllib.parse.urlencode({**self._query, "file": name, "line": line})
        headers = {"content-type": "application/x-ndjson"}
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"{self._url}?{query}", piece, headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read())

    def _note(self, name: str, place: int, line: int) -> None:
        self._sent[name] = [place, line]
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps(self._sent))
        os.replace(part, self._state)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m s3_client.follow")
    parser.add_argument("folder", type=Path, help="where the trainer writes its rollouts")
    parser.add_argument("--run", required=True, help="id of the run, as MLflow or init gave it")
    parser.add_argument("--questions", required=True, help="question set that they answer")
    parser.add_argument("--corpus", help="corpus that was searched, where it is one of ours")
    parser.add_argument(
        "--format", choices=["verl", "verifiers", "otlp"], default="verl", help="what wrote them"
    )
    parser.add_argument(
        "--phase",
        choices=["train", "held-out"],
        help="what all of the folder is; without it each line says so, and verl's are training",
    )
    parser.add_argument("--address", default=os.environ.get("S3_TRACKING_URI", DEFAULT_ADDRESS))
    parser.add_argument("--every", type=float, default=2, help="seconds between two looks")
    parser.add_argument("--once", action="store_true", help="sends what is there and ends")
    options = parser.parse_args()
    query = {"run_id": options.run, "questions": options.questions, "format": options.format}
    if options.corpus:
        query["corpus"] = options.corpus
    if options.phase:
        query["phase"] = options.phase
    follower = Follower(options.folder, options.address, query)
    while True:
        try:
            follower.send_new()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code < 500 and error.code not in (408, 429):
                print(f"refused: {text[:1000]}", file=sys.stderr)
                return 2
            print(f"not sent yet: {error}", file=sys.stderr)
            if options.once:
                return 1
        except OSError as error:
            print(f"not sent yet: {error}", file=sys.stderr)
            if options.once:
                return 1
        if options.once:
            return 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
