import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retrieverSchema as retrieverConfig } from "@/contracts/run-config/retriever";
import { ATLAS_DIR, PYTHON, getModelDir } from "@/lib/paths.mjs";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import { Reranker } from "./reranker";

const pairs: [string, string][] = [
  ["capital of France", "Paris\nParis is the capital of France."],
  ["Who wrote it?", "A much shorter text."],
  ["", "a passage without a query"],
  ["long passage", "word after word ".repeat(200)],
  ["a long query indeed ".repeat(60), "short"],
  ["both are long ".repeat(60), "and cut to the same ".repeat(60)],
  ["ünïcödé 東京", "Straße, naïve — “quotes” 😀"],
];

let folder: string;
let torch: number[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "reranker-"));
  torch = make("one", 1);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Exports a cross-encoder with random weights into the folder; answers PyTorch's scores of the pairs. */
function make(name: string, labels: number): number[] {
  const script = fileURLToPath(new URL("./testing/make_cross_encoder.py", import.meta.url));
  const output = execFileSync(
    PYTHON,
    ["-W", "ignore", script, getModelDir("minilm"), join(folder, name), String(labels)],
    { input: JSON.stringify(pairs), stdio: ["pipe", "pipe", "ignore"] },
  );
  return JSON.parse(output.toString()) as number[];
}

async function scorePairs(directory: string): Promise<number[]> {
  const reranker = await Reranker.load("test", { directory, threads: 1 });
  const all: number[] = [];
  for (const [query, passage] of pairs) all.push(...(await reranker.score(query, [passage])));
  await reranker.close();
  return all;
}

describe("a cross-encoder", () => {
  it("gives PyTorch's scores, cut pairs included", async () => {
    const ours = await scorePairs(join(folder, "one"));
    ours.forEach((score, i) => expect(Math.abs(score - (torch[i] ?? NaN))).toBeLessThan(1e-4));
    expect(new Set(torch.map((score) => score.toFixed(3))).size).toBe(pairs.length); // the model tells the pairs apart
  });

  it("of two labels gives the difference of their logits", async () => {
    const expected = make("two", 2);
    (await scorePairs(join(folder, "two"))).forEach((score, i) =>
      expect(Math.abs(score - (expected[i] ?? NaN))).toBeLessThan(1e-4),
    );
  });

  it("scores passages together as it does one by one, in their order", async () => {
    const reranker = await Reranker.load("test", { directory: join(folder, "one"), threads: 2 });
    const passages = Array.from({ length: 50 }, (_, i) => `passage ${i} `.repeat(1 + (i % 9)));
    const together = await reranker.score("which passage", passages);
    for (const i of [0, 17, 31, 49])
      expect((await reranker.score("which passage", [passages[i] ?? ""]))[0]).toBeCloseTo(
        together[i] ?? NaN,
        4,
      );
    await expect(reranker.score("q", passages, AbortSignal.abort())).rejects.toMatchObject({
      code: "cancelled",
    });
    await reranker.close();
  });

  it("applies the sigmoid that its configuration asks for", async () => {
    const path = join(folder, "one", "config.json");
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      JSON.stringify({
        ...(JSON.parse(text) as object),
        sentence_transformers: { activation_fn: "torch.nn.modules.activation.Sigmoid" },
      }),
    );
    const ours = await scorePairs(join(folder, "one"));
    await writeFile(path, text);
    ours.forEach((score, i) =>
      expect(Math.abs(score - 1 / (1 + Math.exp(-(torch[i] ?? NaN))))).toBeLessThan(1e-4),
    );
  });

  it("that is not one is refused", async () => {
    await expect(Reranker.load("minilm")).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("is no reranker") as string,
    });
    await expect(Reranker.load("nothing here")).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("a reranked retriever", () => {
  it("orders the first documents by the cross-encoder, leaves the rest behind them", async () => {
    const dataDir = join(folder, "data");
    const open = (reranker: string | null) =>
      openRetriever(retrieverConfig.parse({ kind: "bm25", reranker, rerankDepth: 6 }), {
        corpusPath: () => join(ATLAS_DIR, "corpus.jsonl"),
        dataDir,
      });
    const plain = await open(null);
    const reranked = await open(join(folder, "one"));
    const query = "What is the capital of France?";
    const [before] = await plain.search([query], 10);
    const [after] = await reranked.search([query], 10);
    const reranker = await Reranker.load("test", { directory: join(folder, "one"), threads: 1 });
    const own = await reranker.score(
      query,
      (before ?? []).slice(0, 6).map(({ title, text }) => `${title}\n${text}`),
    );
    const expected = (before ?? [])
      .slice(0, 6)
      .map(({ id }, i) => ({ id, score: own[i] ?? 0 }))
      .sort((a, b) => b.score - a.score);
    expect(after?.map(({ id }) => id)).toEqual([
      ...expected.map(({ id }) => id),
      ...(before ?? []).slice(6).map(({ id }) => id),
    ]);
    after?.forEach(({ score }, i) =>
      expect(score).toBeLessThanOrEqual(after[i - 1]?.score ?? Infinity),
    );
    expect(reranked.describe().key).not.toBe(plain.describe().key);
    expect(await reranked.getDocuments([after?.[0]?.id ?? ""])).toHaveLength(1);
    await Promise.all([plain.close(), reranked.close(), reranker.close()]);
  });
});
