import { setTimeout as sleep } from "node:timers/promises";
import { TRPCClientError } from "@trpc/client";
import { TERMINAL } from "@/core/run/transitions";
import type { Client } from "./client";

type Detail = Awaited<ReturnType<Client["sweeps"]["get"]["query"]>>;
export type SweepLine =
  | { kind: "run"; id: string; name: string; state: string; error: string | null }
  | { kind: "note"; text: string };

/** Read anew at least so often, and so long after an event. */
const READ_MS = 10_000;
const REST_MS = 500;
/** A server that is started anew is waited for so long; its runs go on by themselves. */
const PATIENCE_MS = 600_000;

/**
 * Tells each change of a run's state until every run has ended. A server that does not answer is waited for.
 *
 * @returns the sweep with its results
 */
export async function watchSweep(
  client: Client,
  id: string,
  metrics: string[],
  tell: (line: SweepLine) => void,
): Promise<Detail> {
  const states = new Map<string, string>();
  let silentSince: number | null = null;
  let wake = (): void => {};
  const subscription = client.live.events.subscribe(
    {},
    { onData: ({ data }) => void (data.kind === "run" && wake()), onError: () => {} },
  );
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const detail = await client.sweeps.get.query({ id, metrics }).catch((error: unknown) => {
        // An answer of the server is an answer; only silence is waited out.
        if (
          !(error instanceof TRPCClientError) ||
          (error.data !== undefined && error.data !== null)
        )
          throw error;
        silentSince ??= Date.now();
        if (Date.now() - silentSince > PATIENCE_MS) throw error;
        return null;
      });
      if (detail === null) {
        if (!states.has("silent"))
          tell({ kind: "note", text: "the server does not answer; waiting for it" });
        states.set("silent", "");
        await sleep(2_000);
        continue;
      }
      silentSince = null;
      states.delete("silent");
      for (const { id: runId, name, state, error } of detail.members) {
        if (states.get(runId) === state) continue;
        // What waits from the beginning needs no line of its own.
        if (states.has(runId) || state !== "queued")
          tell({ kind: "run", id: runId, name, state, error });
        states.set(runId, state);
      }
      if (detail.members.every((run) => TERMINAL.has(run.state))) return detail;
      await Promise.race([woken, sleep(READ_MS)]);
      await sleep(REST_MS);
    }
  } finally {
    subscription.unsubscribe();
  }
}
