import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { ROOT } from "@/lib/paths.mjs";
import { analyse } from "@/gpu-workers/retrieval/indexes/bm25/analyser";
import { computePercentile } from "@/gpu-workers/runtime/latency";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { buildBar, type Bar, printTable } from "@/bench/report/report";
import { ensurePeerPython } from "@/bench/peers/venv";
import { type QuestionSet, loadQuestionSets } from "./data";
import { type Section, type SectionOptions, type SectionResult, getWorkFolder } from "./section";

/**
 * Our BM25 against bm25s (Lucene's formula): the same terms give the same scores, each with its own English analysis
 * finds the evidence of the real sets, and time and memory at growing sizes; of tantivy only the time. Each indexes in
 * one process and searches in another, and all take turns on each query.
 */
const SIZES = [10_000, 100_000];
const LONG_SIZES = [1_000_000];
const LATENCY_QUERIES = 300;
const WARM_UP = 20;
const K = 10;
const DEPTHS = [1, 3, 10];
const GIB = 1024 ** 3;

const BACKENDS = ["numpy", "numba", "tantivy"] as const;

export const bm25Section: Section = {
  name: "bm25",
  about: "BM25 against bm25s and tantivy: agreement, recall, build, memory and search",
  run,
};

async function run({ long }: SectionOptions): Promise<SectionResult> {
  const { source, sets } = await loadQuestionSets();
  const python = await ensurePeerPython("bm25");
  const folder = getWorkFolder("bm25");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const bars: Bar[] = [];
  const recall = [];
  for (const set of sets) recall.push(await compareRankings(set, python, folder, bars));
  printTable([
    [
      "recall in %",
      ...DEPTHS.flatMap((k) => [`ours @${k}`, `bm25s, our terms @${k}`, `bm25s, its own @${k}`]),
    ],
    ...recall.map(({ set, at }) => [
      set,
      ...at.flatMap(({ ours, sameTerms, ownTerms }) =>
        [ours, sameTerms, ownTerms].map((share) => (share * 100).toFixed(2)),
      ),
    ]),
  ]);
  const speed = [];
  for (const size of long ? [...SIZES, ...LONG_SIZES] : SIZES) {
    const { sides, ...about } = await compareSpeed(size, sets, python, folder, bars);
    speed.push({ ...about, sides });
    printTable([
      [
        `${size} passages`,
        "build s",
        "build CPU s",
        "build peak MB",
        "index bytes/passage",
        "resident bytes/passage",
        "query p50 ms",
        "p99 ms",
        "CPU ms",
      ],
      ...sides.map(({ name, build, memory, p50, p99, cpuMs }) => [
        name,
        build.seconds.toFixed(1),
        build.cpuSeconds.toFixed(1),
        (build.peakBytes / 1e6).toFixed(0),
        (memory.bytes / size).toFixed(0),
        (memory.residentBytes / size).toFixed(0),
        p50.toFixed(3),
        p99.toFixed(3),
        cpuMs.toFixed(3),
      ]),
    ]);
  }
  await rm(folder, { recursive: true, force: true });
  return { figures: { source, k1: 0.9, b: 0.4, recall, speed }, bars };
}

/** Scores with the same terms, and recall of the evidence with the same terms and with bm25s' own analysis. */
async function compareRankings(set: QuestionSet, python: string, folder: string, bars: Bar[]) {
  const texts = set.passages.map(formatPassage);
  const questions = set.questions.filter(({ gold }) => gold.length > 0);
  const terms = (text: string): string => analyse(text).join(" ");
  const ours = await rankPassages(
    await Side.ours(),
    texts,
    questions.map(({ text }) => text),
    join(folder, `${set.name}-ours`),
    false,
  );
  const sameTerms = await rankPassages(
    await Side.peer(python, "numpy"),
    texts.map(terms),
    questions.map(({ text }) => terms(text)),
    join(folder, `${set.name}-same`),
    true,
  );
  const ownTerms = await rankPassages(
    await Side.peer(python, "numpy"),
    texts,
    questions.map(({ text }) => text),
    join(folder, `${set.name}-own`),
    false,
  );
  let difference = 0;
  ours.scores.forEach((scores, q) =>
    scores.forEach(
      (score, i) =>
        (difference = Math.max(
          difference,
          Math.abs(score - (sameTerms.scores[q]?.[i] ?? 0)) / Math.max(1, score),
        )),
    ),
  );
  bars.push(
    buildBar(
      `bm25, ${set.name}: largest relative difference of a score from bm25s' with the same terms`,
      difference,
      "",
      "<=",
      1e-5,
    ),
  );
  const at = DEPTHS.map((k) => {
    const share = ({ rows }: { rows: number[][] }): number =>
      computeRecall(
        rows,
        questions.map(({ gold }) => gold),
        set.passages.map(({ id }) => id),
        k,
      );
    const shares = { k, ours: share(ours), sameTerms: share(sameTerms), ownTerms: share(ownTerms) };
    bars.push(
      buildBar(
        `bm25, ${set.name}: recall@${k}, points from bm25s' with the same terms`,
        Math.abs(shares.ours - shares.sameTerms) * 100,
        "points",
        "<=",
        1,
      ),
    );
    bars.push(
      buildBar(
        `bm25, ${set.name}: recall@${k}, points behind bm25s' with its own terms`,
        (shares.ownTerms - shares.ours) * 100,
        "points",
        "<=",
        1,
      ),
    );
    return shares;
  });
  return {
    set: set.name,
    passages: texts.length,
    questions: questions.length,
    largestDifference: difference,
    at,
  };
}

async function rankPassages(
  side: Side,
  texts: readonly string[],
  queries: readonly string[],
  folder: string,
  analysed: boolean,
): Promise<{ rows: number[][]; scores: number[][] }> {
  await mkdir(folder, { recursive: true });
  const passages = join(folder, "passages.jsonl");
  await writeFile(passages, texts.map((text) => `${JSON.stringify(text)}\n`).join(""));
  try {
    await side.build(passages, texts.length, folder, analysed);
    await side.open(folder, analysed);
    return await side.search(queries, K);
  } finally {
    side.close();
  }
}

function computeRecall(
  rows: readonly number[][],
  gold: readonly string[][],
  ids: readonly string[],
  k: number,
): number {
  const shares = rows.map((own, q) => {
    const found = new Set(own.slice(0, k).map((row) => ids[row]));
    return (gold[q] ?? []).filter((id) => found.has(id)).length / (gold[q]?.length ?? 1);
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

async function compareSpeed(
  size: number,
  sets: readonly QuestionSet[],
  python: string,
  folder: string,
  bars: Bar[],
) {
  const texts = sets.flatMap(({ passages }) => passages.map(formatPassage));
  const passages = join(folder, `passages-${size}.jsonl`);
  await pipeline(growPassages(texts, size), createWriteStream(passages));
  const questions = sets.flatMap((set) => set.questions.map(({ text }) => text));
  const step = Math.max(1, Math.floor(questions.length / LATENCY_QUERIES));
  const queries = questions.filter((_, i) => i % step === 0).slice(0, LATENCY_QUERIES);
  const starts = [
    { name: "ours", start: () => Side.ours() },
    ...BACKENDS.map((backend) => ({
      name: backend === "tantivy" ? backend : `bm25s, ${backend}`,
      start: () => Side.peer(python, backend),
    })),
  ];
  const sides = [];
  for (const { name, start } of starts) {
    const own = join(folder, `${size}-${name.replace(/\W+/g, "-")}`);
    await mkdir(own, { recursive: true });
    const builder = await start();
    const build = await builder.build(passages, size, own, false);
    builder.close();
    const side = await start();
    sides.push({
      name,
      build,
      side,
      memory: await side.open(own, false),
      ms: [] as number[],
      cpu: [] as number[],
    });
  }
  for (const [i, query] of [...queries.slice(0, WARM_UP), ...queries].entries()) {
    for (let turn = 0; turn < sides.length; turn++) {
      const own = sides[(i + turn) % sides.length];
      const { ms, cpuMs } = (await own?.side.query(query, K)) ?? { ms: NaN, cpuMs: NaN };
      if (i < WARM_UP) continue;
      own?.ms.push(ms);
      own?.cpu.push(cpuMs);
    }
  }
  for (const { side } of sides) side.close();
  const figures = sides.map(({ name, build, memory, ms, cpu }) => ({
    name,
    build,
    memory,
    p50: computePercentile(ms, 0.5) ?? NaN,
    p99: computePercentile(ms, 0.99) ?? NaN,
    cpuMs: cpu.reduce((sum, value) => sum + value, 0) / cpu.length,
  }));
  const [ours, ...peers] = figures;
  const ofBm25s = peers.filter(({ name }) => name.startsWith("bm25s"));
  const smallest = Math.min(...ofBm25s.map(({ memory }) => memory.bytes));
  bars.push(
    buildBar(
      `bm25, ${size} passages: search p50 relative to the fastest peer`,
      (ours?.p50 ?? NaN) / Math.min(...peers.map(({ p50 }) => p50)),
      "times",
      "<=",
      1.2,
    ),
  );
  bars.push(
    buildBar(
      `bm25, ${size} passages: memory a passage relative to bm25s`,
      (ours?.memory.bytes ?? NaN) / smallest,
      "times",
      "<=",
      1,
    ),
  );
  if (size >= 1_000_000) {
    bars.push(
      buildBar(
        `bm25, ${size} passages: peak memory of the build`,
        (ours?.build.peakBytes ?? NaN) / GIB,
        "GiB",
        "<=",
        2,
      ),
    );
    bars.push(
      buildBar(
        `bm25, ${size} passages: memory of the search`,
        (ours?.memory.residentBytes ?? NaN) / GIB,
        "GiB",
        "<=",
        2,
      ),
    );
  }
  return { size, queries: queries.length, sides: figures };
}

/**
 * Passages as JSON strings, one a line: the real ones first, then as many as are wanted made of four stretches of 25
 * words from real ones, always the same.
 */
export function* growPassages(texts: readonly string[], size: number): Generator<string> {
  const words = texts.map((text) => text.split(/\s+/));
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 0; i < size; i++) {
    if (i < texts.length) {
      yield `${JSON.stringify(texts[i])}\n`;
      continue;
    }
    const parts = Array.from({ length: 4 }, () => {
      const from = words[random(words.length)] ?? [];
      const start = random(Math.max(1, from.length - 25));
      return from.slice(start, start + 25).join(" ");
    });
    yield `${JSON.stringify(parts.join(" "))}\n`;
  }
}

const builtSchema = z.object({
  seconds: z.number(),
  cpuSeconds: z.number(),
  peakBytes: z.number(),
});
const openedSchema = z.object({ bytes: z.number(), residentBytes: z.number() });
const rankingSchema = z.object({
  rows: z.array(z.array(z.int())),
  scores: z.array(z.array(z.number())),
});
const timedSchema = z.object({ ms: z.number(), cpuMs: z.number() });

/** One system in a process of its own. */
export class Side {
  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly lines: AsyncIterator<string>,
    private readonly said: () => string,
  ) {}

  static ours(): Promise<Side> {
    return Side.start(process.execPath, [
      "--import",
      "tsx",
      join(ROOT, "bench", "retrieval", "bm25-side.ts"),
    ]);
  }

  static peer(python: string, backend: (typeof BACKENDS)[number]): Promise<Side> {
    return Side.start(python, [join(ROOT, "bench", "peers", "bm25.py"), backend]);
  }

  private static async start(program: string, args: string[]): Promise<Side> {
    const child = spawn(program, args, { stdio: "pipe", cwd: ROOT });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => (errors = (errors + data.toString()).slice(-2000)));
    const side = new Side(
      child,
      createInterface({ input: child.stdout })[Symbol.asyncIterator](),
      () => errors,
    );
    await side.next();
    return side;
  }

  async build(passages: string, count: number, folder: string, analysed: boolean) {
    return builtSchema.parse(await this.call({ op: "build", passages, count, folder, analysed }));
  }

  async open(folder: string, analysed: boolean) {
    return openedSchema.parse(await this.call({ op: "open", folder, analysed }));
  }

  async search(queries: readonly string[], k: number) {
    return rankingSchema.parse(await this.call({ op: "search", queries, k }));
  }

  async query(text: string, k: number) {
    return timedSchema.parse(await this.call({ op: "query", text, k }));
  }

  close(): void {
    this.child.stdin.end();
  }

  private async call(request: unknown): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.next();
  }

  private async next(): Promise<unknown> {
    const answer = await this.lines.next();
    if (answer.done)
      throw new Error(
        `${this.child.spawnargs.join(" ")} ended before it answered:\n${this.said()}`,
      );
    return JSON.parse(answer.value);
  }
}
