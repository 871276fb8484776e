import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import { NO_SERVICES, TestAgents, waitForAbort } from "@/gpu-workers/agent/testing/harness";
import type { StartedService } from "@/gpu-workers/agent/shared-service";
import type { Executor } from "@/gpu-workers/jobs/context/run-context";
import type { VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import { waitUntil } from "@/lib/testing/wait-until";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

/** The real agent against the real server, where something that is said cannot be taken as it is. */
/** A busy machine may not run this process for a second or two. */
const LEASE_MS = 4_000;
let server: TestServer;
const agents = new TestAgents();
beforeEach(async () => {
  server = await startTestServer({ timings: { leaseMs: LEASE_MS, heartbeatMs: 100 } });
  await storeSamples(server.plane);
});
afterEach(async () => {
  await agents.stopAll();
  await server.stop();
});

/** A sampler that is up and samples nothing. */
const startSampler = (): Promise<StartedService<readonly VllmClient[]>> =>
  Promise.resolve({
    value: [],
    address: null,
    stop: () => Promise.resolve(),
    ended: new Promise(() => undefined),
  });

async function launch(train: Executor): Promise<string> {
  const { token } = await server.plane.workerTokens.create("worker", "test");
  await agents.start(
    server.url,
    { train },
    {
      token,
      name: "worker",
      capabilities: {
        models: ["smollm2-135m-instruct"],
        corpora: ["atlas"],
        device: "cpu",
        dtype: "float32",
      },
      starters: { ...NO_SERVICES, startSampler },
    },
  );
  return server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
}

describe("a run", () => {
  it("that samples with vLLM keeps its lease", async () => {
    const runId = await launch(async (context) => {
      await context.services.acquireSampler(
        {
          model: "m",
          weights: { kind: "adapter", rank: 16 },
          memoryShare: 0.3,
          dtype: "float32",
          placement: readSamplerPlacement({}),
        },
        context.signal,
      );
      await context.markRunning();
      await waitForAbort(context.signal);
    });
    await waitUntil(
      "it runs",
      async () => (await server.plane.runReader.get(runId)).state === "running",
    );
    await sleep(2.25 * LEASE_MS);
    expect(await server.plane.runReader.get(runId)).toMatchObject({ state: "running", attempt: 1 });
  });

  it("fails once and at once with a reason that cannot be stored as it is", async () => {
    const runId = await launch(() =>
      Promise.reject(new AppError("generator-unavailable", "the endpoint said \u0000 and \ud800.")),
    );
    await waitUntil(
      "it fails",
      async () => (await server.plane.runReader.get(runId)).state === "failed",
    );
    expect(await server.plane.runReader.get(runId)).toMatchObject({
      attempt: 1,
      error: "the endpoint said \ufffd and \ufffd.",
    });
  });
});
