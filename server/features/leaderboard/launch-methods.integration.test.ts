import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

describe("the leaderboard's launch with a checkpoint", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  /** Stores a checkpoint of a training without its files. @returns its id */
  const insertCheckpoint = async (of: RunConfig): Promise<string> => {
    await server.plane.runs.create(of, { actor: "test", preset: null });
    const worker = await server.worker();
    const { runId, attempt } = await worker.leaseAndStart();
    const id = randomUUID();
    await server.plane.database.db.$executeRaw`
      INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
      VALUES (${id}::uuid, '00000000-0000-4000-8000-000000000001', ${runId}::uuid, ${attempt}, 'checkpoint', 1, '[]', 1, '{}', 'file', now())`;
    await worker.request("transition", { runId, attempt, to: "succeeded", reason: null });
    return id;
  };
  const launch = (checkpoint: string) =>
    server.plane.leaderboard.launch(
      { methods: ["s3", "rag"], questions: "atlas/held-out", limit: null, checkpoint },
      "test",
    );

  it("lets s3 search with it, as it was trained, and the others without", async () => {
    const preset = trainConfigSchema.parse(getPresetConfig());
    const trained = { ...preset, search: { ...preset.search, turns: 2 } };
    const checkpoint = await insertCheckpoint(trained);
    const { launched } = await launch(checkpoint);
    expect(launched.map(({ method }) => method)).toEqual(["s3", "rag"]);
    const [s3, rag] = await Promise.all(
      launched.map(async ({ runId }) => (await server.plane.runReader.get(runId)).config),
    );
    expect(s3).toMatchObject({
      method: "s3",
      searcher: { model: trained.searcher.model, checkpoint },
      search: trained.search,
      generator: predictConfigSchema.parse(getPresetConfig("atlas-s3")).generator,
    });
    expect(rag).toMatchObject({ method: "rag", searcher: { checkpoint: null } });
    expect(await launch(checkpoint)).toEqual({
      launched: [],
      present: launched,
      examples: 0,
      rescored: [],
    });
    for (const { runId } of launched)
      await server.plane.runs.cancel(runId, { actor: "test", reason: null });
  });

  it("refuses one that was trained as a method that is not chosen, and one that is not kept", async () => {
    const other = await insertCheckpoint(getPresetConfig("atlas-train-search-r1"));
    await expect(launch(other)).rejects.toThrow(/was trained as Search-R1/);
    await expect(launch(randomUUID())).rejects.toMatchObject({ code: "not-found" });
  });
});
