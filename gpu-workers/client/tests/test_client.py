"""The client without a dashboard: it neither waits nor raises, and keeps what it could not send."""

import json
import math
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import s3_client
from s3_client.journal import Journal
from s3_client.sender import build_requests

NOWHERE = "http://127.0.0.1:9"


class TrackerServer(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Tracker)
        self.failures = 0
        self.asked: list[tuple[str, dict]] = []
        self.address_text = f"http://127.0.0.1:{self.server_port}"


class Tracker(BaseHTTPRequestHandler):
    """Answers as a dashboard does: `failures` requests get 503, parameters named `bad` a 400."""

    def do_POST(self):
        server = self.server
        assert isinstance(server, TrackerServer)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.removeprefix("/api/2.0/mlflow/")
        status, answer = 200, {}
        if server.failures > 0:
            server.failures -= 1
            status, answer = 503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "away"}
        elif any(item["key"] == "bad" for item in body.get("params", [])):
            status, answer = 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "bad"}
        else:
            server.asked.append((path, body))
            if path == "runs/create":
                answer = {"run": {"info": {"run_id": "r1"}}}
            elif path == "experiments/create":
                answer = {"experiment_id": "3"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format, *args):
        pass


@pytest.fixture
def tracker():
    server = TrackerServer()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def list_metrics(server):
    return [
        (metric["key"], metric["step"], metric["value"])
        for path, body in server.asked
        if path == "runs/log-batch"
        for metric in body["metrics"]
    ]


def test_reports_in_order_and_says_how_it_ended(tracker, tmp_path):
    run = s3_client.init(
        "a run", config={"actor": {"lr": 0.1}}, address=tracker.address_text, folder=tmp_path
    )
    run.log({"loss": 2, "odd": math.nan})
    run.log({"loss": 1}, step=7)
    assert run.finish()
    assert list_metrics(tracker) == [("loss", 1, 2.0), ("odd", 1, "NaN"), ("loss", 7, 1.0)]
    assert tracker.asked[-1][1]["status"] == "FINISHED"
    assert run.id == "r1"


def test_waits_for_a_server_that_is_away_and_leaves_out_what_is_refused(tracker, tmp_path):
    tracker.failures = 2
    run = s3_client.init("a run", config={"bad": 1}, address=tracker.address_text, folder=tmp_path)
    assert run._sender is not None
    assert run._sender.drain(20)
    run.log({"loss": 1})
    assert run.finish(wait_seconds=20)
    assert list_metrics(tracker) == [("loss", 1, 1.0)]
    assert [path for path, _ in tracker.asked].count("runs/create") == 1


def test_neither_waits_nor_raises_without_a_server(tmp_path):
    begun = time.monotonic()
    run = s3_client.init("a run", address=NOWHERE, folder=tmp_path)
    for step in range(200):
        run.log({"loss": step, "words": "no number", "nothing": None})
    assert time.monotonic() - begun < 2
    assert not run.finish(wait_seconds=0.1)
    assert len((tmp_path / "a_run.1" / "events.jsonl").read_text().splitlines()) == 202


def test_goes_on_after_a_crash_where_it_was(tracker, tmp_path):
    first = s3_client.init("a run", address=NOWHERE, folder=tmp_path)
    first.log({"loss": 1}, step=4)
    assert first._sender is not None
    first._sender.stop()
    with (tmp_path / "a_run.1" / "events.jsonl").open("ab") as file:
        file.write(b'{"kind":"log","metr')  # what a crash cuts short
    run = s3_client.init("a run", address=tracker.address_text, folder=tmp_path, resume=True)
    run.log({"loss": 2})
    assert run.finish()
    assert list_metrics(tracker) == [("loss", 4, 1.0), ("loss", 5, 2.0)]
    assert [path for path, _ in tracker.asked].count("runs/create") == 1


def test_begins_anew_without_resume(tmp_path):
    for number in (1, 2):
        s3_client.init("a run", address=NOWHERE, folder=tmp_path)
        assert (tmp_path / f"a_run.{number}").is_dir()


def test_only_the_first_process_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    run = s3_client.init("a run", address=NOWHERE, folder=tmp_path / "none")
    run.log({"loss": 1})
    assert run.finish()
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_fails_no_trainer(tmp_path):
    (tmp_path / "file").write_text("")
    run = s3_client.init("a run", address=NOWHERE, folder=tmp_path / "file")
    run.log({"loss": 1})
    assert run.finish()


def test_a_block_that_raises_has_failed(tracker, tmp_path):
    with (
        pytest.raises(ValueError, match="no luck"),
        s3_client.init("a run", address=tracker.address_text, folder=tmp_path),
    ):
        raise ValueError("no luck")
    assert tracker.asked[-1][1]["status"] == "FAILED"


def test_joins_reports_but_keeps_their_order(tmp_path):
    journal = Journal(tmp_path / "j")
    for event in ({"kind": "log", "params": [1]}, {"kind": "log", "metrics": [2]}):
        journal.append(event)
    journal.append({"kind": "update", "body": {"status": "FAILED"}})
    journal.append({"kind": "log", "metrics": [3]})
    assert [
        (one["path"], one["body"].get("metrics")) for one in build_requests(journal.read(10)[0])
    ] == [
        ("runs/log-batch", [2]),
        ("runs/update", None),
        ("runs/log-batch", [3]),
    ]
