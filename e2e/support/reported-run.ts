import { createHash, randomUUID } from "node:crypto";
import { connect, type Client } from "@/cli/lib/client";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { findPreset } from "@/core/presets/run-presets";
import { TestWorker } from "@/server/testing/test-worker";

/** A training run, and the worker that has it and reports what a spec wants. */
export interface ReportedRun {
  client: Client;
  worker: TestWorker;
  attempt: AttemptRef;
  stop: () => void;
}

/** Stores a checkpoint of the run, whose weights nobody can load. @returns its id */
export async function saveCheckpoint(
  { worker, attempt: { runId, attempt } }: ReportedRun,
  step: number,
): Promise<string> {
  const { url, token } = worker.options;
  const id = randomUUID();
  const bytes = Buffer.from(`weights of step ${step}`);
  const file = { name: "adapter.safetensors", bytes: bytes.length };
  const sent = await fetch(
    `${url}/worker/artifacts/${id}/${file.name}?runId=${runId}&attempt=${attempt}`,
    { method: "PUT", body: bytes, headers: { authorization: `Bearer ${token}` } },
  );
  if (sent.status !== 201) throw new Error(`the checkpoint was refused: ${await sent.text()}`);
  await worker.request("commitArtifact", {
    runId,
    attempt,
    manifest: {
      id,
      kind: "checkpoint",
      step,
      files: [{ ...file, sha256: createHash("sha256").update(bytes).digest("hex") }],
      metadata: {},
    },
  });
  return id;
}

/**
 * Launches a training run on a worker of its own, which does nothing by itself, and starts it.
 *
 * @param ranks GPUs that the worker trains on; left out: it has none
 */
export async function launchReportedRun(
  { productAddress, productUrl }: { productAddress: string; productUrl: string },
  name: string,
  ranks?: number,
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
    worker = await TestWorker.attach({ url: productUrl, token, id, name, ...has, ranks });
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
    return { client, worker, attempt: { runId, attempt }, stop };
  } catch (error) {
    stop();
    throw error;
  }
}
