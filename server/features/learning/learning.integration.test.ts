import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";

describe("whether a run learns", () => {
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  let sequence = 0;
  /** Scores of a held-out evaluation, by question. */
  const evaluate = (step: number, right: boolean[]) =>
    worker.request("report", {
      ...ref,
      sequence: ++sequence,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/held-out",
          documents: buildDocuments(),
          records: right.map((value, question) =>
            buildRecord({ step, question, right: value, phase: "held-out" }),
          ),
        },
      ],
    });
  const read = async () => (await server.plane.learningReader.read([ref.runId]))[ref.runId];

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    await storeSamples(server.plane);
    worker = await server.worker();
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    ref = await worker.leaseAndStart();
  });
  afterAll(() => server.stop());

  it("compares the last complete evaluation with the first, question by question", async () => {
    expect(await read()).toEqual({
      verdict: "too-early",
      difference: null,
      alarms: [],
      missing: "evaluation",
    });
    await evaluate(0, [true, false, false, false]);
    await evaluate(5, [true, true, true, false]);
    // Under way: two of four questions.
    await evaluate(10, [false, false]);
    expect(await read()).toMatchObject({
      verdict: "unknown",
      missing: "few-questions",
      difference: { fromStep: 0, toStep: 5, from: 0.25, to: 0.75, mean: 0.5, questions: 4 },
    });
  });

  it("knows nothing of runs that do not train", async () => {
    const config = getPresetConfig("atlas-rag");
    const id = await server.plane.runs.create(config, { actor: "test", preset: null });
    expect(await server.plane.learningReader.read([id])).toEqual({});
  });
});
