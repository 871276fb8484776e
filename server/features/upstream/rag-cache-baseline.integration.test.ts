import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRunIds } from "@/contracts/run-config/rl";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { KnownBaselines } from "@/server/features/runs/known-baselines";
import { file, importFiles } from "./testing/upstream-files";

/** An imported rag_cache.json as naive RAG of a training run: what the launch checks, and what a worker is given. */
describe("a rag_cache.json of several data sources", () => {
  let server: TestServer;
  let ragRuns: string;
  beforeAll(async () => {
    server = await startTestServer();
    await storeSamples(server.plane);
    // Their questions first: a cache holds no gold answers.
    await importFiles(
      server,
      ["nq", "hotpotqa"].map((source) =>
        file(`${source}_output_sequences.json`, {
          [`Who wrote ${source}?`]: { golden_answers: ["Ann"], context_with_info: "" },
        }),
      ),
    );
    const { runs } = await importFiles(server, [
      file("rag_cache.json", {
        nq: { "Who wrote nq?": { answer: "Ann", score: 1, em_score: 1 } },
        hotpotqa: { "Who wrote hotpotqa?": { answer: "Bo", score: 0, em_score: 0 } },
      }),
    ]);
    ragRuns = runs.map(({ id }) => id).join(" ");
  });
  afterAll(() => server.stop());

  it("is given to the worker of a training run that names its runs, and to no other", async () => {
    const config = getPresetConfig("atlas-smollm2-grpo");
    if (config.kind !== "train") throw new Error("no training run");
    const ids = parseRunIds(ragRuns);
    expect(ids).toHaveLength(2);
    const train = { ...config, rl: { ...config.rl, ragRuns } };
    const { issues, baselines } = await server.plane.launcher.check(train);
    expect(issues.filter(({ path }) => path === "rl.ragRuns")).toEqual([]);
    expect(baselines).toMatchObject({ known: 0 });
    // A question mark more, other letters and white space are no other question.
    const set = "of-the-cache";
    await server.plane.questionSets.store(
      set,
      ["who wrote  NQ", "Who wrote hotpotqa?", "Who wrote neither?"].map((question, i) => ({
        ...{ id: `q${i}`, question, answers: ["Ann"], goldIds: [], goldQueries: [] },
        ...{ type: null, group: null },
      })),
      "test",
    );
    const asked = { ...train, data: { ...train.data, trainQuestions: set } };
    expect(await server.plane.launcher.check(asked)).toMatchObject({
      baselines: { known: 2, questions: 3 },
    });
    // The runs have ended: their questions are not read again with every change of the form.
    const { db } = server.plane.database;
    let statements = 0;
    const counter = new KnownBaselines({
      $queryRaw: (query) => ((statements += 1), db.$queryRaw(query)),
      $executeRaw: (query) => db.$executeRaw(query),
    });
    const again = [await counter.count(asked), await counter.count(asked)];
    expect(again).toEqual([1, 2].map(() => ({ known: 2, questions: 3 })));
    expect(statements).toBe(4);
    expect(await server.plane.launcher.check(config)).toMatchObject({ baselines: null });
    await server.plane.runs.create(train, { actor: "test", preset: null });
    const worker = await server.worker({ name: "trainer" });
    await worker.leaseAndStart();
    const read = (runId: string, runs = ragRuns) =>
      worker.request("storedBaselines", { runs, runId, after: null });
    const pages = await Promise.all(ids.map((id) => read(id)));
    expect(
      pages
        .flatMap(({ entries }) => entries)
        .map(({ question, golds, imported, answer, scores }) => [
          question.replace(/\?+$/, ""),
          golds,
          imported,
          answer.text,
          scores.find(({ scorer }) => scorer === "generation-accuracy/upstream-file")?.value,
        ]),
    ).toEqual(
      expect.arrayContaining([
        ["Who wrote nq", ["Ann"], true, "Ann", 1],
        ["Who wrote hotpotqa", ["Ann"], true, "Bo", 0],
      ]),
    );
    expect(pages.map(({ next }) => next)).toEqual([null, null]);
    // A text of the worker's own making opens nothing.
    await expect(read(ids[0]!, `${ids[0]} ${ids[1]} `)).rejects.toMatchObject({
      code: "unauthorized",
    });
  });

  it("is refused of a run here that is naive RAG of another kind, with what differs", async () => {
    const config = getPresetConfig("atlas-smollm2-grpo");
    if (config.kind !== "train") throw new Error("no training run");
    const { data, retriever, generator } = config;
    const same = predictConfigSchema.parse({
      kind: "predict",
      name: "naive RAG",
      method: "rag",
      corpus: data.corpus,
      questions: data.trainQuestions,
      retriever,
      generator,
      documents: generator.ragDocuments,
    });
    const create = (run: PredictConfig) =>
      server.plane.runs.create(run, { actor: "test", preset: null });
    const check = async (runId: string) => {
      const train = { ...config, rl: { ...config.rl, ragRuns: runId } };
      const { issues } = await server.plane.launcher.check(train);
      return issues.filter(({ path }) => path === "rl.ragRuns").map(({ message }) => message);
    };
    const fitting = await create(same);
    expect(await check(fitting)).toEqual([]);
    const other = await create({ ...same, documents: generator.ragDocuments + 2 });
    expect(await check(other)).toEqual([
      expect.stringMatching(
        new RegExp(`^run ${other} .*handed over ${generator.ragDocuments + 2} documents, here`),
      ),
    ]);
    await server.plane.database.db.run.update({
      where: { id: fitting },
      data: { corpusVersion: "0123456789abcdef" },
    });
    expect(await check(fitting)).toEqual([
      expect.stringContaining(`it searched version 01234567 of corpus "${data.corpus}"`),
    ]);
  });

  it("is refused where a named run is none of naive RAG, or is not there", async () => {
    const config = getPresetConfig("atlas-smollm2-grpo");
    if (config.kind !== "train") throw new Error("no training run");
    const { runs } = await importFiles(server, [
      file("results/s3.json", { nq: { "Who wrote nq?": { answer: "Ann", score: 1 } } }),
    ]);
    const absent = "00000000-0000-4000-8000-000000000000";
    const check = (text: string) =>
      server.plane.launcher.check({ ...config, rl: { ...config.rl, ragRuns: text } });
    const { issues } = await check(`${runs[0]!.id}, ${absent}`);
    expect(
      issues.filter(({ path }) => path === "rl.ragRuns").map(({ message }) => message),
    ).toEqual([expect.stringContaining("is no naive RAG"), `there is no run ${absent}`]);
    expect((await check("rag_cache.json")).issues).toEqual([
      { path: "rl.ragRuns", message: expect.stringContaining("give the ids of runs") as string },
    ]);
  });
});
