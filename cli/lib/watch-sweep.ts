import { setTimeout as sleep } from "node:timers/promises";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { retry, waitFor } from "@/lib/retry";
import { isNoAnswer, type Client } from "./client";

export type SweepDetail = Awaited<ReturnType<Client["sweeps"]["get"]["query"]>>;
export type SweepLine =
  | { kind: "run"; id: string; name: string; state: string; error: string | null }
  | { kind: "note"; text: string };

/** The sweep is read again at least this often, and this long after an event. */
const READ_MS = 10_000;
const AFTER_EVENT_MS = 500;
/** How long a server that does not answer is waited for: while it restarts, its runs go on. */
const NO_ANSWER_MS = 600_000;

/**
 * Reports each change of a run's state until every run has ended. A server that does not answer is waited for.
 *
 * @returns the sweep with its results
 */
export async function watchSweep(
  client: Client,
  id: string,
  metrics: string[],
  onLine: (line: SweepLine) => void,
): Promise<SweepDetail> {
  const states = new Map<string, string>();
  let wake = (): void => {};
  const subscription = client.live.events.subscribe(
    {},
    { onData: ({ data }) => void (data.kind === "run" && wake()), onError: () => {} },
  );
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const detail = await retry(() => client.sweeps.get.query({ id, metrics }), {
        budgetMs: NO_ANSWER_MS,
        backoff: waitFor(2_000),
        shouldRetry: isNoAnswer,
        onRetry: (_error, failures) => {
          if (failures === 1)
            onLine({ kind: "note", text: "the server does not answer; waiting for it" });
        },
      });
      for (const { id: runId, name, state, error } of detail.members) {
        if (states.get(runId) === state) continue;
        // A run that is still queued when it is first read needs no line.
        if (states.has(runId) || state !== "queued")
          onLine({ kind: "run", id: runId, name, state, error });
        states.set(runId, state);
      }
      if (detail.members.every((run) => TERMINAL_STATES.has(run.state))) return detail;
      await Promise.race([woken, sleep(READ_MS)]);
      await sleep(AFTER_EVENT_MS);
    }
  } finally {
    subscription.unsubscribe();
  }
}
