import { randomUUID } from "node:crypto";
import { createTRPCClient, httpLink } from "@trpc/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { transformer } from "@/contracts/api/transformer";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { AppRouter } from "@/server/trpc/router";

let server: TestServer;
let api: ReturnType<typeof createTRPCClient<AppRouter>>;
let episodeId: string;

beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
  await storeSamples(server.plane);
  const worker = await server.worker();
  api = createTRPCClient<AppRouter>({
    links: [httpLink({ url: `${server.url}/trpc`, headers: server.headers, transformer })],
  });
  const { id } = await api.runs.launch.mutate({ config: getPresetConfig() });
  const run = await worker.leaseAndStart();
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
        records: [
          buildRecord({ step: 1 }),
          buildRecord({ step: 2, right: false }),
          buildRecord({ step: 1, question: 1 }),
        ],
      },
    ],
  });
  episodeId = (await api.episodes.list.query({ runId: id, questionId: "q0", step: 1 })).rows[0]!.id;
});
afterAll(() => server.stop());

it("keeps comments and labels of an episode, with who wrote them", async () => {
  const { inspector } = api;
  await inspector.addComment.mutate({ episodeId, text: " asks twice " });
  await inspector.setLabel.mutate({ episodeId, label: "odd", isSet: true });
  await inspector.setLabel.mutate({ episodeId, label: "odd", isSet: true });
  const notes = await inspector.notes.query({ episodeId });
  expect(notes).toMatchObject({
    comments: [{ text: "asks twice", author: "local user" }],
    labels: ["odd"],
    knownLabels: ["odd"],
  });
  await inspector.removeComment.mutate({ id: notes.comments[0]!.id });
  await inspector.setLabel.mutate({ episodeId, label: "odd", isSet: false });
  expect(await inspector.notes.query({ episodeId })).toEqual({
    comments: [],
    labels: [],
    knownLabels: [],
  });
  await expect(inspector.addComment.mutate({ episodeId: randomUUID(), text: "x" })).rejects.toThrow(
    /no episode/,
  );
});

it("lists the episodes of the same question, this one among them", async () => {
  const { rows, isCut } = await api.inspector.sameQuestion.query({ episodeId });
  expect(isCut).toBe(false);
  expect(rows.map(({ step, score }) => [step, score])).toEqual([
    [1, 1],
    [2, 0],
  ]);
  expect(rows[0]).toMatchObject({ id: episodeId, method: "s3", runKind: "train" });
});

it("lists some episodes of each run where one has hundreds, the episode itself always among them", async () => {
  const { db } = server.plane.database;
  const {
    rows: [itself],
  } = await api.inspector.sameQuestion.query({ episodeId });
  // 400 more of the same run, and a newer run that has 400.
  const { id: newer } = await api.runs.launch.mutate({ config: getPresetConfig() });
  const columns = await db.$queryRaw<{ name: string }[]>`
    SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'episodes' AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'run_id', 'step', 'ordinal', 'key', 'sample_index')`;
  const others = columns.map(({ name }) => `"${name}"`).join(", ");
  for (const runId of [itself!.runId, newer])
    await db.$executeRawUnsafe(
      `INSERT INTO episodes (id, run_id, step, key, sample_index, ${others})
       SELECT gen_random_uuid(), $1::uuid, 100 + n / 4, 'copy ' || n || $1, n % 4, ${others} FROM episodes, generate_series(0, 399) AS n WHERE id = $2::uuid`,
      runId,
      episodeId,
    );
  const { rows, isCut } = await api.inspector.sameQuestion.query({ episodeId });
  expect(isCut).toBe(false);
  const ofNewer = rows.filter(({ runId }) => runId === newer);
  const ofSame = rows.filter(({ runId }) => runId === itself!.runId);
  expect([ofNewer.length, ofSame.length, rows.length]).toEqual([20, 20, 40]);
  expect([ofNewer[0]!.ofRun, ofSame[0]!.ofRun]).toEqual([400, 402]);
  expect(ofSame.map(({ id }) => id)).toContain(episodeId);
  // One sample of each of the last steps.
  expect(ofNewer.map(({ step, sampleIndex }) => [step, sampleIndex])).toEqual(
    Array.from({ length: 20 }, (_, i) => [180 + i, 0]),
  );
  // Also where its run was deleted meanwhile.
  await db.run.update({ where: { id: itself!.runId }, data: { deletedAt: new Date() } });
  const after = await api.inspector.sameQuestion.query({ episodeId });
  expect(after.rows.filter(({ runId }) => runId === itself!.runId)).toMatchObject([
    { id: episodeId, ofRun: 1 },
  ]);
  expect(after.rows).toHaveLength(21);
});
