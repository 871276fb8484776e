import { afterAll, beforeAll, expect, it } from "vitest";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000 } });
  await storeSamples(server.plane);
});
afterAll(() => server.stop());

it("reads how every question of a training run fares, page by page", async () => {
  const worker = await server.worker();
  await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
  const ref = await worker.leaseAndStart();
  /** By step, then by question: whether it is right. */
  const evaluations = ["0110", "0110", "0011", "0011"];
  for (const [step, right] of evaluations.entries())
    await worker.request("report", {
      ...ref,
      sequence: step + 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/held-out",
          documents: buildDocuments(),
          records: [...right].map((mark, question) =>
            buildRecord({ step: step * 5, question, right: mark === "1", phase: "held-out" }),
          ),
        },
      ],
    });
  const request = { runId: ref.runId, phase: "held-out" as const };
  const all = await server.plane.passRates.list({ ...request, limit: 3 });
  expect(all.counts).toEqual({ forgotten: 1, dead: 1, learning: 0, mastered: 2, "seen-once": 0 });
  expect(all.rows.map(({ questionId, state }) => `${questionId} ${state}`)).toEqual([
    "q1 forgotten",
    "q0 dead",
    "q2 mastered",
  ]);
  expect(all.rows[0]).toMatchObject({
    steps: [0, 5, 10, 15],
    passed: [1, 1, 0, 0],
    samples: [1, 1, 1, 1],
  });
  expect(all.rows[0]?.question).not.toBe("q1");
  const rest = await server.plane.passRates.list({ ...request, limit: 3, cursor: all.nextCursor });
  expect(rest.rows.map(({ questionId }) => questionId)).toEqual(["q3"]);
  expect(rest.nextCursor).toBeNull();
  const mastered = await server.plane.passRates.list({ ...request, state: "mastered", limit: 50 });
  expect(mastered.rows).toHaveLength(2);
  expect(
    (await server.plane.passRates.list({ runId: ref.runId, phase: "train", limit: 9 })).rows,
  ).toEqual([]);
});
