import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashText } from "@/lib/hash";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { TestWorker } from "@/server/testing/test-worker";

let server: TestServer;
let victim: TestWorker;
let thief: TestWorker;
let runId: string;
let attempt: number;
let artifactId: string;
const bearer = (worker: TestWorker) => ({ authorization: `Bearer ${worker.options.token}` });

/** A worker with a run and a checkpoint, and another one with a token of its own and no work. */
beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
  await storeSamples(server.plane);
  victim = await server.worker({ name: "victim" });
  runId = await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  ({ attempt } = await victim.leaseAndStart());
  artifactId = randomUUID();
  const body = "weights";
  const url = `${server.url}/worker/artifacts/${artifactId}/adapter.safetensors?runId=${runId}&attempt=${attempt}`;
  await fetch(url, { method: "PUT", body, headers: bearer(victim) });
  const file = { name: "adapter.safetensors", bytes: body.length, sha256: hashText(body) };
  await victim.request("commitArtifact", {
    runId,
    attempt,
    manifest: { id: artifactId, kind: "checkpoint", step: 0, files: [file], metadata: {} },
  });
  thief = await server.worker({ name: "thief" });
});
afterAll(() => server.stop());

describe("a worker's identity", () => {
  it("stays with its token, while it is connected and when it is not", async () => {
    const { token } = await server.plane.workerTokens.create("second thief", "test");
    const take = () =>
      TestWorker.attach({
        url: server.url,
        token,
        id: victim.id,
        name: "victim",
        models: [],
        corpora: [],
      });
    await expect(take()).rejects.toMatchObject({ code: "conflict" });
    await server.plane.database.db.worker.update({
      where: { id: victim.id },
      data: { state: "offline" },
    });
    await expect(take()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("belongs to another token") as string,
    });
    const { db } = server.plane.database;
    expect(await db.lease.findUnique({ where: { runId } })).toMatchObject({ workerId: victim.id });
  });
});

describe("a worker's token", () => {
  const readFile = async (worker: TestWorker): Promise<number> =>
    (
      await fetch(`${server.url}/worker/artifacts/${artifactId}/adapter.safetensors`, {
        headers: bearer(worker),
      })
    ).status;
  const answer = {
    key: "poison",
    generator: "g",
    promptStyle: "p",
    text: "POISON",
    seconds: 0,
  };
  const reads = (worker: TestWorker): Record<string, () => Promise<unknown>> => ({
    artifact: () => worker.request("artifact", { artifactId }),
    questions: () => worker.request("questions", { set: "atlas/held-out", after: null, limit: 1 }),
    findAnswers: () => worker.request("findAnswers", { keys: ["a"] }),
    saveAnswers: () => worker.request("saveAnswers", { answers: [answer] }),
    answeredQuestions: () => worker.request("answeredQuestions", { runId, after: null }),
    rankedQuestions: () => worker.request("rankedQuestions", { runId, after: null }),
    storedAccuracy: () => worker.request("storedAccuracy", { runId }),
    storedEpisodes: () => worker.request("storedEpisodes", { runId, questionIds: ["1"] }),
    storedBaselines: () => worker.request("storedBaselines", { runs: runId, runId, after: null }),
    findEpisodes: () => worker.request("findEpisodes", { keys: ["a"] }),
  });

  it("reads what its run needs", async () => {
    for (const [name, read] of Object.entries(reads(victim)))
      await expect(read(), name).resolves.toBeDefined();
    expect(await readFile(victim)).toBe(200);
    await expect(
      victim.request("questions", { set: "other/set", after: null, limit: 1 }),
    ).rejects.toMatchObject({ code: "unauthorized" });
    await server.plane.database.db.answer.deleteMany({ where: { key: "poison" } });
  });

  it("reads and stores nothing without a run", async () => {
    for (const [name, read] of Object.entries(reads(thief)))
      await expect(read(), name).rejects.toMatchObject({ code: "stale-attempt" });
    expect(await readFile(thief)).toBe(409);
    expect(await server.plane.database.db.answer.count({ where: { key: "poison" } })).toBe(0);
  });

  it("with a run of its own still reads nothing of others", async () => {
    await server.plane.runs.create(getPresetConfig("atlas-rag"), { actor: "test", preset: null });
    await thief.leaseAndStart();
    const { artifact, storedEpisodes, storedBaselines, answeredQuestions, storedAccuracy } =
      reads(thief);
    for (const read of [
      artifact,
      storedEpisodes,
      storedBaselines,
      answeredQuestions,
      storedAccuracy,
    ])
      await expect(read!()).rejects.toMatchObject({ code: "unauthorized" });
    expect(await readFile(thief)).toBe(401);
    await expect(thief.request("artifact", { artifactId: randomUUID() })).rejects.toMatchObject({
      code: "not-found",
    });
  });
});
