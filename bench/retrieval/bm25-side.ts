import { createInterface } from "node:readline";
import { readLines } from "@/gpu-workers/corpora/file/lines";
import { Bm25Index } from "@/gpu-workers/retrieval/indexes/bm25/bm25-index";
import { parseWords } from "@/gpu-workers/retrieval/indexes/bm25/parse-query";

/**
 * Our side of the BM25 bench in a process of its own, so that its memory can be measured. Speaks as bench/peers/bm25.py
 * does: one JSON object a line.
 */
type Request =
  | { op: "build"; passages: string; count: number; folder: string }
  | { op: "open"; folder: string }
  | { op: "search"; queries: string[]; k: number }
  | { op: "query"; text: string; k: number };

const CONSTANTS = { k1: 0.9, b: 0.4 };
const opened: { index?: Bm25Index } = {};

const readCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function ensure(folder: string, passages: string | null, count: number): Promise<Bm25Index> {
  const scan = async function* (from: number): AsyncGenerator<string> {
    if (passages === null) throw new Error("the index is not there");
    for await (const { text, number } of readLines(passages))
      if (number > from) yield JSON.parse(text) as string;
  };
  return Bm25Index.ensure({ hash: "bench", size: count, scan }, { root: folder });
}

async function answer(request: Request): Promise<unknown> {
  const began = performance.now();
  const cpu = readCpuMs();
  switch (request.op) {
    case "build":
      await (await ensure(request.folder, request.passages, request.count)).close();
      return {
        seconds: (performance.now() - began) / 1000,
        cpuSeconds: (readCpuMs() - cpu) / 1000,
        peakBytes: process.resourceUsage().maxRSS * 1024,
      };
    case "open": {
      const before = process.memoryUsage.rss();
      const index = (opened.index = await ensure(request.folder, null, 0));
      return { bytes: index.bytes, residentBytes: process.memoryUsage.rss() - before };
    }
    case "search": {
      const found =
        (await opened.index?.search(
          request.queries.map((query) => parseWords(query)),
          request.k,
          CONSTANTS,
        )) ?? [];
      return {
        rows: found.map((hits) => hits.map(({ row }) => row)),
        scores: found.map((hits) => hits.map(({ score }) => score)),
      };
    }
    case "query":
      await opened.index?.search([parseWords(request.text)], request.k, CONSTANTS);
      return { ms: performance.now() - began, cpuMs: readCpuMs() - cpu };
  }
}

console.log(JSON.stringify({ versions: { node: process.version }, backend: "ours" }));
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
await opened.index?.close();
