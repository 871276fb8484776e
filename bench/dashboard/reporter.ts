import { randomUUID } from "node:crypto";
import { connect } from "@/cli/lib/client";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { groupBy } from "@/lib/group-by";
import { getPresetConfig } from "@/server/testing/samples";
import { TestWorker } from "@/server/testing/test-worker";
import { LONG_NAMES } from "./fill-metrics";
import type { ServerProcess } from "./server-process";

/** Points of all metrics at steps from `first` on. */
export const buildPoints = (first: number, steps: number): MetricPoint[] =>
  Array.from({ length: steps }, (_, i) =>
    LONG_NAMES.map((name, n) => ({
      name,
      step: first + i,
      value: Math.sin(first + i + n) + n / 7,
      at: 1_700_000_000_000 + 1_000 * (first + i),
    })),
  ).flat();

/** A run, and the worker that reports its metrics. */
export interface Reporter {
  /** Sends points as a worker does, each step an item of its own; resolves when they are stored. */
  report(points: MetricPoint[]): Promise<unknown>;
  /** Ends the run and leaves. */
  end(): Promise<void>;
}

/** Launches a run and reports to it as a worker does, over the worker's protocol. */
export async function beginRun(server: ServerProcess): Promise<Reporter> {
  const connection = connect(server.address);
  await connection.client.runs.launch.mutate({ config: getPresetConfig() });
  connection.close();
  const worker = await TestWorker.attach({
    url: server.url,
    token: server.workerToken,
    id: randomUUID(),
    name: "bench",
    models: ["smollm2-135m-instruct"],
    corpora: ["atlas"],
  });
  const { runId, attempt } = await worker.leaseAndStart();
  worker.keepAlive([{ runId, attempt }], 2_000);
  let sequence = 0;
  return {
    report: (points) =>
      worker.request("report", {
        runId,
        attempt,
        sequence: ++sequence,
        items: [...groupBy(points, ({ step }) => step).values()].map((ofStep) => ({
          kind: "metrics",
          points: ofStep,
        })),
      }),
    async end() {
      await worker.request("transition", { runId, attempt, to: "succeeded", reason: null });
      worker.disconnect();
    },
  };
}
