import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { readUpstreamGuide } from "@/cli/testing/guide-commands";
import {
  RUNS_MS,
  SMALL,
  startGuideRunner,
  writeCorpusFiles,
  type GuideRunner,
} from "./support/guide-commands";
import { canTrain } from "./support/real-worker";

/** The guide's commands that need no server of a model beside the worker; guide-commands.long.test.ts runs the others. */
describe.skipIf(!canTrain)(
  "commands of the guide for users of upstream's code, on Atlas",
  { timeout: RUNS_MS, tags: "long" },
  () => {
    let guide: GuideRunner;
    let ragRun = "";
    beforeAll(async () => (guide = await startGuideRunner()));
    afterAll(() => guide.stop());

    it("plan an index, and import questions, a corpus and a corpus in parts", async () => {
      expect((await guide.run("index plan 21000000")).out).toMatch(/^(Flat|IVF|OPQ|HNSW)/);
      const benchmark = join(guide.folder, "benchmark.json");
      const question = { question: "Which?", options: { A: "one", B: "two" }, answer: "B" };
      await writeFile(benchmark, JSON.stringify({ medqa: { "1": question } }));
      const questions = { FILE: benchmark, SET: "mirage" };
      expect((await guide.run("questions import FILE --name SET", questions)).out).toMatch(
        /mirage +[0-9a-f]{12} +1 /,
      );
      const { file, parts } = await writeCorpusFiles(guide.folder);
      const whole = { FILE: file, NAME: "animals" };
      const imported = await guide.run("corpus import FILE --name NAME --watch", whole);
      expect(imported, imported.error).toMatchObject({ code: 0 });
      const more = ["--name", "in-parts", "--no-index", "--watch"];
      const joined = await guide.run("corpus import D/part_*", { "D/part_*": parts }, more);
      expect(joined, joined.error).toMatchObject({ code: 0 });
      const readContent = async (name: string): Promise<string | undefined> =>
        /content \S+/.exec((await guide.s3("corpus", "show", name)).out)?.[0];
      expect(await readContent("in-parts")).toMatch(/content [0-9a-f]+/);
      expect(await readContent("in-parts")).toBe(await readContent("animals"));
    });

    it("serve a retriever as /retrieve, by the configuration that it shows", async () => {
      const [, json = ""] = /```json\n([^]*?)```/.exec(readUpstreamGuide())!;
      const port = await findFreePort();
      const config = { ...(JSON.parse(json) as object), corpus: "animals", port };
      const file = join(guide.folder, "retriever.json");
      await writeFile(file, JSON.stringify({ ...config, retriever: { kind: "bm25" } }));
      const { out: id } = await guide.run("launch --config retriever.json", {
        "retriever.json": file,
      });
      const ask = () =>
        fetch(`http://127.0.0.1:${port}/retrieve`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            queries: ["where does the otter live"],
            topk: 1,
            return_scores: true,
          }),
        });
      await waitUntil(
        "the retriever answers",
        () =>
          ask().then(
            ({ ok }) => ok,
            () => false,
          ),
        120_000,
      );
      expect(await (await ask()).json()).toMatchObject({
        result: [[{ document: { contents: '"The otter"\nThe otter lives at river 1.' } }]],
      });
      expect(await guide.s3("cancel", id)).toMatchObject({ code: 0 });
    });

    it("answer by naive RAG, export its files and bring them back", async () => {
      const predicted = await guide.run("predict --method rag", {}, SMALL);
      expect(predicted.out, predicted.error).toContain("2 of 2 questions answered");
      ragRun = /launched (\S+)/.exec(predicted.out)![1]!;
      const out = join(guide.folder, "out");
      expect(
        await guide.run("upstream export RUN --out FOLDER", { RUN: ragRun, FOLDER: out }),
      ).toMatchObject({ code: 0 });
      const cache = JSON.parse(await readFile(join(out, "rag_cache.json"), "utf8")) as Record<
        string,
        object
      >;
      expect(Object.keys(cache["atlas_held-out"]!)).toHaveLength(2);
      const back = await guide.run("upstream import FOLDER", { FOLDER: out }, [
        "--questions",
        "atlas/held-out",
      ]);
      expect(back, back.error).toMatchObject({
        code: 0,
        out: expect.stringMatching(/ 2 +2 /) as string,
      });
    });

    it("search as released, and score by the released scorer with a judge", async () => {
      const out = join(guide.folder, "released");
      const s3 =
        "predict --method s3 --questions s3-processed-data/test_e5_s3 --corpus wiki-18 --set searcher.model=NAME --set search.protocol=upstream --out FOLDER";
      const brief = ["--set", "search.turnTokens=16", "--set", "search.turns=1"];
      const searched = await guide.run(s3, { FOLDER: out }, [...SMALL, ...brief]);
      expect(searched.out, searched.error).toContain("2 of 2 questions answered");
      const sequences = JSON.parse(
        await readFile(join(out, "atlas_held-out_output_sequences.json"), "utf8"),
      ) as Record<string, { response_str: string }>;
      expect(Object.keys(sequences)).toHaveLength(2);
      for (const { response_str } of Object.values(sequences))
        expect(response_str).toContain("<|im_start|>assistant");
      // Without the address of a server the worker's own engine judges.
      const words = ["evaluate", ragRun, "--scorer", "generation-accuracy/upstream"];
      const scored = await guide.s3(...words, "--judge", "smollm2-135m-instruct");
      expect(scored.out, scored.error).toMatch(
        /generation-accuracy\/upstream-1\.1 smollm2-135m-instruct.* +2$/m,
      );
    });

    it("add a mirror", async () => {
      expect(await guide.run("mirror add NAME --kind wandb", { NAME: "mine" })).toMatchObject({
        code: 0,
      });
      expect((await guide.s3("mirror", "list")).out).toMatch(/mine +wandb/);
    });
  },
);
