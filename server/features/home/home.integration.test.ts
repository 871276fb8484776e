import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { findPreset } from "@/core/presets/run-presets";
import { DEFAULT_PROJECT } from "@/server/platform/db/database";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

describe("the home page, the palette and the form of a new run", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  it("lists what runs and what ended, counts what ended since, and checks off what was done", async () => {
    const { plane } = server;
    const actor = { actor: "test", preset: null };
    const ended = await plane.runs.create({ ...getPresetConfig(), name: "Ended one" }, actor);
    const before = new Date();
    await plane.runs.cancel(ended, { actor: "test", reason: null });
    const waiting = await plane.runs.create({ ...getPresetConfig(), name: "Waiting 100%" }, actor);
    const activity = await plane.home.readActivity(before);
    expect(activity.active.map(({ id }) => id)).toEqual([waiting]);
    expect(activity.ended.map(({ id, state }) => `${id} ${state}`)).toEqual([`${ended} cancelled`]);
    expect(activity).toMatchObject({ activeCount: 1, endedCount: 1, runs: 2, alarms: [] });
    expect((await plane.home.readActivity(new Date(Date.now() + 60_000))).endedCount).toBe(0);
    // The example was recorded elsewhere, whenever its runs ended.
    const { db } = plane.database;
    await db.run.update({ where: { id: ended }, data: { createdBy: EXAMPLE_ACTOR } });
    expect((await plane.home.readActivity(before)).endedCount).toBe(0);
    await db.run.update({ where: { id: ended }, data: { createdBy: "test" } });
    expect(await plane.home.readResults()).toEqual({
      exampleRuns: [],
      best: [],
      done: { indexed: false, trained: false, evaluated: false, compared: false },
    });
    const names = async (text: string) =>
      (await plane.search.find(text)).runs.map(({ name }) => name);
    expect(await names("waiting")).toEqual(["Waiting 100%"]);
    expect(await names("0%")).toEqual(["Waiting 100%"]);
    expect(await names("_ait")).toEqual([]);
    expect(await names(ended.slice(0, 8))).toEqual(["Ended one"]);
  });

  it("says that the time of a run is not known before one like it has ended, then projects it", async () => {
    const { plane } = server;
    const config = getPresetConfig();
    if (config.kind !== "train") throw new Error("not a training run");
    expect(await plane.newRun.projectTime(config)).toBeNull();
    expect(await plane.newRun.projectTime({ kind: "train" })).toBeNull();
    const id = await plane.runs.create(config, { actor: "test", preset: null });
    await plane.database.db.$executeRaw`
      UPDATE runs SET state = 'succeeded', attempt = 1, started_at = now() - interval '100 seconds', ended_at = now() WHERE id = ${id}::uuid`;
    const twice = { ...config, rl: { ...config.rl, steps: 2 * config.rl.steps } };
    const projected = await plane.newRun.projectTime(twice);
    expect(projected).toMatchObject({ runs: 1, unit: "episodes" });
    expect(projected?.seconds).toBeCloseTo(200, 0);
    const other = { ...config, searcher: { ...config.searcher, model: "another" } };
    expect(await plane.newRun.projectTime(other)).toBeNull();
  });

  it("projects a run over a whole question set from runs over a part of it, and back", async () => {
    const { plane } = server;
    const { db } = plane.database;
    const preset = predictConfigSchema.parse(findPreset("atlas-rag")?.config);
    const config = { ...preset, questions: "of this test" };
    const end = async (limit: number | null, seconds: number): Promise<void> => {
      const id = await plane.runs.create({ ...config, limit }, { actor: "test", preset: null });
      await db.$executeRaw`
        UPDATE runs SET state = 'succeeded', attempt = 1, started_at = now() - make_interval(secs => ${seconds}), ended_at = now() WHERE id = ${id}::uuid`;
    };
    await end(10, 20);
    expect(
      await plane.newRun.projectTime({ ...config, limit: null }),
      "nobody knows how many questions there are",
    ).toBeNull();
    await db.questionSet.create({
      data: {
        id: randomUUID(),
        projectId: DEFAULT_PROJECT,
        name: config.questions,
        contentHash: "0",
        questions: 200,
        withGold: 0,
        createdBy: "test",
      },
    });
    const whole = await plane.newRun.projectTime({ ...config, limit: null });
    expect(whole).toMatchObject({ runs: 1, unit: "questions" });
    expect(whole?.seconds).toBeCloseTo(400, 0);
    await end(null, 600);
    const part = await plane.newRun.projectTime({ ...config, limit: 50 });
    expect(part?.runs).toBe(2);
    expect(part?.low).toBeCloseTo(100, 0);
    expect(part?.high).toBeCloseTo(150, 0);
    const beyond = await plane.newRun.projectTime({ ...config, limit: 1000 });
    expect(beyond?.high, "a limit beyond the set asks the set").toBeCloseTo(600, 0);
    const filtered = { ...config, limit: null, skipYesNo: true };
    expect(await plane.newRun.projectTime(filtered), "a part that nobody counted").toBeNull();
  });

  it("tells of the alarms of every run that ended since the last visit, also of those not listed", async () => {
    const { plane } = server;
    const { db } = plane.database;
    const worker = await server.worker();
    const visit = Date.now() + 3_600_000;
    /** A run that ended so long after the visit, with an alarm that stands. */
    const endWithAlarm = async (minutes: number): Promise<string> => {
      const id = await plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
      const endedAt = new Date(visit + minutes * 60_000);
      await db.$executeRaw`UPDATE runs SET state = 'failed', attempt = 1, started_at = ${endedAt}, ended_at = ${endedAt} WHERE id = ${id}::uuid`;
      await db.$executeRaw`INSERT INTO attempts (run_id, number, worker_id, started_at) VALUES (${id}::uuid, 1, ${worker.id}::uuid, ${endedAt})`;
      const now = { value: 0, fromStep: 1, toStep: 2 };
      const evidence = [{ metric: "reward/mean", now, before: null, limit: null }];
      await plane.alarms.append(db, { runId: id, attempt: 1 }, [
        { to: "raised", name: "no-variance", step: 2, since: 1, evidence },
      ]);
      return id;
    };
    const early = await endWithAlarm(-1);
    const overnight: string[] = [];
    for (let i = 1; i <= 10; i++) overnight.unshift(await endWithAlarm(i));
    const activity = await plane.home.readActivity(new Date(visit));
    expect(activity.ended.map(({ id }) => id)).toEqual(overnight.slice(0, 8));
    expect(activity.endedCount).toBe(10);
    expect(activity.alarms.map(({ runId }) => runId)).toEqual(overnight);
    expect(activity.alarms.map(({ runId }) => runId)).not.toContain(early);
  });
});
