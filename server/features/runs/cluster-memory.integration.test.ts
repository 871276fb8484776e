import { expect, it } from "vitest";
import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import { findPreset } from "@/core/presets/run-presets";
import { startTestServer } from "@/server/testing/test-server";

const GPUS = 16;
/** An engine whose ranks are on two machines of eight GPUs. */
const ENGINE: ServiceReport = {
  key: "engine",
  kind: "engine",
  state: "ready",
  detail: "",
  error: null,
  memoryMb: null,
  address: null,
  references: 1,
  startedAt: 1,
  cluster: {
    address: "auto",
    strategy: "spread",
    nodes: ["a", "b"].map((id, node) => ({
      id,
      address: "10.0.0.1",
      alive: true,
      cpus: 64,
      gpus: 8,
      memoryBytes: 2 ** 40,
      ranks: Array.from({ length: 8 }, (_, i) => 8 * node + i),
    })),
    ranks: Array.from({ length: GPUS }, (_, rank) => ({
      rank,
      node: rank < 8 ? "a" : "b",
      device: "GPU",
      deviceMemoryBytes: 80 * 2 ** 30,
      dtype: "bfloat16",
      pid: rank,
    })),
  },
};

it("the plan for a worker that joins a Ray cluster is of the cluster's GPUs, and not known before it has", async () => {
  const server = await startTestServer({ timings: { offlineMs: 60_000 } });
  try {
    const worker = await server.worker({ name: "head", ranks: null });
    const { config } = findPreset("atlas-smollm2")!;
    const check = () => server.plane.launcher.check(config);
    expect(await check()).toMatchObject({ memory: null, unjoined: ["head"] });
    await worker.heartbeat([], [ENGINE]);
    const known = {
      memory: [{ worker: "head", device: "cuda", ranks: GPUS, deviceBytes: 80 * 2 ** 30 }],
      unjoined: [],
    };
    expect(await check()).toMatchObject(known);
    await worker.heartbeat([], [{ ...ENGINE, state: "stopped", references: 0 }]);
    expect(await check(), "an engine that stopped when it was idle").toMatchObject(known);
  } finally {
    await server.stop();
  }
});
