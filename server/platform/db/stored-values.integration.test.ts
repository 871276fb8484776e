import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { attemptOutcomeSchema } from "@/contracts/api/runs";
import { taskKindSchema } from "@/contracts/api/tasks";
import { episodeStepSchema } from "@/contracts/records/episode";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { serviceKindSchema } from "@/contracts/worker-protocol/attach";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";
import { queryRows } from "./query";

const UNSTORABLE = "a\u0000b\ud800c";
const STORED = "a\ufffdb\ufffdc";

/** What PostgreSQL cannot store, and lists of it that also stand in a contract. */
describe("values that the database cannot store", () => {
  let server: TestServer;
  let worker: TestWorker;
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(() => server.stop());

  const launch = () => server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });

  it("do not keep the reason of a failure from arriving, at the first attempt", async () => {
    const runId = await launch();
    const { attempt } = await worker.leaseAndStart();
    await worker.request("transition", { runId, attempt, to: "failed", reason: UNSTORABLE });
    expect(await server.plane.runReader.get(runId)).toMatchObject({
      state: "failed",
      attempt: 1,
      error: STORED,
    });
  });

  it("are replaced in parameters of models, arrays, JSON and its names", async () => {
    const { db } = server.plane.database;
    const { id } = await server.plane.workerTokens.create(UNSTORABLE, "test");
    expect((await db.workerToken.findUniqueOrThrow({ where: { id } })).name).toBe(STORED);
    const [row] = await queryRows(db, z.object({ list: z.array(z.string()) }))`
      SELECT ${[UNSTORABLE]}::text[] AS list`;
    expect(row?.list).toEqual([STORED]);
    const config = { ...getPresetConfig(), name: UNSTORABLE };
    const runId = await server.plane.runs.create(config, { actor: "test", preset: null });
    expect(await server.plane.runReader.get(runId)).toMatchObject({ name: STORED });
    await server.plane.runs.cancel(runId, { actor: "test", reason: null });
  });

  it("are refused by name where they are numbers, and a report of them ends at once", async () => {
    const runId = await launch();
    const { attempt } = await worker.leaseAndStart();
    const report = (step: number): WorkerRequest<"report"> => ({
      runId,
      attempt,
      sequence: 1,
      items: [{ kind: "metrics", points: [{ name: "reward/mean", step, value: 1, at: 1 }] }],
    });
    await expect(worker.request("report", report(2 ** 40))).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.not.stringMatching(/integer|prisma|column|SELECT/i) as string,
    });
    await worker.request("report", report(1));
    await server.plane.runs.cancel(runId, { actor: "test", reason: null });
  });
});

describe("lists of allowed values", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  it("holds a lease with every kind of service", async () => {
    const worker = await server.worker();
    for (const kind of serviceKindSchema.options)
      await worker.request("heartbeat", {
        attempts: [],
        usage: { cpu: 0, memoryMb: 1, gpus: [] },
        services: [
          {
            key: kind,
            kind,
            state: "ready",
            detail: "",
            error: null,
            memoryMb: null,
            address: null,
            references: 1,
            startedAt: null,
          },
        ],
        freeSlots: { engine: 0, light: 0 },
      });
    expect((await server.plane.workerReader.list())[0]?.services).toHaveLength(1);
  });

  it("of the database allow what the contracts allow", async () => {
    const rows = await queryRows(
      server.plane.database.db,
      z.object({ name: z.string(), definition: z.string() }),
    )`
      SELECT conname::text AS name, pg_get_constraintdef(oid)::text AS definition FROM pg_constraint
      WHERE contype = 'c' AND connamespace = 'public'::regnamespace`;
    const lists = new Map(
      rows
        .filter(({ definition }) => /= ANY \(\(?ARRAY\[/.test(definition))
        .map(({ name, definition }) => [
          name,
          [...definition.matchAll(/'([^']*)'/g)].map(([, value]) => value),
        ]),
    );
    const contracts: Record<string, readonly string[]> = {
      attempts_outcome_check: attemptOutcomeSchema.options,
      runs_kind_check: runKindSchema.options,
      runs_state_check: runStateSchema.options,
      tasks_kind_check: taskKindSchema.options,
      steps_kind_check: episodeStepSchema.options.map((step) => step.shape.kind.value),
      services_state_check: ["starting", "ready", "failed", "stopped"],
    };
    for (const [name, values] of Object.entries(contracts))
      expect(new Set(lists.get(name)), name).toEqual(new Set(values));
    expect(lists.has("services_kind_check")).toBe(false);
  });
});
