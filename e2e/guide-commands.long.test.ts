import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { SHORT, startGuideRunner, type GuideRunner } from "./support/guide-commands";
import { canTrain } from "./support/real-worker";

/** The guide's commands for the baselines, on Atlas, with a model that the worker serves where one asks for an address. */
describe.skipIf(!canTrain)("the guide's commands for baselines, on Atlas", () => {
  let guide: GuideRunner;
  let url = "";
  beforeAll(async () => {
    guide = await startGuideRunner();
    const port = await findFreePort();
    const file = join(guide.folder, "model.json");
    const config = { kind: "serve", what: "model", name: "served", model: "smollm2-135m-instruct" };
    await writeFile(file, JSON.stringify({ ...config, port }));
    await guide.s3("launch", "--config", file);
    url = `http://127.0.0.1:${port}/v1`;
    const isUp = () =>
      fetch(`${url}/models`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitUntil("the model is served", isUp, 240_000);
  });
  afterAll(() => guide.stop());

  it.each([
    "predict --method search-r1",
    "predict --method r1",
    "predict --method ircot",
    "predict --method search-o1",
    "predict --method direct",
    "predict --method cot",
  ])("%s", async (command) => {
    const model = [
      "--set",
      "searcher.model=smollm2-135m-instruct",
      "--set",
      `searcher.endpoint=${url}`,
    ];
    const { out, error } = await guide.run(command, {}, [...model, ...SHORT]);
    expect(out, error).toContain("2 of 2 questions answered");
  });

  it("DeepRetrieval over BM25 with operators, and the released judge at an address", async () => {
    const command =
      "predict --method deepretrieval --set searcher.model=DeepRetrieval/DeepRetrieval-NQ-BM25-3B --set searcher.endpoint=URL --set retriever.kind=bm25 --set retriever.operators=true";
    const { out, error } = await guide.run(command, { URL: url }, SHORT);
    expect(out, error).toContain("2 of 2 questions answered");
    const scored = await guide.run(
      "evaluate RUN --scorer generation-accuracy/upstream --judge MODEL --judge-endpoint URL",
      { RUN: /launched (\S+)/.exec(out)![1]!, URL: url },
    );
    expect(scored.out, scored.error).toMatch(/generation-accuracy\/upstream-1\.1 \S+.* +2$/m);
  });
});
