"""Sends a journal's events by MLflow's tracking API, in a thread of its own."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request

from s3_client.journal import Journal

log = logging.getLogger("s3_client")

# Of a run: what it is found by where the answer to its creation got lost.
KEY_TAG = "s3.client"
BATCH = 500
REQUEST_SECONDS = 20
LONGEST_WAIT_SECONDS = 30.0


class RefusedError(Exception):
    """The server will never take this request."""


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
            try:
                answer = self._post(
                    request["path"], {**request["body"], **({"run_id": run_id} if run_id else {})}
                )
            except RefusedError as error:
                # The dashboard writes it into the run's log, too.
                log.error("refused, and left out: %s", error)
                continue
            if request["path"] == "runs/create":
                run_id = answer["run"]["info"]["run_id"]
                # From here on, events up to this one must not make a second run.
                journal.run_id = run_id
                journal.mark_sent(journal.sent, run_id)
        journal.mark_sent(place, run_id)
        return True

    def _post(self, path: str, body: dict) -> dict:
        if path == "runs/create":
            if self._journal.run_id is not None:
                return {"run": {"info": {"run_id": self._journal.run_id}}}
            experiment = self._find_experiment(body.pop("experiment"))
            # The answer to an earlier try may have got lost: the run is then there already.
            key = body["tags"][0]["value"]
            asked = {"experiment_ids": [experiment], "filter": f"tags.`{KEY_TAG}` = '{key}'"}
            for run in self._ask("POST", "runs/search", asked).get("runs", []):
                return {"run": run}
            body = {**body, "experiment_id": experiment}
        return self._ask("POST", path, body)

    def _find_experiment(self, name: str) -> str:
        try:
            return self._ask("POST", "experiments/create", {"name": name})["experiment_id"]
        except RefusedError:
            found = self._ask(
                "POST",
                "experiments/search",
                {"filter": "name = '" + name.replace("'", "\\'") + "'"},
            )
            return found["experiments"][0]["experiment_id"]

    def _ask(self, method: str, path: str, body: dict) -> dict:
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        url = f"{self._address}/api/2.0/mlflow/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code in (400, 404, 413, 422):
                raise RefusedError(f"{path}: {text[:1000]}") from error
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
        else:
            if not requests or requests[-1]["path"] != "runs/log-batch":
                requests.append(
                    {"path": "runs/log-batch", "body": {"metrics": [], "params": [], "tags": []}}
                )
            for name in ("metrics", "params", "tags"):
                requests[-1]["body"][name] += event.get(name, [])
    return requests
