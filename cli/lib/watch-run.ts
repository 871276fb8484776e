import type { RunState } from "@/contracts/records/run-state";
import { toEntries } from "@/core/metrics/columns";
import { listMetricsWithRole } from "@/core/metrics/metrics";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { Client } from "./client";
import type { CommandContext } from "./context";
import { formatNumber } from "./format";

const SHOWN_METRICS: readonly string[] = listMetricsWithRole("progress");

export type WatchLine =
  | { kind: "state"; state: RunState; attempt: number; error: string | null }
  | { kind: "progress"; phase: string; done: number; total: number; detail: string }
  | { kind: "metric"; name: string; step: number; value: number };

/**
 * Reports a run while it goes on: its states, its progress and its main metrics, until it ends.
 *
 * @returns the state in which it ended
 */
export async function watchRun(
  client: Client,
  runId: string,
  onLine: (line: WatchLine) => void,
): Promise<RunState> {
  /** Cursors by the names they were given for: a metric that is new is read from its beginning. */
  const cursors = new Map<string, string>();
  const lastStep = new Map<string, number>();
  let lastState = "";
  let lastProgress = "";
  let reading = Promise.resolve<RunState | null>(null);

  async function read(): Promise<RunState | null> {
    const [run, names] = await Promise.all([
      client.runs.get.query({ id: runId }),
      client.metrics.names.query({ runId }),
    ]);
    const known = names.map((metric) => metric.name).filter((name) => SHOWN_METRICS.includes(name));
    const since = cursors.get(known.join());
    const answer =
      known.length > 0
        ? await client.metrics.series.query({ runId, names: known, maxPoints: 2000, since })
        : null;
    if (answer) cursors.set(known.join(), answer.cursor);
    for (const [name, columns] of Object.entries(answer?.series ?? {})) {
      for (const point of toEntries(columns)) {
        if (point.step <= (lastStep.get(name) ?? -1)) continue;
        lastStep.set(name, point.step);
        onLine({ kind: "metric", name, step: point.step, value: point.value });
      }
    }
    const progress = run.progress ? JSON.stringify(run.progress) : "";
    if (run.progress && progress !== lastProgress) onLine({ kind: "progress", ...run.progress });
    lastProgress = progress;
    const state = `${run.state} ${run.attempt}`;
    if (state !== lastState)
      onLine({ kind: "state", state: run.state, attempt: run.attempt, error: run.error });
    lastState = state;
    return TERMINAL_STATES.has(run.state) ? run.state : null;
  }

  return new Promise((resolve, reject) => {
    let ended = false;
    const finish = (act: () => void): void => {
      if (ended) return;
      ended = true;
      subscription.unsubscribe();
      act();
    };
    // The first event is `sync`, so the run is read at once; after a reconnect events continue by their ids.
    const subscription = client.live.events.subscribe(
      { runId },
      {
        onData() {
          // One reading at a time; however many events come meanwhile, one more is enough.
          reading = reading.then((state) => state ?? read());
          reading
            .then((state) => state !== null && finish(() => resolve(state)))
            .catch((error: Error) => finish(() => reject(error)));
        },
        onError: (error) => finish(() => reject(error)),
      },
    );
  });
}

/** Follows a run to its end and prints its lines; the exit code says whether it succeeded. */
export async function followRun(
  { client, print }: CommandContext,
  id: string,
  json = false,
): Promise<void> {
  const state = await watchRun(client, id, (line) =>
    print(json ? JSON.stringify(line) : formatLine(line)),
  );
  if (state !== "succeeded") process.exitCode = 1;
}

function formatLine(line: WatchLine): string {
  switch (line.kind) {
    case "state":
      return `${line.state}${line.attempt > 1 ? ` (attempt ${line.attempt})` : ""}${line.error ? `: ${line.error}` : ""}`;
    case "progress":
      return `${line.phase} ${line.done}/${line.total}${line.detail ? ` · ${line.detail}` : ""}`;
    case "metric":
      return `${line.name} ${formatNumber(line.value)} at step ${line.step}`;
  }
}
