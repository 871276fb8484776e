import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

const SET = "atlas/train";

describe("runs of other trainers", () => {
  let server: TestServer;

  const ask = async (path: string, body: object) => {
    const response = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBe(200);
    return (await response.json()) as { run: { info: { run_id: string } } };
  };
  const createRun = async () =>
    (await ask("runs/create", { experiment_id: "0", run_name: "watched" })).run.info.run_id;
  const toId = (id: string): string =>
    id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  /** A line of verl's rollouts that searches once more with the same words. */
  const buildLine = (question: number, score: number, step: number): string =>
    JSON.stringify({
      input: `user\n<question>\nQuestion ${question} of ${SET}?\n</question>\n<information>\nDoc 1(Title: "A") a\n</information>\nassistant\n`,
      output: `<query>{"query": "same words"}</query>\n\n<information>Doc 1(Title: "B") b</information>\n\n<search_complete>True</search_complete>`,
      score,
      step,
    });
  const send = async (run: string, lines: readonly string[], file: string, corpus?: string) =>
    (await (
      await fetch(
        `${server.url}/api/2.0/s3/rollouts?${new URLSearchParams({ run_id: run, questions: SET, file, ...(corpus ? { corpus } : {}) })}`,
        { method: "POST", body: lines.join("\n") },
      )
    ).json()) as unknown;
  const read = async (run: string, name: string) =>
    (await server.plane.trackedRuns.readHistory(toId(run), name)).map(({ step, value }) => [
      step,
      value,
    ]);
  const listAlarms = async (run: string) =>
    (await server.plane.alarms.list(toId(run))).map(({ name, raised, cleared }) => [
      name,
      raised.step,
      cleared?.step ?? null,
    ]);

  /** Naive RAG's answers to the first two questions: one right, one wrong. */
  const predictNaively = async (changes: object = {}): Promise<string> => {
    const config = predictConfigSchema.parse({
      ...changes,
      kind: "predict",
      name: "naive",
      method: "rag",
      questions: SET,
      corpus: "atlas",
    });
    const runId = await server.plane.runs.create(config, { actor: "test", preset: null });
    const worker = await server.worker();
    const { attempt } = await worker.leaseAndStart();
    const records = [0, 1].map((question) => {
      const record = buildRecord({ step: null, question, right: question === 0, phase: "predict" });
      return {
        ...record,
        baseline: null,
        reward: null,
        episode: { ...record.episode, method: "rag" as const },
      };
    });
    await worker.request("report", {
      runId,
      attempt,
      sequence: 1,
      items: [
        { kind: "episodes", corpus: "atlas", questions: SET, documents: buildDocuments(), records },
      ],
    });
    await worker.request("transition", { runId, attempt, to: "succeeded", reason: null });
    return runId;
  };

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  it("are judged by the alarms' rules under the names that trainers use", async () => {
    const run = await createRun();
    for (let step = 1; step <= 12; step++)
      await ask("runs/log-batch", {
        run_id: run,
        metrics: [
          { key: "critic/score/mean", value: 0.5, timestamp: step, step },
          { key: "actor/entropy", value: step < 6 ? 1 : 0.001, timestamp: step, step },
        ],
      });
    expect(await listAlarms(run)).toEqual([["entropy-collapse", 8, null]]);
    // A point that is sent late is drawn and changes no history.
    await ask("runs/log-metric", {
      run_id: run,
      key: "actor/entropy",
      value: 9,
      timestamp: 99,
      step: 2,
    });
    for (let step = 13; step <= 22; step++)
      await ask("runs/log-metric", {
        run_id: run,
        key: "actor/entropy",
        value: 1,
        timestamp: step,
        step,
      });
    expect(await listAlarms(run)).toEqual([["entropy-collapse", 8, 17]]);
  });

  it("have quadrants where naive RAG's answers are known, step by step as these close", async () => {
    const run = await createRun();
    await send(run, [buildLine(0, 0, 1), buildLine(1, 1, 1), buildLine(2, 1, 1)], "1.jsonl");
    const naive = await predictNaively();
    expect(await read(run, "reward/utility_1_gen_1")).toEqual([]);
    await send(run, [buildLine(0, 1, 2), buildLine(0, 1, 2)], "2.jsonl");
    await send(run, [buildLine(1, 0, 3)], "3.jsonl");
    // Steps 2 and 3 may still get rollouts. What was stored before naive RAG had answered is compared, too.
    expect(await read(run, "reward/utility_1_gen_1")).toEqual([[1, 0.5]]);
    expect(await read(run, "reward/utility_-1_gen_0")).toEqual([[1, 0.5]]);
    expect(await server.plane.trackedRuns.describeRollouts(toId(run))).toMatchObject({
      baseline: { runId: naive, corpus: "atlas", scorer: "span" },
    });
    await ask("runs/update", { run_id: run, status: "FINISHED" });
    expect(await read(run, "reward/mean")).toEqual([
      [1, 2 / 3],
      [2, 1],
      [3, 0],
    ]);
    expect(await read(run, "groups/without_variance")).toEqual([[2, 1]]);
    const { rows } = await server.plane.episodeReader.list({
      runId: toId(run),
      filter: "all",
      sortDirection: "ascending",
      cursor: undefined,
      limit: 1,
    });
    const { record } = await server.plane.episodeReader.get(rows[0]!.id);
    expect(record.baseline).toMatchObject({ answer: { text: "right" }, score: { value: 1 } });
  });

  it("are compared with naive RAG on the corpus that was searched, not with RAG that is matched in documents", async () => {
    const describe = async (run: string) =>
      (await server.plane.trackedRuns.describeRollouts(toId(run))).baseline?.runId ?? null;
    const naive = await predictNaively({ name: "naive RAG on Atlas" });
    await predictNaively({ name: "matched", matchRun: naive });
    const [known, other] = [await createRun(), await createRun()];
    await send(known, [buildLine(0, 1, 1)], "1.jsonl", "atlas");
    expect(await describe(known)).toBe(naive);
    await send(other, [buildLine(0, 1, 1)], "1.jsonl", "wiki-18");
    expect(await describe(other)).toBeNull();
  });

  it("that are commands are summed up when their worker has sent all, not when the trainer says its end", async () => {
    const config = { kind: "command", name: "trainer", experiment: "nq", command: "true" };
    const id = await server.plane.runs.create(commandConfigSchema.parse(config), {
      actor: "test",
      preset: null,
    });
    const worker = await server.worker({ commands: true });
    const { attempt } = await worker.leaseAndStart();
    const run = id.replaceAll("-", "");
    await send(run, [buildLine(0, 1, 1)], "1.jsonl");
    await ask("runs/update", { run_id: run, status: "FINISHED" });
    await send(run, [buildLine(0, 1, 1), buildLine(1, 0, 1)], "1.jsonl");
    await send(run, [buildLine(1, 0, 2)], "2.jsonl");
    expect(await read(run, "reward/mean")).toEqual([]);
    const end = { runId: id, attempt, to: "succeeded", reason: null } as const;
    await worker.request("transition", end);
    await worker.request("transition", end);
    expect(await read(run, "reward/mean")).toEqual([
      [1, 0.5],
      [2, 0],
    ]);
  });

  it("that are commands are summed up also where their worker is lost", async () => {
    const config = { kind: "command", name: "lost", experiment: "nq", command: "true" };
    const id = await server.plane.runs.create(commandConfigSchema.parse(config), {
      actor: "test",
      preset: null,
    });
    const worker = await server.worker({ commands: true, name: "lost" });
    await worker.leaseAndStart();
    const run = id.replaceAll("-", "");
    await send(run, [buildLine(0, 1, 1)], "1.jsonl");
    await ask("runs/update", { run_id: run, status: "FINISHED" });
    await server.plane.database.db.$executeRaw`
      UPDATE leases SET expires_at = now() - interval '1 second' WHERE run_id = ${id}::uuid`;
    await server.plane.runs.expireLeases();
    expect((await server.plane.runReader.get(id)).state).toBe("failed");
    expect(await server.plane.trackedRuns.closeEndedCommands()).toBeGreaterThan(0);
    expect(await read(run, "reward/mean")).toEqual([[1, 1]]);
  });

  it("raise the alarms that only rollouts can show", async () => {
    const run = await createRun();
    for (let step = 1; step <= 8; step++)
      await send(
        run,
        [0, 1].flatMap((question) => [buildLine(question, 0, step), buildLine(question, 0, step)]),
        `${step}.jsonl`,
      );
    const alarms = (await listAlarms(run)).map(([name]) => name);
    expect(alarms).toEqual(expect.arrayContaining(["no-variance", "queries-alike"]));
  });

  it("keep the trainer's own values of a name", async () => {
    const run = await createRun();
    await ask("runs/log-metric", {
      run_id: run,
      key: "reward/mean",
      value: 7,
      timestamp: 1,
      step: 1,
    });
    await send(run, [buildLine(0, 1, 1)], "1.jsonl");
    await ask("runs/update", { run_id: run, status: "FINISHED" });
    expect(await read(run, "reward/mean")).toEqual([[1, 7]]);
  });

  it("have a bounded number of parameters", async () => {
    const run = await createRun();
    const params = Array.from({ length: 5_001 }, (_, i) => ({ key: `p${i}`, value: "1" }));
    const response = await fetch(`${server.url}/api/2.0/mlflow/runs/log-batch`, {
      method: "POST",
      body: JSON.stringify({ run_id: run, params }),
    });
    expect(((await response.json()) as { message: string }).message).toMatch(
      /at most 5000 parameters.*it would have 5001.*as a file/,
    );
  });
});
