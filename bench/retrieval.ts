import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { parseCorpusLine } from "@/contracts/corpus";
import { ATLAS_DIR, ROOT } from "@/contracts/paths";
import { DenseIndex, type RankedRow } from "@/gpu-workers/retrieval/dense-index";
import { Encoder } from "@/gpu-workers/retrieval/encoder";
import { percentile } from "@/gpu-workers/retrieval/latency";
import { passageText } from "@/gpu-workers/retrieval/retriever";
import { bar, type Bar, type BenchResult, machine, printBars, printTable } from "./lib";
import { peerPython } from "./peers/venv";

/**
 * Our encoder and index against sentence-transformers with faiss-cpu, in one run on the same texts: speed of encoding,
 * agreement of the rankings, latency of a query. The systems take turns on parts of the passages, and on each query,
 * so that whatever else the machine does falls on all alike.
 */
const PASSAGES = Number(process.env.S3_BENCH_PASSAGES ?? 10_000);
const QUESTIONS = Number(process.env.S3_BENCH_QUESTIONS ?? 500);
const LATENCY_QUERIES = 200;
const PARTS = 10;
const K = 10;
/** Scores closer than this differ by rounding: which of the two documents comes first says nothing. */
const ROUNDING = 2e-6;

const SYSTEMS = ["fp32", "int8", "peer"] as const;
type SystemName = (typeof SYSTEMS)[number];

/** One side of the comparison. Seconds of encoding, seconds of a query from text to rows. */
interface System {
  encode(texts: string[]): Promise<number>;
  search(texts: string[]): Promise<{ seconds: number; ranked: RankedRow[][] }>;
  query(text: string): Promise<number>;
  close(): Promise<void>;
}

export async function run(): Promise<BenchResult> {
  const { source, passages, questions } = await load();
  console.log(`${passages.length} passages and ${questions.length} questions: ${source}`);
  const peer = await Peer.start();
  const systems: Record<SystemName, System> = { fp32: await Ours.start("fp32"), int8: await Ours.start("int8"), peer };
  try {
    const encoding = await encodeInTurns(systems, passages);
    const [fp32, int8, reference] = [await systems.fp32.search(questions), await systems.int8.search(questions), await peer.search(questions)];
    const latency = await queryInTurns(systems, questions.slice(0, LATENCY_QUERIES));
    const agreement = {
      fp32: { overlap: overlap(fp32.ranked, reference.ranked), ...identical(fp32.ranked, reference.ranked) },
      int8: { overlap: overlap(int8.ranked, reference.ranked), ...identical(int8.ranked, reference.ranked) },
    };
    const rates = byName((name) => passages.length / encoding[name]);
    const bars: Bar[] = [
      bar("int8: overlap of the top 10 with the peer", agreement.int8.overlap, "share", ">=", 0.95),
      bar("fp32: rankings identical to the peer's, rounding aside", agreement.fp32.identicalUpToRounding, "share", ">=", 1),
      bar("fp32: passages a second, relative to the peer", rates.fp32 / rates.peer, "times", ">=", 1),
      bar("int8: passages a second, relative to the peer", rates.int8 / rates.peer, "times", ">=", 1),
    ];
    print(rates, latency, { fp32: fp32.seconds, int8: int8.seconds, peer: reference.seconds }, questions.length, bars);
    return {
      bench: "retrieval",
      at: new Date().toISOString(),
      machine: machine(),
      peer: peer.about,
      source,
      passages: passages.length,
      questions: questions.length,
      encoding: byName((name) => ({ seconds: encoding[name], passagesPerSecond: rates[name] })),
      searchSeconds: { fp32: fp32.seconds, int8: int8.seconds, peer: reference.seconds },
      queryLatencyMs: latency,
      agreement,
      bars,
    };
  } finally {
    await Promise.all(SYSTEMS.map((name) => systems[name].close()));
  }
}

/** The real sets where they lie beside the repository, else the Atlas corpus. */
async function load(): Promise<{ source: string; passages: string[]; questions: string[] }> {
  const folder = join(ROOT, "..", "shared", "data");
  const sets = ["2wiki", "hotpotqa"].map((name) => join(folder, name));
  const real = sets.every((set) => existsSync(join(set, "passages.jsonl")));
  const passageFiles = real ? sets.map((set) => join(set, "passages.jsonl")) : [join(ATLAS_DIR, "corpus.jsonl")];
  const questionFiles = real ? sets.map((set) => join(set, "questions.jsonl")) : [join(ATLAS_DIR, "held-out.jsonl")];
  const lines = async (files: string[]): Promise<string[]> => (await Promise.all(files.map((file) => readFile(file, "utf8")))).flatMap((text) => text.trim().split("\n"));
  const passages = (await lines(passageFiles)).slice(0, PASSAGES).map((line, i) => passageText(parseCorpusLine(line, i + 1)));
  const questions = (await lines(questionFiles)).slice(0, QUESTIONS).map((line) => z.object({ question: z.string() }).parse(JSON.parse(line)).question);
  return { source: real ? "2WikiMultihopQA and HotpotQA" : "Atlas (the real sets are not beside the repository)", passages, questions };
}

async function encodeInTurns(systems: Record<SystemName, System>, passages: string[]): Promise<Record<SystemName, number>> {
  const seconds = byName(() => 0);
  const size = Math.ceil(passages.length / PARTS);
  for (let part = 0; part * size < passages.length; part++) {
    const texts = passages.slice(part * size, (part + 1) * size);
    for (const name of rotated(part)) seconds[name] += await systems[name].encode(texts);
    console.log(`encoded ${Math.min((part + 1) * size, passages.length)}: ${SYSTEMS.map((name) => `${name} ${seconds[name].toFixed(1)} s`).join(", ")}`);
  }
  return seconds;
}

async function queryInTurns(systems: Record<SystemName, System>, queries: string[]): Promise<Record<SystemName, { p50: number | null; p99: number | null }>> {
  const times: Record<SystemName, number[]> = { fp32: [], int8: [], peer: [] };
  for (const [i, query] of queries.entries()) {
    for (const name of rotated(i)) times[name].push((await systems[name].query(query)) * 1000);
  }
  return byName((name) => ({ p50: percentile(times[name], 0.5), p99: percentile(times[name], 0.99) }));
}

class Ours implements System {
  private constructor(
    private readonly encoder: Encoder,
    private readonly index: DenseIndex,
  ) {}

  static async start(variant: string): Promise<Ours> {
    const encoder = await Encoder.load("minilm", variant);
    return new Ours(encoder, await DenseIndex.create(encoder.dim));
  }

  async encode(texts: string[]): Promise<number> {
    const began = performance.now();
    const vectors = await this.encoder.encode(texts, "passage");
    const seconds = (performance.now() - began) / 1000;
    await this.index.add(vectors);
    return seconds;
  }

  async search(texts: string[]): Promise<{ seconds: number; ranked: RankedRow[][] }> {
    const vectors = await this.encoder.encode(texts, "query");
    const began = performance.now();
    const ranked = await this.index.search(vectors, K);
    return { seconds: (performance.now() - began) / 1000, ranked };
  }

  async query(text: string): Promise<number> {
    const began = performance.now();
    await this.index.search(await this.encoder.encode([text], "query"), K);
    return (performance.now() - began) / 1000;
  }

  async close(): Promise<void> {
    await Promise.all([this.encoder.close(), this.index.close()]);
  }
}

const peerAbout = z.object({ versions: z.record(z.string(), z.string()), threads: z.int(), maxTokens: z.int() });
const timed = z.object({ seconds: z.number() });
const searched = z.object({ seconds: z.number(), rows: z.array(z.array(z.int())), scores: z.array(z.array(z.number())) });

/** sentence-transformers and faiss-cpu in a process of their own (bench/peers/retrieval.py). */
class Peer implements System {
  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly lines: AsyncIterator<string>,
    readonly about: z.infer<typeof peerAbout>,
  ) {}

  static async start(): Promise<Peer> {
    const child = spawn(await peerPython("retrieval"), [join(ROOT, "bench", "peers", "retrieval.py")], { stdio: "pipe" });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => (errors = (errors + data.toString()).slice(-2000)));
    child.on("exit", (code) => {
      if (code) console.error(`the peer ended with code ${code}:\n${errors}`);
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error("the peer did not start");
    return new Peer(child, lines, peerAbout.parse(JSON.parse(first.value)));
  }

  async encode(texts: string[]): Promise<number> {
    return timed.parse(await this.call({ op: "encode", texts })).seconds;
  }

  async search(texts: string[]): Promise<{ seconds: number; ranked: RankedRow[][] }> {
    const { seconds, rows, scores } = searched.parse(await this.call({ op: "search", texts, k: K }));
    return { seconds, ranked: rows.map((own, q) => own.map((row, i) => ({ row, score: scores[q]?.[i] ?? 0 }))) };
  }

  async query(text: string): Promise<number> {
    return timed.parse(await this.call({ op: "query", text, k: K })).seconds;
  }

  async close(): Promise<void> {
    this.child.stdin.end();
  }

  private async call(request: unknown): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.lines.next();
    if (answer.done) throw new Error("the peer ended before it answered");
    return JSON.parse(answer.value);
  }
}

/** Share of the documents of one top k that the other has too. */
function overlap(ours: readonly RankedRow[][], theirs: readonly RankedRow[][]): number {
  let common = 0;
  let total = 0;
  ours.forEach((ranked, q) => {
    const rows = new Set(theirs[q]?.map((hit) => hit.row));
    common += ranked.filter((hit) => rows.has(hit.row)).length;
    total += ranked.length;
  });
  return common / total;
}

/** Shares of queries whose rankings are equal place by place, strictly and where only rounding tells documents apart. */
function identical(ours: readonly RankedRow[][], theirs: readonly RankedRow[][]): { identical: number; identicalUpToRounding: number } {
  const share = (same: (a: RankedRow, b: RankedRow | undefined) => boolean): number =>
    ours.filter((ranked, q) => ranked.every((hit, i) => same(hit, theirs[q]?.[i]))).length / ours.length;
  return {
    identical: share((a, b) => a.row === b?.row),
    identicalUpToRounding: share((a, b) => b !== undefined && (a.row === b.row || Math.abs(a.score - b.score) < ROUNDING)),
  };
}

function print(rates: Record<SystemName, number>, latency: Record<SystemName, { p50: number | null; p99: number | null }>, search: Record<SystemName, number>, queries: number, bars: readonly Bar[]): void {
  const titles = { fp32: "ours, fp32", int8: "ours, int8", peer: "sentence-transformers + faiss-cpu" };
  printTable([
    ["", "passages/s", "query p50 ms", "query p99 ms", "search ms/query"],
    ...SYSTEMS.map((name) => [titles[name], rates[name].toFixed(1), latency[name].p50?.toFixed(1) ?? "", latency[name].p99?.toFixed(1) ?? "", ((search[name] / queries) * 1000).toFixed(2)]),
  ]);
  printBars(bars);
}

function byName<T>(of: (name: SystemName) => T): Record<SystemName, T> {
  return { fp32: of("fp32"), int8: of("int8"), peer: of("peer") };
}

function rotated(turn: number): SystemName[] {
  return SYSTEMS.map((_, i) => SYSTEMS[(i + turn) % SYSTEMS.length] ?? "peer");
}
