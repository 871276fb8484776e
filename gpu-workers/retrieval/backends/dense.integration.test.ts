import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { readQuestions } from "@/gpu-workers/corpora/file/corpus-file";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { BUILD_SLICE } from "@/gpu-workers/retrieval/indexes/faiss/build-index";
import { RemoteRetriever } from "./remote";
import { openDenseRetriever } from "./dense";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import type { RetrieverProgress } from "@/gpu-workers/retrieval/retriever";
import { type Retriever } from "@/gpu-workers/retrieval/retriever";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";

const corpusPath = join(ATLAS_DIR, "corpus.jsonl");
let folder: string;
let int8: Retriever;
let fp32: Retriever;

const open = (
  variant: string,
  path = corpusPath,
  onProgress?: (progress: RetrieverProgress) => void,
): Promise<Retriever> =>
  openDenseRetriever(
    { corpusPath: path, encoder: "minilm", variant, indexDir: join(folder, "indexes") },
    onProgress,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "retriever-"));
  int8 = await open("int8");
  fp32 = await open("fp32");
});
afterAll(async () => {
  await Promise.all([int8.close(), fp32.close()]);
  await rm(folder, { recursive: true, force: true });
});

describe("the dense retriever over Atlas", () => {
  it("ranks as the dot products of the vectors do", async () => {
    const lines = (await readFile(corpusPath, "utf8")).trim().split("\n");
    const records = lines.map(
      (line) => JSON.parse(line) as { id: string; title: string; text: string },
    );
    const encoder = await Encoder.load("minilm", "fp32");
    const passages = await encoder.encode(records.map(formatPassage), "passage");
    const queries = (await readQuestions(join(ATLAS_DIR, "held-out.jsonl")))
      .slice(0, 40)
      .map((question) => question.question);
    const vectors = await encoder.encode(queries, "query");
    await encoder.close();
    const results = await fp32.search(queries, 10);
    results.forEach((ranked, q) => {
      const scores = records.map(({ id }, row) => {
        let score = 0;
        for (let d = 0; d < 384; d++)
          score += (passages[row * 384 + d] ?? 0) * (vectors[q * 384 + d] ?? 0);
        return { id, score };
      });
      scores.sort((a, b) => b.score - a.score);
      ranked.forEach(({ id, score, title, text }, i) => {
        // Scores agree to rounding; so does the order wherever it is not a matter of rounding.
        expect(Math.abs(score - (scores[i]?.score ?? 0))).toBeLessThan(1e-5);
        const own = scores.find((s) => s.id === id);
        expect(Math.abs(score - (own?.score ?? 0))).toBeLessThan(1e-5);
        expect({ id, title, text }).toEqual(records.find((record) => record.id === id));
      });
    });
  });

  // Atlas is the hardest case: cards of one form whose scores lie close together. The bar of 95% of the top 10 is the
  // retrieval bench's, on texts of their own; here the gold documents decide, and the top 10 is watched.
  it(
    "finds with int8 weights the gold documents that it finds with fp32, within a point, and nine tenths of the top 10",
    { tags: "long" },
    async () => {
      const questions = await readQuestions(join(ATLAS_DIR, "held-out.jsonl"));
      const queries = questions.map((question) => question.question);
      const [a, b] = await Promise.all([int8.search(queries, 10), fp32.search(queries, 10)]);
      const collectIds = (ranked: typeof a) =>
        ranked.map((hits) => new Set(hits.map((hit) => hit.id)));
      const [found, wanted] = [collectIds(a), collectIds(b)];
      const fullSupport = (ids: Set<string>[]): number =>
        ids.filter((own, q) => questions[q]!.goldIds.every((id) => own.has(id))).length /
        questions.length;
      const common = found.reduce(
        (sum, own, q) => sum + [...own].filter((id) => wanted[q]!.has(id)).length,
        0,
      );
      expect(fullSupport(found)).toBeGreaterThanOrEqual(fullSupport(wanted) - 0.01);
      expect(common / (queries.length * 10)).toBeGreaterThanOrEqual(0.9);
    },
  );

  it("gives descending scores and each document once, for any query and k", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", maxLength: 60 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (queries, k) => {
          const results = await int8.search(queries, k);
          expect(results).toHaveLength(queries.length);
          for (const ranked of results) {
            expect(ranked).toHaveLength(k);
            expect(new Set(ranked.map((hit) => hit.id)).size).toBe(k);
            ranked.forEach((hit, i) =>
              expect(hit.score).toBeLessThanOrEqual(ranked[i - 1]?.score ?? Infinity),
            );
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("takes an empty query, one of 100,000 characters, and k beyond the corpus", async () => {
    const [empty, long] = await int8.search(["", "Kabul ".repeat(16_667)], 5000);
    const size = int8.describe().documents ?? 0;
    expect(size).toBeGreaterThan(1000);
    expect(empty).toHaveLength(size);
    expect(new Set(long?.map((hit) => hit.id)).size).toBe(size);
    expect(await int8.search([], 3)).toEqual([]);
  });

  it("gives documents by id", async () => {
    const [hit] = (await int8.search(["capital of France"], 1))[0] ?? [];
    expect(hit?.text).toContain("France");
    const { score: _, ...document } = hit ?? { score: 0, id: "" };
    expect(await int8.getDocuments([document.id, document.id])).toEqual([document, document]);
    await expect(int8.getDocuments(["no such id"])).rejects.toMatchObject({ code: "not-found" });
  });

  it("stops when cancelled", async () => {
    await expect(int8.search(["q"], 1, AbortSignal.abort())).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it("is the same over HTTP, one by one or all together", async () => {
    const queries = (await readQuestions(join(ATLAS_DIR, "held-out.jsonl")))
      .slice(0, 30)
      .map((question) => question.question);
    const service = await RetrieveService.start(int8);
    try {
      const remote = await RemoteRetriever.open(service.url);
      const ids = (results: { id: string }[][]): string[][] =>
        results.map((ranked) => ranked.map((hit) => hit.id));
      const local = ids(await int8.search(queries, 5));
      expect(ids(await remote.search(queries, 5))).toEqual(local);
      const oneByOne = await Promise.all(queries.map((query) => remote.search([query], 5)));
      expect(ids(oneByOne.map(([ranked]) => ranked ?? []))).toEqual(local);
    } finally {
      await service.stop();
    }
  });
});

describe("opening a retriever", () => {
  const small = (count: number): string =>
    Array.from({ length: count }, (_, i) =>
      JSON.stringify({ id: String(i), contents: `"Number ${i}"\nThis is passage number ${i}.` }),
    ).join("\n");

  it("builds an index once for a content, with progress, also for two at once", async () => {
    const path = join(folder, "small.jsonl");
    await writeFile(path, small(1000));
    const phases: string[][] = [[], []];
    const both = await Promise.all(
      phases.map((seen) => open("int8", path, ({ phase }) => seen.push(phase))),
    );
    expect(phases.filter((seen) => seen.includes("encoding"))).toHaveLength(1);
    expect(phases.filter((seen) => seen.includes("waiting"))).toHaveLength(1);
    expect(both[0]?.describe()).toEqual(both[1]?.describe());
    await Promise.all(both.map((retriever) => retriever.close()));
    const copy = join(folder, "copy.jsonl");
    await cp(path, copy);
    const again: string[] = [];
    const retriever = await open("int8", copy, ({ phase }) => again.push(phase));
    expect(again).not.toContain("encoding");
    await retriever.close();
  });

  it("makes another index when the corpus changes", async () => {
    const path = join(folder, "changing.jsonl");
    await writeFile(path, small(3));
    const before = await open("int8", path);
    await before.close();
    await writeFile(path, small(4));
    const after = await open("int8", path);
    expect(after.describe().key).not.toBe(before.describe().key);
    expect((await after.search(["number 3"], 10))[0]).toHaveLength(4);
    await after.close();
  });

  it("takes a corpus without passages", async () => {
    const path = join(folder, "empty.jsonl");
    await writeFile(path, "");
    const retriever = await open("int8", path);
    expect(await retriever.search(["anything"], 3)).toEqual([[]]);
    await retriever.close();
  });

  it("takes passages longer than the encoder reads: they are found by what it reads of them", async () => {
    const path = join(folder, "long.jsonl");
    const filler = "and then it went on and on ".repeat(2000);
    await writeFile(
      path,
      ["volcanoes of Iceland", "violins of Cremona", "tulips of Holland"]
        .map((topic, i) =>
          JSON.stringify({
            id: String(i),
            title: topic,
            text: `All about the ${topic}. ${filler}`,
          }),
        )
        .join("\n"),
    );
    const retriever = await open("int8", path);
    const found = await retriever.search(["violins of Cremona", "tulips"], 1);
    expect(found.map(([hit]) => hit?.id)).toEqual(["1", "2"]);
    expect(found[0]?.[0]?.text).toContain(filler.trim()); // what is handed over is whole
    await retriever.close();
  });

  it("builds a damaged index again and says so", async () => {
    const path = join(folder, "damaged.jsonl");
    await writeFile(path, small(5));
    const retriever = await open("int8", path);
    const { key } = retriever.describe();
    await retriever.close();
    await truncate(join(folder, "indexes", key, "vectors.faiss"), 10);
    const details: string[] = [];
    const again = await open("int8", path, ({ detail }) => details.push(detail));
    expect(details.find((detail) => detail.startsWith("building again:"))).toContain(
      "10 bytes instead of",
    );
    expect((await again.search(["number 2"], 1))[0]?.[0]?.title).toBe("Number 2");
    await again.close();
  });

  it(
    "goes on from a builder that was cancelled or killed, and ends with the same index",
    { tags: "long" },
    async () => {
      const path = join(folder, "killed.jsonl");
      await writeFile(path, small(2 * BUILD_SLICE + 100));
      const [undisturbed, disturbed] = [
        join(folder, "undisturbed-indexes"),
        join(folder, "disturbed-indexes"),
      ];
      const options = { corpusPath: path, encoder: "minilm", variant: "int8", indexDir: disturbed };

      const stop = new AbortController();
      const opening = openDenseRetriever({ ...options, signal: stop.signal }, ({ phase, done }) => {
        if (phase === "encoding" && done > BUILD_SLICE / 2) stop.abort();
      });
      await expect(opening).rejects.toMatchObject({ code: "cancelled" });

      const script = join(folder, "build.ts");
      await writeFile(
        script,
        `import { openDenseRetriever } from ${JSON.stringify(new URL("./dense.ts", import.meta.url).href)};\nvoid openDenseRetriever(${JSON.stringify(options)}, ({ phase, done }) => console.log(phase, done > ${BUILD_SLICE}));\n`,
      );
      const builder = spawn(process.execPath, ["--import", "tsx", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      for await (const output of builder.stdout as AsyncIterable<Buffer>) {
        if (output.toString().includes("encoding true")) break;
      }
      const ended = once(builder, "exit");
      builder.kill("SIGKILL");
      await ended;
      expect((await readdir(disturbed)).some((name) => name.endsWith(".building"))).toBe(true);

      const encoded: number[] = [];
      const resumed = await openDenseRetriever(
        options,
        ({ phase, done }) => phase === "encoding" && encoded.push(done),
      );
      expect(Math.min(...encoded)).toBeGreaterThan(BUILD_SLICE); // the first slice was on the disk
      const { key } = resumed.describe();
      expect(await readdir(disturbed)).toEqual([key]);
      expect((await resumed.search(["passage number 7"], 300))[0]).toHaveLength(300);
      await resumed.close();
      await (await openDenseRetriever({ ...options, indexDir: undisturbed })).close();
      const [a, b] = await Promise.all(
        [disturbed, undisturbed].map((root) => readFile(join(root, key, "vectors.faiss"))),
      );
      expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    },
  );

  it(
    "builds any kind from the vectors of the flat index, told how to search",
    { tags: "long" },
    async () => {
      const path = join(folder, "kinds.jsonl");
      await writeFile(path, small(700));
      const indexDir = join(folder, "kinds-indexes");
      const openKind = (
        index: string,
        nprobe = 4,
        onProgress?: (progress: RetrieverProgress) => void,
      ): Promise<Retriever> =>
        openDenseRetriever(
          { corpusPath: path, encoder: "minilm", variant: "int8", indexDir, index, nprobe },
          onProgress,
        );
      const flat = await openKind("Flat");
      const [exact = []] = await flat.search(["This is passage number 7"], 20);
      const found: Record<string, number> = {};
      for (const kind of ["IVF8,Flat", "HNSW16", "PQ48x4", "IVF8,SQ8"]) {
        const phases: string[] = [];
        const retriever = await openKind(kind, 4, ({ phase }) => phases.push(phase));
        expect(phases).not.toContain("encoding");
        const [ranked = []] = await retriever.search(["This is passage number 7"], 20);
        found[kind] = ranked.filter((hit) => exact.some(({ id }) => id === hit.id)).length;
        ranked.forEach((hit, i) =>
          expect(hit.score).toBeLessThanOrEqual(ranked[i - 1]?.score ?? Infinity),
        );
        await retriever.close();
      }
      for (const [kind, hits] of Object.entries(found))
        expect(hits, kind).toBeGreaterThanOrEqual(kind.includes("PQ") ? 3 : 10);
      const [narrow, wide] = [await openKind("IVF8,Flat", 1), await openKind("IVF8,Flat", 8)];
      expect(narrow.describe().key).not.toBe(wide.describe().key);
      expect(await wide.search(["number 7"], 20)).toEqual(await flat.search(["number 7"], 20));
      expect((await narrow.search(["number 7"], 700))[0]?.length).toBeLessThan(700);
      await Promise.all([narrow.close(), wide.close(), flat.close()]);
    },
  );

  it("refuses a kind that FAISS does not know, or that has too little to learn from, before it encodes", async () => {
    const path = join(folder, "few.jsonl");
    await writeFile(path, small(20));
    const phases: string[] = [];
    const openKind = (index: string): Promise<Retriever> =>
      openDenseRetriever(
        {
          corpusPath: path,
          encoder: "minilm",
          variant: "int8",
          indexDir: join(folder, "few-indexes"),
          index,
        },
        ({ phase }) => phases.push(phase),
      );
    await expect(openKind("Nonsense")).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining('FAISS knows no index "Nonsense"') as string,
    });
    await expect(openKind("IVF64,Flat")).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(
        "learns from at least 64 passages, the corpus has 20",
      ) as string,
    });
    expect(phases).not.toContain("encoding");
  });

  it("says which line of the corpus is wrong", async () => {
    const path = join(folder, "bad.jsonl");
    await writeFile(path, `${small(16)}\n{not json`);
    await expect(open("int8", path)).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("line 17 is not JSON") as string,
    });
  });
});
