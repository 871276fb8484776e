"""Sends a journal's events by MLflow's tracking API, in a thread of its own."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from s3_client.journal import Journal

log = logging.getLogger("s3_client")

# Of a run: what it is found by where the answer to its creation got lost.
KEY_TAG = "s3.client"
BATCH = 500
# Items of one request, as MLflow's own clients send at most.
MOST_ITEMS = 1000
# Characters of episodes in one request.
MOST_BYTES = 1024 * 1024
PARTS = ("metrics", "params", "tags")
REQUEST_SECONDS = 20
LONGEST_WAIT_SECONDS = 30.0


# File of a run's episodes, of which each is a line.
EPISODES = "log_episode"


class RefusedError(Exception):
    """The server will never take this request."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Sender(threading.Thread):
    """Sends events in their order until it is stopped, and again where the server is away."""

    def __init__(self, journal: Journal, address: str, token: str | None) -> None:
        super().__init__(name="s3-client", daemon=True)
        self._journal = journal
        self._address = address.rstrip("/")
        self._token = token
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        self._idle.clear()
        self._wake.set()

    def drain(self, seconds: float) -> bool:
        """Waits until all was sent. Returns whether it was."""
        end = time.monotonic() + seconds
        # The thread may have been idle before the last event: only the journal says what was sent.
        while not self._journal.is_all_sent():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.wake()
            self._idle.wait(min(left, 0.2))
        return True

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                while self._send_next():
                    failures = 0
                self._idle.set()
                self._wake.wait(60)
            except Exception as error:  # whatever it is: the trainer must not hear of it
                failures += 1
                wait = min(LONGEST_WAIT_SECONDS, 0.25 * 2 ** min(failures, 10))
                (log.warning if failures == 1 else log.debug)("not sent yet: %s", error)
                time.sleep(wait)

    def _send_next(self) -> bool:
        """Sends the next events. Returns whether there were any."""
        journal = self._journal
        events, place = journal.read(BATCH)
        if not events:
            if place > journal.sent:
                journal.mark_sent(place, journal.run_id)
            return False
        run_id = journal.run_id
        for request in build_requests(events):
            if request["path"] == "runs/create":
                if run_id is None:
                    # Where this is refused, nothing is left out: without a run nothing is stored.
                    run_id = self._create(dict(request["body"]))
                    # From here on, events up to this one must not make a second run.
                    journal.mark_sent(journal.sent, run_id)
            elif request["path"] == "rollouts":
                self._post_episodes(request["query"], request["lines"], run_id)
            else:
                self._post(request["path"], request["body"], run_id)
        journal.mark_sent(place, run_id)
        return True

    def _post(self, path: str, body: dict, run_id: str | None) -> None:
        """Sends a report. What is refused is left out: of a batch, only the items that are."""
        try:
            self._ask("POST", path, {**body, "run_id": run_id})
        except RefusedError as error:
            # Where there is no such run, there is none for a half either.
            halves = split(body) if path == "runs/log-batch" and error.status != 404 else []
            if not halves:
                # The dashboard writes it into the run's log, too.
                log.error("refused, and left out: %s", error)
            for half in halves:
                self._post(path, half, run_id)

    def _post_episodes(self, query: dict, lines: list[str], run_id: str | None) -> None:
        """Sends episodes; those that are refused are left out, with their reasons."""
        given = urllib.parse.urlencode({**query, "run_id": run_id, "file": EPISODES})
        try:
            answer = self._send("POST", f"s3/rollouts?{given}", "\n".join(lines).encode())
        except RefusedError as error:
            log.error("refused, and left out: %d episodes: %s", len(lines), error)
            return
        for one in answer["refused"]:
            log.error("episode %d is refused, and left out: %s", one["line"], one["reason"])

    def _create(self, body: dict) -> str:
        """Makes the run, or finds it where the answer to an earlier try got lost: its id."""
        experiment = self._find_experiment(body.pop("experiment"))
        key = body["tags"][0]["value"]
        asked = {"experiment_ids": [experiment], "filter": f"tags.`{KEY_TAG}` = '{key}'"}
        for run in self._ask("POST", "runs/search", asked).get("runs", []):
            return run["info"]["run_id"]
        made = self._ask("POST", "runs/create", {**body, "experiment_id": experiment})
        return made["run"]["info"]["run_id"]

    def _find_experiment(self, name: str) -> str:
        try:
            return self._ask("POST", "experiments/create", {"name": name})["experiment_id"]
        except RefusedError:
            query = urllib.parse.urlencode({"experiment_name": name.strip()})
            found = self._ask("GET", f"experiments/get-by-name?{query}")
            return found["experiment"]["experiment_id"]

    def _ask(self, method: str, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, f"mlflow/{path}", data)

    def _send(self, method: str, path: str, data: bytes | None) -> dict:
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        url = f"{self._address}/api/2.0/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code in (400, 404, 413, 422):
                raise RefusedError(f"{path}: {text[:1000]}", error.code) from error
            raise


def build_requests(events: list[dict]) -> list[dict]:
    """Requests for events, in their order: what may go together goes in one."""
    requests: list[dict] = []
    for event in events:
        kind = event["kind"]
        if kind == "begin":
            requests.append({"path": "runs/create", "body": event["body"]})
        elif kind == "update":
            requests.append({"path": "runs/update", "body": event["body"]})
        elif kind == "episode":
            last = requests[-1] if requests else None
            query = {**event["query"], "line": event["line"]}
            if last and last["path"] == "rollouts" and fits(last, query):
                last["lines"].append(event["text"])
            else:
                requests.append({"path": "rollouts", "query": query, "lines": [event["text"]]})
        else:
            for name in PARTS:
                for item in event.get(name, []):
                    last = requests[-1] if requests else None
                    if (
                        last is None
                        or last["path"] != "runs/log-batch"
                        or count_items(last["body"]) >= MOST_ITEMS
                    ):
                        last = {"path": "runs/log-batch", "body": {part: [] for part in PARTS}}
                        requests.append(last)
                    last["body"][name].append(item)
    return requests


def fits(rollouts: dict, query: dict) -> bool:
    """Whether an episode is the next line of those that are sent together."""
    bytes_held = sum(map(len, rollouts["lines"]))
    following = {**rollouts["query"], "line": rollouts["query"]["line"] + len(rollouts["lines"])}
    return following == query and bytes_held < MOST_BYTES


def count_items(batch: dict) -> int:
    return sum(len(batch[name]) for name in PARTS)


def split(batch: dict) -> list[dict]:
    """The halves of a batch; none where it is one item."""
    items = [(name, item) for name in PARTS for item in batch[name]]
    middle = len(items) // 2
    if middle == 0:
        return []
    return [
        {name: [item for part, item in half if part == name] for name in PARTS}
        for half in (items[:middle], items[middle:])
    ]
