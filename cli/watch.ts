import { type RunState } from "@/contracts/records/run-state";
import { listMetricsWithRole } from "@/core/metrics/metrics";
import { TERMINAL } from "@/core/run/transitions";
import type { Client } from "./client";

const SHOWN: readonly string[] = listMetricsWithRole("progress");

export type WatchLine =
  | { kind: "state"; state: RunState; attempt: number; error: string | null }
  | { kind: "progress"; phase: string; done: number; total: number; detail: string }
  | { kind: "metric"; name: string; step: number; value: number };

/**
 * Tells of a run as it goes on: its states, its progress and its main metrics, until it ends.
 *
 * @returns the state in which it ended
 */
export async function watch(
  client: Client,
  runId: string,
  tell: (line: WatchLine) => void,
): Promise<RunState> {
  const lastStep = new Map<string, number>();
  let lastState = "";
  let lastProgress = "";
  let reading = Promise.resolve<RunState | null>(null);

  async function read(): Promise<RunState | null> {
    const [run, names] = await Promise.all([
      client.runs.get.query({ id: runId }),
      client.metrics.names.query({ runId }),
    ]);
    const known = names.map((metric) => metric.name).filter((name) => SHOWN.includes(name));
    const series =
      known.length > 0
        ? await client.metrics.series.query({ runId, names: known, maxPoints: 2000 })
        : {};
    for (const [name, points] of Object.entries(series)) {
      for (const point of points) {
        if (point.step <= (lastStep.get(name) ?? -1)) continue;
        lastStep.set(name, point.step);
        tell({ kind: "metric", name, step: point.step, value: point.value });
      }
    }
    const progress = run.progress ? JSON.stringify(run.progress) : "";
    if (run.progress && progress !== lastProgress) tell({ kind: "progress", ...run.progress });
    lastProgress = progress;
    const state = `${run.state} ${run.attempt}`;
    if (state !== lastState)
      tell({ kind: "state", state: run.state, attempt: run.attempt, error: run.error });
    lastState = state;
    return TERMINAL.has(run.state) ? run.state : null;
  }

  return new Promise((resolve, reject) => {
    let ended = false;
    const finish = (act: () => void): void => {
      if (ended) return;
      ended = true;
      subscription.unsubscribe();
      act();
    };
    // The first event is `sync`, so the state of things is read at once; after a reconnect it goes on by event id.
    const subscription = client.live.events.subscribe(
      { runId },
      {
        onData() {
          // One reading at a time; the events that come meanwhile need just one more.
          reading = reading.then((state) => state ?? read());
          reading
            .then((state) => state !== null && finish(() => resolve(state)))
            .catch((error: unknown) => finish(() => reject(error)));
        },
        onError: (error) => finish(() => reject(error)),
      },
    );
  });
}
