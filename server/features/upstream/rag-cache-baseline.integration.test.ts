import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRunIds } from "@/contracts/run-config/rl";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
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
    const { issues } = await server.plane.launcher.check(train);
    expect(issues.filter(({ path }) => path === "rl.ragRuns")).toEqual([]);
    await server.plane.runs.create(train, { actor: "test", preset: null });
    const worker = await server.worker({ name: "trainer" });
    await worker.leaseAndStart();
    const read = (runId: string, runs = ragRuns) =>
      worker.request("storedBaselines", { runs, runId, after: null });
    const pages = await Promise.all(ids.map((id) => read(id)));
    expect(
      pages
        .flatMap(({ entries }) => entries)
        .map(({ question, answer, scores }) => [
          question.replace(/\?+$/, ""),
          answer.text,
          scores.find(({ scorer }) => scorer === "generation-accuracy/upstream-file")?.value,
        ]),
    ).toEqual(
      expect.arrayContaining([
        ["Who wrote nq", "Ann", 1],
        ["Who wrote hotpotqa", "Bo", 0],
      ]),
    );
    expect(pages.map(({ next }) => next)).toEqual([null, null]);
    // A text of the worker's own making opens nothing.
    await expect(read(ids[0]!, `${ids[0]} ${ids[1]} `)).rejects.toMatchObject({
      code: "unauthorized",
    });
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
