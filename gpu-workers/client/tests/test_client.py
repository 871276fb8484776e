"""The client without a dashboard: it neither waits nor raises, and keeps what it could not send."""

import json
import math
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest
import s3_client
from s3_client.follow import Follower, main
from s3_client.journal import Journal
from s3_client.sender import build_requests

NOWHERE = "http://127.0.0.1:9"


class TrackerServer(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Tracker)
        self.failures = 0
        self.missing = False
        self.asked: list[tuple[str, dict]] = []
        self.address_text = f"http://127.0.0.1:{self.server_port}"


class Tracker(BaseHTTPRequestHandler):
    """Answers as a dashboard does: `failures` requests get 503, items named `bad` a 400."""

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        self.answer({"lines": text.split("\n")} if "/rollouts?" in self.path else json.loads(text))

    def answer(self, body):
        server = self.server
        assert isinstance(server, TrackerServer)
        path = self.path.removeprefix("/api/2.0/mlflow/")
        status, answer = 200, {}
        if server.missing:
            status = 404
        elif server.failures > 0:
            server.failures -= 1
            status, answer = 503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "away"}
        elif any(
            item["key"] == "bad" for part in ("params", "metrics") for item in body.get(part, [])
        ):
            status, answer = 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "bad"}
        else:
            server.asked.append((path, body))
            if path == "runs/create":
                answer = {"run": {"info": {"run_id": "r1"}}}
            elif path == "experiments/create":
                answer = {"experiment_id": "3"}
            elif "/rollouts?" in path:
                answer = {"refused": [{"line": 2, "reason": "no question"}]}
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


def test_leaves_out_only_the_items_that_are_refused(tracker, tmp_path):
    run = s3_client.init(
        "a run", config={"lr": 1, "bad": 1}, address=tracker.address_text, folder=tmp_path
    )
    for step in range(1, 8):
        run.log({"loss": step, **({"bad": 1} if step == 3 else {})}, step=step)
    assert run.finish(wait_seconds=20)
    assert list_metrics(tracker) == [("loss", step, float(step)) for step in range(1, 8)]
    sent = [item["key"] for _, body in tracker.asked for item in body.get("params", [])]
    assert sent == ["lr"]


def test_keeps_everything_where_the_run_cannot_be_made(tracker, tmp_path):
    tracker.missing = True  # as another server at this address answers
    run = s3_client.init("a run", address=tracker.address_text, folder=tmp_path)
    run.log({"loss": 1})
    assert not run.finish(wait_seconds=1)
    tracker.missing = False
    again = s3_client.init("a run", address=tracker.address_text, folder=tmp_path, resume=True)
    assert again.finish(wait_seconds=20)
    assert list_metrics(tracker) == [("loss", 1, 1.0)]


def test_raises_for_nothing_that_it_is_given(tracker, tmp_path):
    class Odd:
        def __float__(self):
            raise RuntimeError("a tensor of two elements")

        def __str__(self):
            raise RuntimeError("no text")

    run = s3_client.init("a run", config={"odd": Odd()}, address=NOWHERE, folder=tmp_path)
    run.log({"odd": Odd(), "huge": 10**400, "loss": 1})
    run.log({"loss": 1}, step="no step")  # type: ignore[arg-type]
    run.log(7)  # type: ignore[arg-type]
    run.log_episode({}, questions="q")
    lines = (tmp_path / "a_run.1" / "events.jsonl").read_text().splitlines()
    assert [metric["key"] for line in lines for metric in json.loads(line).get("metrics", [])] == [
        "loss"
    ]


def test_a_lost_place_sends_all_again(tracker, tmp_path):
    first = s3_client.init("a run", address=tracker.address_text, folder=tmp_path)
    first.log({"loss": 1})
    assert first.finish(wait_seconds=20)
    (tmp_path / "a_run.1" / "sent.json").write_text("")
    run = s3_client.init("a run", address=tracker.address_text, folder=tmp_path, resume=True)
    assert run.finish(wait_seconds=20)
    assert list_metrics(tracker) == [("loss", 1, 1.0)] * 2


def test_sends_episodes_as_lines_that_are_numbered_over_crashes(tracker, tmp_path):
    def begin(resume):
        return s3_client.init("r", address=tracker.address_text, folder=tmp_path, resume=resume)

    episode = {"input": "<question>a</question>", "output": "b", "score": 0.5, "step": 3, "own": 1}
    run = begin(resume=False)
    for _ in range(3):
        run.log_episode(episode, questions="nq")
    assert run.finish(wait_seconds=20)
    run = begin(resume=True)
    run.log_episode({**episode, "score": None}, questions="nq", corpus="wiki")
    assert run.finish(wait_seconds=20)
    sent = {}
    for path, body in tracker.asked:
        if "/rollouts?" in path:
            query = dict(parse_qsl(urlsplit(path).query))
            assert (query["run_id"], query["file"], query["questions"]) == (
                "r1",
                "log_episode",
                "nq",
            )
            for i, line in enumerate(body["lines"]):
                sent[int(query["line"]) + i] = json.loads(line)
    assert list(sent) == [0, 1, 2, 3]
    assert sent[0] == {"input": "<question>a</question>", "output": "b", "score": 0.5, "step": 3}
    assert sent[3]["score"] is None


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


def test_follows_files_by_their_numbers_and_says_what_wrote_them(tracker, tmp_path):
    for name in ("10.jsonl", "2.jsonl"):
        (tmp_path / name).write_text(f'{{"file": "{name}"}}\n')
    follower = Follower(tmp_path, tracker.address_text, {"run_id": "r", "format": "verifiers"})
    assert follower.send_new() == 2
    asked = [dict(parse_qsl(urlsplit(path).query)) for path, _ in tracker.asked]
    assert [(one["file"], one["format"]) for one in asked] == [
        ("2.jsonl", "verifiers"),
        ("10.jsonl", "verifiers"),
    ]
    assert follower.send_new() == 0


def test_follows_a_file_that_is_written_anew_from_its_beginning(tracker, tmp_path):
    file = tmp_path / "1.jsonl"
    file.write_text('{"a": 1}\n{"a": 2}\n')
    follower = Follower(tmp_path, tracker.address_text, {"run_id": "r"})
    assert follower.send_new() == 2
    file.write_text('{"b": 1}\n')
    assert follower.send_new() == 1
    asked = [dict(parse_qsl(urlsplit(path).query)) for path, _ in tracker.asked]
    assert [one["line"] for one in asked] == ["0", "0"]
    assert follower.send_new() == 0


def test_follows_a_folder_of_evaluations_as_held_out(tracker, tmp_path, monkeypatch):
    (tmp_path / "20.jsonl").write_text("{}\n")
    options = ["--run", "r", "--questions", "q", "--address", tracker.address_text, "--once"]
    monkeypatch.setattr("sys.argv", ["follow", str(tmp_path), *options, "--phase", "held-out"])
    assert main() == 0
    ((path, _),) = tracker.asked
    assert dict(parse_qsl(urlsplit(path).query))["phase"] == "held-out"
