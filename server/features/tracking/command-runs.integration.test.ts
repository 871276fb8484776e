import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import { COMMAND_HEADER } from "@/contracts/formats/mlflow/requests";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

describe("runs of commands", () => {
  let server: TestServer;
  const launch = (changes: object = {}) =>
    server.plane.runs.create(
      commandConfigSchema.parse({ kind: "command", name: "trainer", experiment: "nq", ...changes }),
      { actor: "anna", preset: null },
    );
  const ask = async (path: string, body: object, command: string | null) => {
    const response = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: command === null ? {} : { [COMMAND_HEADER]: command },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { run: { info: { run_id: string; status: string } } };
  };
  const getState = async (id: string) => (await server.plane.runReader.get(id)).state;
  const toId = (id: string): string =>
    id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
  });
  afterAll(() => server.stop());

  it("are taken only by workers that allow them, and say so while they wait", async () => {
    const id = await launch();
    const plain = await server.worker({ name: "plain" });
    const slots = { freeSlots: { engine: 1, light: 1 } };
    expect((await plain.request("lease", slots)).run).toBeNull();
    expect((await server.plane.runReader.get(id)).waitingFor).toMatch(/--allow-commands/);
    const able = await server.worker({ name: "able", commands: true });
    expect((await able.request("lease", slots)).run).toMatchObject({ runId: id, kind: "command" });
    await server.plane.runs.cancel(id, { actor: "anna", reason: null });
    await able.request("transition", { runId: id, attempt: 1, to: "cancelled", reason: null });
  });

  it("name no experiment that is deleted, and no question set that is not there", async () => {
    const { experiments, launcher } = server.plane;
    await experiments.update(await experiments.create("old", {}), { isDeleted: true });
    const { issues } = await launcher.check({
      kind: "command",
      name: "trainer",
      experiment: "old",
      rollouts: { folder: "/rollouts", questions: "nowhere" },
    });
    expect(issues).toMatchObject([
      { path: "experiment", message: expect.stringContaining('"old" is deleted') as string },
      { path: "rollouts.questions" },
    ]);
  });

  it("are given to their trainer as its run, once; how they end is the worker's to say", async () => {
    const id = await launch();
    const worker = await server.worker({ commands: true });
    const { attempt } = await worker.leaseAndStart();
    const body = { experiment_id: "0", run_name: "its own name", tags: [{ key: "a", value: "b" }] };
    const { info } = (await ask("runs/create", body, id)).run;
    expect([toId(info.run_id), info.status]).toEqual([id, "RUNNING"]);
    const second = (await ask("runs/create", body, id)).run.info.run_id;
    expect(toId(second)).not.toBe(id);
    await ask(
      "runs/log-batch",
      {
        run_id: info.run_id,
        params: [{ key: "lr", value: "1" }],
        metrics: [{ key: "critic/score/mean", value: 0.5, timestamp: 1, step: 1 }],
      },
      id,
    );
    await ask("runs/update", { run_id: info.run_id, status: "FAILED" }, id);
    expect(await getState(id)).toBe("running");
    const read = await server.plane.trackedRuns.get(id);
    expect(read).toMatchObject({ kind: "command", tags: { a: "b" } });
    expect(read.config.parameters).toEqual({ lr: "1" });
    // The configuration that it was launched with stays as it was.
    expect((await server.plane.runReader.get(id)).config).toMatchObject({
      kind: "command",
      experiment: "nq",
    });
    expect(await server.plane.trackedRuns.readHistory(id, "critic/score/mean")).toHaveLength(1);
    await worker.request("transition", { runId: id, attempt, to: "failed", reason: "exit code 3" });
    expect(await getState(id)).toBe("failed");
  });

  it("whose worker is lost fail, unless they are to start again; a person may resume them", async () => {
    const [once, again] = [await launch({ name: "once" }), await launch({ restart: true })];
    const worker = await server.worker({ commands: true });
    for (let i = 0; i < 2; i++) {
      const { runId, attempt } = await worker.leaseAndStart();
      await server.plane.database.db.$executeRaw`
        UPDATE leases SET expires_at = now() - interval '1 second' WHERE run_id = ${runId}::uuid AND attempt = ${attempt}`;
      await server.plane.runs.expireLeases();
    }
    const detail = await server.plane.runReader.get(once);
    expect([detail.state, detail.error]).toEqual([
      "failed",
      expect.stringMatching(/not started again/),
    ]);
    expect(await getState(again)).toMatch(/queued|leased/);
    expect(detail.actions).toEqual(expect.arrayContaining(["resume", "duplicate"]));
    expect(detail.actions).not.toContain("pause");
  });
});
