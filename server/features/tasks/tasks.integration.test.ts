import { createTRPCClient, httpLink } from "@trpc/client";
import { transformer } from "@/contracts/api/transformer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import type { TaskRequest } from "@/contracts/worker-protocol/tasks";
import { waitUntil } from "@/lib/testing/wait-until";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";
import type { AppRouter } from "@/server/trpc/router";

describe("tasks", () => {
  let server: TestServer;
  let worker: TestWorker;
  let trainedRun: string;
  let api: ReturnType<typeof createTRPCClient<AppRouter>>;

  beforeAll(async () => {
    const taskMs = {
      query: 1_500,
      documents: 1_500,
      "dry-run": 1_500,
      "index-plan": 1_500,
      "corpus-preview": 1_500,
      "remove-corpus": 1_500,
      "turn-gains": 1_500,
      play: 1_500,
    };
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000, taskMs } });
    await storeSamples(server.plane);
    worker = await server.worker();
    api = createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: `${server.url}/trpc`,
          headers: server.headers,
          transformer,
        }),
      ],
    });
  });
  afterAll(() => server.stop());

  const receiveTask = async (taskId: string): Promise<TaskRequest> => {
    const find = () =>
      worker.notices
        .flatMap((notice) => (notice.type === "task" ? [notice.task] : []))
        .find((task) => task.taskId === taskId);
    await waitUntil("the worker gets the task", () => find() !== undefined);
    return find()!;
  };

  it("goes to a worker and comes back, with progress", async () => {
    const { taskId } = await api.tasks.create.mutate({
      kind: "query",
      corpus: "atlas",
      retriever: { kind: "dense" },
      query: "capital",
      k: 3,
    });
    expect(await receiveTask(taskId)).toMatchObject({ kind: "query", query: "capital", k: 3 });
    await worker.request("taskProgress", { taskId, detail: "searching", fraction: 0.5 });
    expect(await api.tasks.get.query({ id: taskId })).toMatchObject({
      state: "running",
      detail: "searching",
      fraction: 0.5,
    });
    await worker.request("taskResult", {
      taskId,
      result: {
        documents: [{ id: "d0", title: "t", text: "x", score: 1 }],
        seconds: 0.1,
        openSeconds: 0,
        retriever: { title: "test", documents: null },
      },
    });
    expect(await api.tasks.get.query({ id: taskId })).toMatchObject({
      state: "succeeded",
      fraction: 1,
      result: { documents: [{ id: "d0" }] },
    });
  });

  it("fails with the reason: the worker's error, an answer of another form, no answer in time, nobody who can", async () => {
    const create = () =>
      api.tasks.create.mutate({
        kind: "query",
        corpus: "atlas",
        retriever: { kind: "dense" },
        query: "capital",
      });
    const failing = await create();
    await worker.request("taskResult", {
      taskId: failing.taskId,
      error: { code: "retriever-unavailable", message: "the index is gone" },
    });
    expect(await api.tasks.get.query({ id: failing.taskId })).toMatchObject({
      state: "failed",
      error: { message: "the index is gone" },
    });
    const odd = await create();
    await worker.request("taskResult", { taskId: odd.taskId, result: { documents: "none" } });
    expect(await api.tasks.get.query({ id: odd.taskId })).toMatchObject({
      state: "failed",
      error: { code: "invalid-input" },
    });
    const late = await create();
    const readLate = () => api.tasks.get.query({ id: late.taskId });
    await waitUntil("the task fails", async () => (await readLate()).state === "failed");
    expect(await readLate()).toMatchObject({
      error: { message: expect.stringContaining("did not answer in time") as string },
    });
    await waitUntil("the worker is told", () =>
      worker.notices.some((n) => n.type === "cancel-task" && n.taskId === late.taskId),
    );
    await expect(
      api.tasks.create.mutate({
        kind: "query",
        corpus: "wiki-18",
        retriever: { kind: "dense" },
        query: "x",
      }),
    ).rejects.toThrow(/No attached worker has the corpus wiki-18/);
    const cancelled = await create();
    expect(await api.tasks.cancel.mutate({ id: cancelled.taskId })).toEqual({
      state: "cancelled",
    });
  });

  it("asks for the gain of each turn of a stored episode, and keeps it", async () => {
    const { id } = await api.runs.launch.mutate({ config: getPresetConfig() });
    trainedRun = id;
    let run = await worker.leaseAndStart();
    while (run.runId !== id) {
      await worker.request("transition", {
        runId: run.runId,
        attempt: run.attempt,
        to: "succeeded",
        reason: null,
      });
      run = await worker.leaseAndStart();
    }
    await worker.request("report", {
      runId: id,
      attempt: run.attempt,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/train",
          documents: buildDocuments(),
          records: [buildRecord({ step: 1 })],
        },
      ],
    });
    const [row] = (await api.episodes.list.query({ runId: id })).rows;
    const episodeId = row?.id ?? "";
    expect(await api.episodes.turnGains.query({ episodeId })).toBeNull();
    const { taskId } = await api.tasks.create.mutate({ kind: "turn-gains", episodeId });
    const task = await receiveTask(taskId);
    expect(
      task.kind === "turn-gains" &&
        task.contexts.map((c) => [c.turn, c.documents.map((d) => d.id)]),
    ).toEqual([
      [0, ["d0"]],
      [1, ["d0", "d1"]],
    ]);
    await worker.request("taskResult", {
      taskId,
      result: {
        goldContext: { answer: "a", score: 1 },
        turns: [
          { turn: 0, answer: "b", score: 0 },
          { turn: 1, answer: "a", score: 1 },
        ],
      },
    });
    expect(await api.episodes.turnGains.query({ episodeId })).toMatchObject({
      task: { state: "succeeded" },
      result: { turns: [{ score: 0 }, { score: 1 }] },
    });
  });

  it("asks a worker for turn gains only if it has the judge and the corpus of the gold documents, too", async () => {
    const [row] = (await api.episodes.list.query({ runId: trainedRun })).rows;
    const { db } = server.plane.database;
    const where = { id: trainedRun };
    const stored = await db.run.findUniqueOrThrow({ where, select: { config: true } });
    const config = trainConfigSchema.parse(stored.config);
    const ask = async (changes: object) => {
      await db.run.update({ where, data: { config: { ...config, ...changes } } });
      return api.tasks.create.mutate({ kind: "turn-gains", episodeId: row!.id });
    };
    try {
      const reward = { ...config.reward, scorer: "judge" };
      const judge = { ...config.judge, model: "judge-7b" };
      await expect(ask({ reward, judge })).rejects.toThrow(/the model judge-7b/);
      const data = { ...config.data, corpus: "wiki-18" };
      await expect(ask({ data })).rejects.toThrow(/the corpus wiki-18/);
    } finally {
      await db.run.update({ where, data: { config } });
    }
    expect((await api.tasks.cancel.mutate({ id: (await ask({})).taskId })).state).toBe("cancelled");
  });

  it("plays a question on no worker that trains at a Tinker service, where that cannot follow its settings", async () => {
    const { db } = server.plane.database;
    const where = { id: worker.id };
    const { capabilities } = await db.worker.findUniqueOrThrow({ where });
    const setCapabilities = (data: object) =>
      db.worker.update({ where, data: { capabilities: data } });
    const config = getPresetConfig("atlas-s3");
    await setCapabilities({ ...(capabilities as object), tinker: "http://127.0.0.1:8000" });
    try {
      await expect(
        api.tasks.create.mutate({ kind: "ask", config, question: "Who?" }),
      ).rejects.toThrow(/an engine of its own \(search\.decoding/);
    } finally {
      await setCapabilities(capabilities as object);
    }
  });

  it("has a stored episode played again with a change, and shows what there is of it before the end", async () => {
    const [row] = (await api.episodes.list.query({ runId: trainedRun })).rows;
    const { taskId } = await api.tasks.create.mutate({
      kind: "what-if",
      episodeId: row!.id,
      change: { turn: 1, query: "another", checkpoint: null },
    });
    const task = await receiveTask(taskId);
    expect(task).toMatchObject({
      kind: "play",
      config: { kind: "predict", method: "s3", searcher: { checkpoint: null } },
      question: { id: row!.questionId, goldIds: ["d0", "d1"] },
      rewardWeights: { gbr: 1 },
      forced: [{ nextQuery: "another", documents: expect.any(Array) as unknown }],
    });
    expect(task.kind === "play" && task.documents.map(({ id }) => id)).toContain("d0");
    const partial = {
      steps: [{ kind: "retrieve", turn: 0, seconds: 0, query: "q", documents: [] }],
      documents: [],
    };
    await worker.request("taskProgress", { taskId, detail: "turn 0", fraction: 0.5, partial });
    await worker.request("taskProgress", { taskId, detail: "answering", fraction: 0.9 });
    expect(await api.tasks.get.query({ id: taskId })).toMatchObject({
      detail: "answering",
      partial,
      result: null,
    });
    await worker.request("taskResult", { taskId, error: { code: "internal", message: "burnt" } });
    expect(await api.tasks.get.query({ id: taskId })).toMatchObject({ state: "failed", partial });
    expect((await api.episodes.list.query({ runId: trainedRun })).rows).toHaveLength(1);
  });

  it("has a typed question played, without a gold answer where none is given", async () => {
    const config = getPresetConfig("atlas-rag");
    const ask = { kind: "ask", config, question: " Who? " } as const;
    const { taskId } = await api.tasks.create.mutate(ask);
    expect(await receiveTask(taskId)).toMatchObject({
      config: { method: "rag" },
      question: { question: "Who?", answers: [] },
      rewardWeights: null,
      forced: [],
    });
    await expect(
      api.tasks.create.mutate({ ...ask, config: { kind: "predict", method: "none" } }),
    ).rejects.toThrow(/method/);
    const invented = { ...config, corpus: "nowhere" };
    await expect(api.tasks.create.mutate({ ...ask, config: invented })).rejects.toThrow(/nowhere/);
  });
});
