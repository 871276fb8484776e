import { listRunsRequestSchema } from "@/contracts/api/run-list";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AlarmChange, AlarmName } from "@/contracts/records/alarms";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

const raised = (name: AlarmName, step: number, since = step - 2): AlarmChange => ({
  to: "raised",
  name,
  step,
  since,
  evidence: [
    {
      metric: "groups/without_variance",
      now: { value: 1, fromStep: since, toStep: step },
      before: null,
      limit: { side: "at-least", value: 0.9 },
    },
  ],
});
const cleared = (name: AlarmName, step: number): AlarmChange => ({ to: "cleared", name, step });

describe("alarms of a run", () => {
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  let sequence = 0;
  const report = (...changes: AlarmChange[]) =>
    worker.request("report", {
      ...ref,
      sequence: ++sequence,
      items: [{ kind: "alarms", changes }],
    });
  const take = async () => {
    const { runId, attempt } = await worker.leaseAndStart();
    ref = { runId, attempt };
    sequence = 0;
  };
  const restart = async () => {
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    await take();
  };
  const checkpointAt = (step: number) => server.plane.database.db.$executeRaw`
    INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
    VALUES (gen_random_uuid(), '00000000-0000-4000-8000-000000000001', ${ref.runId}::uuid, ${ref.attempt}, 'checkpoint', ${step}, '[{"name":"a","bytes":1,"sha256":"x"}]', 1, '{}', 'file', now())`;
  const shown = async () =>
    (await server.plane.alarms.list(ref.runId)).map(
      ({ name, raised: { step }, cleared: end }) => `${name} ${step}${end ? `-${end.step}` : ""}`,
    );
  const inList = async () =>
    (await server.plane.runReader.list(listRunsRequestSchema.parse({}))).rows.find(
      ({ id }) => id === ref.runId,
    )?.alarms;

  beforeAll(async () => {
    server = await startTestServer({
      maxAttempts: 50,
      timings: { leaseMs: 60_000, offlineMs: 60_000 },
    });
    worker = await server.worker();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await take();
  });
  afterEach(() => worker.request("transition", { ...ref, to: "failed", reason: "the next test" }));

  it("are stored once, raised and cleared, and tell the pages so", async () => {
    const [before] = await server.plane.database.db.$queryRaw<
      { id: bigint }[]
    >`SELECT coalesce(max(id), 0) AS id FROM events`;
    const change = raised("no-variance", 5, 1);
    await report(change);
    expect(
      await worker.request("report", {
        ...ref,
        sequence: 1,
        items: [{ kind: "alarms", changes: [change] }],
      }),
    ).toEqual({ accepted: true });
    expect(await server.plane.alarms.list(ref.runId)).toMatchObject([
      {
        name: "no-variance",
        since: 1,
        raised: { step: 5, at: expect.any(Date) as unknown },
        cleared: null,
        evidence: change.to === "raised" ? change.evidence : [],
      },
    ]);
    expect(await inList()).toEqual(["no-variance"]);
    expect((await server.plane.runReader.get(ref.runId)).alarms).toEqual(["no-variance"]);
    const events = await server.plane.database.db.$queryRaw<
      { payload: unknown }[]
    >`SELECT payload FROM events WHERE kind = 'alarms' AND run_id = ${ref.runId}::uuid AND id > ${before?.id ?? 0n}`;
    expect(events).toEqual([{ payload: { names: ["no-variance"] } }]);

    await report(raised("entropy-collapse", 6));
    await report(cleared("no-variance", 9));
    expect(await shown()).toEqual(["entropy-collapse 6", "no-variance 5-9"]);
    expect(await inList()).toEqual(["entropy-collapse"]);
    await report(raised("no-variance", 20));
    expect(await shown()).toEqual(["no-variance 20", "entropy-collapse 6", "no-variance 5-9"]);
  });

  it("follow the surviving lineage: what a stale attempt saw after the resumed step is not shown", async () => {
    await report(raised("kl-runaway", 4));
    await checkpointAt(5);
    await report(cleared("kl-runaway", 7), raised("no-variance", 8));
    expect(await shown()).toEqual(["no-variance 8", "kl-runaway 4-7"]);
    const stale = ref;
    await restart();
    expect(await shown()).toEqual(["kl-runaway 4"]);
    expect(await inList()).toEqual(["kl-runaway"]);
    await expect(
      worker.request("report", {
        ...stale,
        sequence: 3,
        items: [{ kind: "alarms", changes: [raised("format-drift", 9)] }],
      }),
    ).rejects.toMatchObject({ code: "stale-attempt" });
    // The next attempt clears what an earlier one raised.
    await report(cleared("kl-runaway", 6));
    expect(await shown()).toEqual(["kl-runaway 4-6"]);
    await server.plane.database.db
      .$executeRaw`UPDATE artifacts SET deleted_at = now() WHERE run_id = ${ref.runId}::uuid`;
    await restart();
    expect(await shown()).toEqual([]);
    expect(await inList()).toEqual([]);
  });

  it("are refused where they name no alarm or show nothing", async () => {
    for (const bad of [
      { ...raised("no-variance", 5), name: "bad-luck" },
      { ...raised("no-variance", 5), evidence: [] },
      { to: "cleared", name: "no-variance" },
    ]) {
      await expect(
        worker.requestRaw("report", {
          ...ref,
          sequence: 1,
          items: [{ kind: "alarms", changes: [bad] }],
        }),
      ).rejects.toMatchObject({ code: "invalid-input" });
    }
    expect(await shown()).toEqual([]);
  });
});
