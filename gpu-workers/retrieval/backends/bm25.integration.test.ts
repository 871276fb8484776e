import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retrieverSchema as retrieverConfig } from "@/contracts/run-config/retriever";
import { ATLAS_DIR, ROOT } from "@/lib/paths.mjs";
import { CorpusFile, readQuestions } from "@/gpu-workers/corpora/file/corpus-file";
import { openRetriever } from "./open-retriever";
import { RemoteRetriever } from "./remote";
import type { RetrieverProgress } from "@/gpu-workers/retrieval/retriever";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import { Bm25Index, computeBm25Key } from "@/gpu-workers/retrieval/indexes/bm25/bm25-index";
import { buildNewestBm25Index, openBm25Retriever } from "./bm25";
import { parseWords } from "@/gpu-workers/retrieval/indexes/bm25/parse-query";
import { CASES_DIR, SETS_DIR } from "@/lib/testing/shared";

const atlas = join(ATLAS_DIR, "corpus.jsonl");
const settings = { k1: 0.9, b: 0.4, operators: false };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bm25-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const open = (
  config: Record<string, unknown>,
  corpusPath = atlas,
  onProgress?: (progress: RetrieverProgress) => void,
  signal?: AbortSignal,
): Promise<Retriever> =>
  openRetriever(retrieverConfig.parse(config), {
    corpusPath: () => corpusPath,
    dataDir: folder,
    onProgress,
    signal,
  });

const corpus = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      id: `d${i}`,
      title: `Number ${i}`,
      text: `Passage n${i} about topic${i % 7} and more.`,
    }),
  ).join("\n");

describe("the BM25 retriever", () => {
  it("finds on Atlas what is asked for, locally and over HTTP, and gives documents by id", async () => {
    const retriever = await open({ kind: "bm25" });
    const service = await RetrieveService.start(retriever);
    try {
      const questions = (await readQuestions(join(ATLAS_DIR, "held-out.jsonl")))
        .slice(0, 40)
        .map(({ question }) => question);
      const local = await retriever.search(questions, 5);
      const remote = await RemoteRetriever.open(service.url);
      const ids = (results: { id: string }[][]): string[][] =>
        results.map((ranked) => ranked.map(({ id }) => id));
      expect(ids(await remote.search(questions, 5))).toEqual(ids(local));
      await remote.close();
      local.forEach((ranked) =>
        ranked.forEach(({ score }, i) =>
          expect(score).toBeLessThanOrEqual(ranked[i - 1]?.score ?? Infinity),
        ),
      );
      const [first] = (await retriever.search(["What is the capital of France?"], 3))[0] ?? [];
      expect(first?.text).toContain("France");
      const [again] = await retriever.getDocuments([first?.id ?? ""]);
      expect(again).toMatchObject({ id: first?.id, text: first?.text });
      await expect(retriever.getDocuments(["no such id"])).rejects.toMatchObject({
        code: "not-found",
      });
      await expect(retriever.search(["q"], 1, AbortSignal.abort())).rejects.toMatchObject({
        code: "cancelled",
      });
    } finally {
      await service.stop();
      await retriever.close();
    }
  });

  it("takes other constants without building again, under another key", async () => {
    const before = await open({ kind: "bm25" });
    const phases: string[] = [];
    const after = await open({ kind: "bm25", k1: 1.2, b: 0.75 }, atlas, ({ phase }) =>
      phases.push(phase),
    );
    expect(phases).not.toContain("adding");
    expect(after.describe().key).not.toBe(before.describe().key);
    const [a, b] = await Promise.all(
      [before, after].map(
        async (retriever) => (await retriever.search(["capital of France"], 1))[0]?.[0]?.score,
      ),
    );
    expect(a).not.toBe(b);
    await Promise.all([before.close(), after.close()]);
  });

  it("obeys operators, phrases by the text, only where they are on", async () => {
    const path = join(folder, "phrases.jsonl");
    const texts = [
      "new york city",
      "york new city",
      "city in new england, not york",
      "old york",
      "the state of new york",
    ];
    await writeFile(
      path,
      texts.map((text, i) => JSON.stringify({ id: String(i), text })).join("\n"),
    );
    const [on, off] = [
      await open({ kind: "bm25", operators: true }, path),
      await open({ kind: "bm25" }, path),
    ];
    const ids = async (retriever: Retriever, query: string, k = 10): Promise<string[]> =>
      ((await retriever.search([query], k))[0] ?? []).map(({ id }) => id).sort();
    expect(await ids(on, '"new york"')).toEqual(["0", "4"]);
    expect(await ids(on, '"new york" AND NOT city')).toEqual(["4"]);
    expect(await ids(on, 'york AND NOT "new york"')).toEqual(["1", "2", "3"]);
    expect(await ids(on, "NOT new")).toEqual(["3"]);
    expect(await ids(on, 'york NOT "new york"', 1)).toHaveLength(1);
    expect(await ids(off, '"new york"')).toEqual(["0", "1", "2", "3", "4"]);
    expect(on.describe().key).not.toBe(off.describe().key);
    await Promise.all([on.close(), off.close()]);
  });

  it("takes no passages, an empty query, k beyond the corpus", async () => {
    const path = join(folder, "empty.jsonl");
    await writeFile(path, "");
    const empty = await open({ kind: "bm25" }, path);
    expect(await empty.search(["anything", ""], 3)).toEqual([[], []]);
    await empty.close();
    await writeFile(path, corpus(5));
    const five = await open({ kind: "bm25" }, path);
    expect((await five.search(["passage"], 1000))[0]).toHaveLength(5);
    expect(await five.search([], 3)).toEqual([]);
    await five.close();
  });

  it("builds a damaged index again and says so; another corpus's is refused", async () => {
    const path = join(folder, "damaged.jsonl");
    await writeFile(path, corpus(50));
    const retriever = await open({ kind: "bm25" }, path);
    await retriever.close();
    const found = await findIndexFolder(50);
    await truncate(join(found, "postings.bin"), 100);
    await expect(Bm25Index.load(found, "another")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("another corpus") as string,
    });
    const details: string[] = [];
    const again = await open({ kind: "bm25" }, path, ({ detail }) => details.push(detail));
    expect(details.find((detail) => detail.startsWith("building again:"))).toContain(
      "postings.bin has 100 bytes instead of",
    );
    expect((await again.search(["n7"], 1))[0]?.[0]?.id).toBe("d7");
    await again.close();
    // A file of an index of another corpus, of whatever size.
    await cp(join(await findIndexFolder(5), "lengths.bin"), join(found, "lengths.bin"));
    await expect(
      Bm25Index.load(
        found,
        (JSON.parse(await readFile(join(found, "manifest.json"), "utf8")) as { corpusHash: string })
          .corpusHash,
      ),
    ).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("keeps complete blocks when it is cancelled, and goes on after them with the same result", async () => {
    const texts = Array.from({ length: 3000 }, (_, i) => `word${i} common${i % 10}`);
    const root = join(folder, "resumed");
    const from: number[] = [];
    const source = {
      hash: "resumed",
      size: texts.length,
      scan: (start: number): AsyncIterable<string> => {
        from.push(start);
        return Readable.from(texts.slice(start));
      },
    };
    const limits = { postings: 1000, words: 100_000 };
    const stop = new AbortController();
    const cancelled = Bm25Index.ensure(source, {
      root,
      limits,
      signal: stop.signal,
      onProgress: ({ done }) => (done > 1500 ? stop.abort() : undefined),
    });
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
    expect(
      (await readdir(join(root, `${computeBm25Key("resumed")}.building`, "blocks"))).length,
    ).toBeGreaterThan(0);
    const index = await Bm25Index.ensure(source, { root, limits });
    expect(from[0]).toBe(0);
    expect(from[1]).toBeGreaterThanOrEqual(1000);
    expect(await readdir(root)).toEqual([computeBm25Key("resumed")]);
    const whole = await Bm25Index.ensure({ ...source, hash: "whole" }, { root });
    const queries = ["word5", "word2999 common3", "common1 common2"].map((query) =>
      parseWords(query),
    );
    expect(await index.search(queries, 500, settings)).toEqual(
      await whole.search(queries, 500, settings),
    );
    await Promise.all([index.close(), whole.close()]);
  });

  it("goes on from a builder that was killed in the middle", async () => {
    const path = join(folder, "killed.jsonl");
    await writeFile(path, corpus(20_000));
    const indexDir = join(folder, "killed-indexes");
    const script = join(folder, "build.ts");
    await writeFile(
      script,
      `import { openBm25Retriever } from ${JSON.stringify(new URL("./bm25.ts", import.meta.url).href)};\nvoid openBm25Retriever({ ...${JSON.stringify({ corpusPath: path, settings, indexDir })}, onProgress: ({ phase, done }) => console.log(phase, done) });\n`,
    );
    const builder = spawn(process.execPath, ["--import", "tsx", script], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const output of builder.stdout as AsyncIterable<Buffer>) {
      if (/adding [1-9]/.test(output.toString())) break;
    }
    const ended = once(builder, "exit");
    builder.kill("SIGKILL");
    await ended;
    const retriever = await openBm25Retriever({ corpusPath: path, settings, indexDir });
    expect((await retriever.search(["n19999"], 5))[0]?.map(({ id }) => id)).toEqual(["d19999"]);
    expect((await readdir(indexDir)).filter((name) => /building|blocks|lock/.test(name))).toEqual(
      [],
    );
    await retriever.close();
  });
});

describe("the hybrid retriever", () => {
  it("opens both sides over Atlas and ranks by both", async () => {
    const hybrid = await open({ kind: "hybrid", depth: 20 });
    const [dense, bm25] = [await open({ kind: "dense" }), await open({ kind: "bm25" })];
    const [fused, a, b] = await Promise.all(
      [hybrid, dense, bm25].map(
        async (retriever) =>
          (await retriever.search(["Which country has Kabul as its capital?"], 20))[0] ?? [],
      ),
    );
    const score = (id: string): number =>
      [a, b].reduce(
        (sum, ranked) =>
          sum +
          ((ranked ?? []).some((hit) => hit.id === id)
            ? 1 / (61 + (ranked ?? []).findIndex((hit) => hit.id === id))
            : 0),
        0,
      );
    expect(fused).toHaveLength(20);
    fused?.forEach((hit) => expect(hit.score).toBeCloseTo(score(hit.id), 12));
    const weighted = await open({ kind: "hybrid", fusion: "weighted", denseWeight: 1, depth: 20 });
    expect((await weighted.search(["Kabul"], 5))[0]?.map(({ id }) => id)).toEqual(
      (await dense.search(["Kabul"], 5))[0]?.map(({ id }) => id),
    );
    await Promise.all([hybrid, dense, bm25, weighted].map((retriever) => retriever.close()));
  });

  it("says which reranker is missing before it builds anything", async () => {
    await expect(
      open({ kind: "bm25", reranker: "bge-reranker-base" }, join(folder, "absent.jsonl")),
    ).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("BAAI/bge-reranker-base") as string,
    });
  });
});

describe("an index of an older analysis", () => {
  it("goes on serving with its own words and key, until the newest is built", async () => {
    const path = join(folder, "older.jsonl");
    const texts = ["pizza 🍕 party", "rocket 🚀 launch"];
    await writeFile(
      path,
      texts.map((text, i) => JSON.stringify({ id: String(i), text })).join("\n"),
    );
    const indexDir = join(folder, "older-indexes");
    const file = await CorpusFile.open(path);
    const { hash, size } = file;
    await file.close();
    const scan = (from: number): AsyncIterable<string> => Readable.from(texts.slice(from));
    const old = { root: indexDir, analysis: "english-1" } as const;
    await (await Bm25Index.ensure({ hash, size, scan }, old)).close();
    const details: string[] = [];
    const options = { corpusPath: path, settings, indexDir };
    const before = await openBm25Retriever({
      ...options,
      onProgress: ({ detail }) => details.push(detail),
    });
    expect(details.at(-1)).toContain("an index run makes english-2");
    expect(before.describe().title).toContain("english-1");
    expect(await before.search(["🍕", "pizza"], 5)).toMatchObject([[], [{ id: "0" }]]);
    await buildNewestBm25Index(options);
    expect((await readdir(indexDir)).sort()).toEqual(
      [computeBm25Key(hash, "english-1"), computeBm25Key(hash)].sort(),
    );
    const after = await openBm25Retriever(options);
    expect(after.describe().key).not.toBe(before.describe().key);
    expect(await after.search(["🍕", "🚀 party"], 1)).toMatchObject([[{ id: "0" }], [{}]]);
    await Promise.all([before.close(), after.close()]);
  });
});

const scripts = join(CASES_DIR, "75-bm25-scripts");

it.skipIf(!existsSync(scripts))(
  "finds emoji and every script (case 75; skipped where ../shared/cases is not there)",
  async () => {
    const retriever = await open({ kind: "bm25" }, join(scripts, "corpus.jsonl"));
    const questions = (await readFile(join(scripts, "q.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { question: string; goldIds: string[] });
    const found = await retriever.search(
      questions.map(({ question }) => question),
      1,
    );
    expect(found.map((ranked) => [ranked[0]?.id])).toEqual(questions.map(({ goldIds }) => goldIds));
    await retriever.close();
  },
);

/** Recall of ours, in percent; the peer's figures beside it come from `npm run bench retrieval bm25` (docs/method.md). */
describe.skipIf(!existsSync(SETS_DIR))(
  "BM25 on the real sets (skipped where ../shared/data is not there)",
  () => {
    it.each(["2wiki", "hotpotqa", "pubmedqa"])("finds the evidence of %s", async (name) => {
      const retriever = await open({ kind: "bm25" }, join(SETS_DIR, name, "passages.jsonl"));
      const questions = (await readFile(join(SETS_DIR, name, "questions.jsonl"), "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { question: string; support: string[] })
        .filter(({ support }) => support.length > 0);
      const results = await retriever.search(
        questions.map(({ question }) => question),
        10,
      );
      const recall = results.reduce((sum, ranked, i) => {
        const gold = questions[i]?.support ?? [];
        return sum + gold.filter((id) => ranked.some((hit) => hit.id === id)).length / gold.length;
      }, 0);
      expect(recall / questions.length).toBeGreaterThan(0.5);
      await retriever.close();
    });
  },
);

/** Folder of the BM25 index that holds so many documents. */
async function findIndexFolder(documents: number): Promise<string> {
  for (const name of await readdir(join(folder, "indexes"))) {
    const text = await readFile(join(folder, "indexes", name, "manifest.json"), "utf8").catch(
      () => "{}",
    );
    if ((JSON.parse(text) as { documents?: number }).documents === documents)
      return join(folder, "indexes", name);
  }
  throw new Error(`no index of ${documents} documents`);
}
