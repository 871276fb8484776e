import { randomUUID } from "node:crypto";
import { connect, type Client } from "@/cli/client";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { findPreset } from "@/core/presets/run-presets";
import { TestWorker } from "@/server/testing/test-worker";

/** A training run, and the worker that has it and reports what a spec wants. */
export interface ReportedRun {
  client: Client;
  worker: TestWorker;
  /** What the worker proves itself with. */
  token: string;
  attempt: AttemptRef;
  stop: () => void;
}

/** Launches a training run on a worker of its own, which does nothing by itself, and starts it. */
export async function launchReportedRun(
  { productAddress, productUrl }: { productAddress: string; productUrl: string },
  name: string,
): Promise<ReportedRun> {
  const { client, close } = connect(productAddress);
  let worker: TestWorker | undefined;
  const stop = (): void => {
    worker?.disconnect();
    close();
  };
  try {
    const model = `model-of-${randomUUID()}`;
    const { token } = await client.workers.createToken.mutate({ name, serverUrl: productUrl });
    const id = randomUUID();
    const has = { models: [model], corpora: ["atlas"] };
    worker = await TestWorker.attach({ url: productUrl, token, id, name, ...has });
    const { searcher, generator, ...config } = findPreset("atlas-smollm2-grpo")?.config as {
      kind: "train";
      searcher: object;
      generator: object;
    };
    await client.runs.launch.mutate({
      config: {
        ...config,
        name,
        searcher: { ...searcher, model },
        generator: { ...generator, model },
      },
    });
    const { runId, attempt } = await worker.leaseAndStart();
    worker.keepAlive([{ runId, attempt }], 1_000);
    return { client, worker, token, attempt: { runId, attempt }, stop };
  } catch (error) {
    stop();
    throw error;
  }
}
