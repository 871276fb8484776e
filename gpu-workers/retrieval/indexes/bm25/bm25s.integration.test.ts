import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATLAS_DIR, ROOT } from "@/lib/paths.mjs";
import { readCorpus, readQuestions } from "@/gpu-workers/corpora/file/corpus-file";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { analyse } from "./analyser";
import { Bm25Index } from "./bm25-index";
import { parseWords } from "./parse-query";

/** The bench's own Python; `npm run bench retrieval bm25` makes it. */
const python = join(ROOT, "bench", ".work", "venv-bm25", "bin", "python");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bm25s-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!existsSync(python))(
  "BM25 beside bm25s with the same terms (skipped until the bench has installed it)",
  () => {
    it("gives every score of Atlas to 1e-5, and ranks alike wherever the scores differ", async () => {
      const texts: string[] = [];
      for await (const { record } of readCorpus(join(ATLAS_DIR, "corpus.jsonl")))
        texts.push(formatPassage(record));
      const queries = (await readQuestions(join(ATLAS_DIR, "held-out.jsonl")))
        .slice(0, 100)
        .map(({ question }) => question);
      const terms = (text: string): string => analyse(text).join(" ");
      const passages = join(folder, "passages.jsonl");
      await writeFile(passages, texts.map((text) => `${JSON.stringify(terms(text))}\n`).join(""));
      const requests = [
        { op: "build", passages, folder: join(folder, "peer"), analysed: true },
        { op: "open", folder: join(folder, "peer"), analysed: true },
        { op: "search", queries: queries.map(terms), k: 20 },
      ];
      const output = execFileSync(python, [join(ROOT, "bench", "peers", "bm25.py"), "numpy"], {
        input: requests.map((request) => JSON.stringify(request)).join("\n"),
        stdio: ["pipe", "pipe", "ignore"],
        maxBuffer: 2 ** 26,
      }).toString();
      const theirs = JSON.parse(output.trim().split("\n").at(-1) ?? "") as {
        rows: number[][];
        scores: number[][];
      };
      const scan = (from: number): AsyncIterable<string> => Readable.from(texts.slice(from));
      const index = await Bm25Index.ensure(
        { hash: "atlas", size: texts.length, scan },
        { root: folder },
      );
      const ours = await index.search(
        queries.map((query) => parseWords(query)),
        20,
        { k1: 0.9, b: 0.4 },
      );
      await index.close();
      let compared = 0;
      ours.forEach((hits, q) =>
        hits.forEach(({ row, score }, i) => {
          expect(Math.abs(score - (theirs.scores[q]?.[i] ?? NaN))).toBeLessThan(1e-5);
          const place = theirs.rows[q]?.indexOf(row) ?? -1;
          // A document that bm25s leaves out is tied with its last one.
          expect(Math.abs(score - (theirs.scores[q]?.at(place) ?? NaN))).toBeLessThan(1e-5);
          compared += Number(place >= 0);
        }),
      );
      expect(compared).toBeGreaterThan(1000);
    });
  },
);
