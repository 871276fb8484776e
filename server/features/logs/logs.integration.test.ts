import { afterAll, beforeAll, expect, it } from "vitest";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

const DAY_MS = 24 * 3_600_000;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    timings: {
      leaseMs: 60_000,
      removalMs: 50,
      workerLogRetentionMs: 2 * DAY_MS,
      runLogRetentionMs: 10 * DAY_MS,
    },
  });
  await storeSamples(server.plane);
});
afterAll(() => server.stop());

it("log lines are deleted after their retention, those of runs later, without being asked", async () => {
  const worker = await server.worker();
  await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const { runId, attempt } = await worker.leaseAndStart();
  const { logs, database } = server.plane;
  const lines = [1, 3, 9, 11].map((days) => ({
    at: Date.now() - days * DAY_MS,
    level: "info" as const,
    source: "test",
    message: `${days} days old`,
  }));
  await logs.append(database.db, { workerId: worker.id, run: null }, lines);
  await logs.append(database.db, { workerId: worker.id, run: { runId, attempt } }, lines);
  const read = async (): Promise<string[][]> =>
    (
      await Promise.all([
        logs.listOfWorker(worker.id, { level: "debug", limit: 10 }),
        logs.listOfRun(runId, { level: "debug", limit: 10 }),
      ])
    ).map((page) => page.lines.map(({ message }) => message));
  await expect
    .poll(read, { timeout: 20_000 })
    .toEqual([["1 days old"], ["1 days old", "3 days old", "9 days old"]]);
});
