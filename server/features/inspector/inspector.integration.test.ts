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
