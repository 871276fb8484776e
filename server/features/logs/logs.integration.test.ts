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
        logs.listForWorker(worker.id, { level: "debug", limit: 10 }),
        logs.listForRun(runId, { level: "debug", limit: 10 }),
      ])
    ).map((page) => page.lines.map(({ message }) => message));
  await expect
    .poll(read, { timeout: 20_000 })
    .toEqual([["1 days old"], ["1 days old", "3 days old", "9 days old"]]);
});

it("log lines are read on from a line, and back from one", async () => {
  const worker = await server.worker();
  await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const { runId, attempt } = await worker.leaseAndStart();
  const { logs, database } = server.plane;
  const lines = Array.from({ length: 10 }, (_, n) => ({
    at: Date.now(),
    level: n % 2 === 0 ? ("info" as const) : ("debug" as const),
    source: "of the pages",
    message: String(n),
  }));
  await logs.append(database.db, { workerId: worker.id, run: { runId, attempt } }, lines);
  const read = async (page: object) =>
    (await logs.listForRun(runId, { level: "debug", text: "of the pages", limit: 3, ...page }))
      .lines;
  const say = (page: { message: string }[]) => page.map(({ message }) => message).join("");
  const last = await read({});
  expect(say(last)).toBe("789");
  const earlier = await read({ before: last[0]!.id });
  expect(say(earlier)).toBe("456");
  expect(say(await read({ before: last[0]!.id, level: "info" }))).toBe("246");
  expect(say(await read({ before: earlier[0]!.id, limit: 10 }))).toBe("0123");
  expect(say(await read({ after: earlier[0]!.id }))).toBe("567");
  expect(say(await read({ after: "0" }))).toBe("012");
  expect(await read({ after: last[2]!.id })).toEqual([]);
});

it("log lines are found by a part of their message or source", async () => {
  const worker = await server.worker();
  await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const { runId, attempt } = await worker.leaseAndStart();
  const { logs, database } = server.plane;
  const line = (message: string, source = "train") => ({
    at: Date.now(),
    level: "info" as const,
    source,
    message,
  });
  const lines = [line("Loss 50% of it"), line("500 of them"), line("other", "Retriever")];
  await logs.append(database.db, { workerId: worker.id, run: { runId, attempt } }, lines);
  const find = async (text: string) =>
    (await logs.listForRun(runId, { level: "debug", limit: 10, text })).lines.map((l) => l.message);
  expect(await find("LOSS")).toEqual(["Loss 50% of it"]);
  expect(await find("50%")).toEqual(["Loss 50% of it"]);
  expect(await find("retriev")).toEqual(["other"]);
});
