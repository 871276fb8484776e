import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import { Encoder, type TextKind } from "@/gpu-workers/retrieval/encoders/encoder";
import { computePercentile } from "@/gpu-workers/runtime/latency";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { buildBar, type Bar, describeMachine, printTable } from "@/bench/report/report";
import { type QuestionSet, loadQuestionSets } from "./data";
import { openFlat } from "./flat";
import { Peer, toRankedRows } from "./peer";
import {
  type Section,
  type SectionResult,
  computeOnce,
  prepareScratch,
  getWorkFolder,
} from "./section";

/**
 * Our encoder against sentence-transformers on the same texts: speed of encoding, agreement of rankings, loss of the
 * quantised variant, latency of a query; and our flat index against faiss-cpu on the vectors of these texts. The systems
 * take turns on parts of the passages, and on each query, so that whatever else the machine does falls on all alike.
 * Each part is kept: an interrupted bench goes on where it was.
 */
const PART = 500;
const LATENCY_QUERIES = 200;
const K = 10;
/** Scores closer than this differ by rounding: which of the two documents comes first says nothing. */
const ROUNDING = 2e-6;

const SYSTEMS = ["fp32", "int8", "peer"] as const;
type SystemName = (typeof SYSTEMS)[number];
type BySystem<T> = Record<SystemName, T>;

/** Of queries, in milliseconds; null where none was asked. */
interface Latency {
  p50: number | null;
  p99: number | null;
}

/** Encodes texts into a file of float32 vectors and says how many seconds that took. */
type Encode = (texts: string[], kind: TextKind, out: string) => Promise<number>;

export const encoderSection: Section = {
  name: "encoder",
  about: "encoding against sentence-transformers",
  run,
};

async function run(): Promise<SectionResult> {
  const limit = Number(process.env.S3_BENCH_PASSAGES ?? Infinity);
  const { source, sets } = await loadQuestionSets();
  const passages = sets.map((set) => set.passages.slice(0, limit));
  const total = passages.reduce((sum, own) => sum + own.length, 0);
  console.log(`${total} passages: ${source}`);
  const [peer, fp32, int8] = [
    await Peer.start(),
    await Encoder.load("minilm", "fp32"),
    await Encoder.load("minilm", "int8"),
  ];
  try {
    const scratch = await prepareScratch(getWorkFolder("encoder"), [
      fp32.fingerprint,
      int8.fingerprint,
      peer.about,
      limit,
    ]);
    const encoders: BySystem<Encode> = {
      fp32: encodeHere(fp32),
      int8: encodeHere(int8),
      peer: (texts, _kind, out) => peer.encode(texts, out),
    };
    await encoders.peer(["warm up"], "passage", join(scratch, "warm-up.f32"));
    const seconds = { fp32: 0, int8: 0, peer: 0 };
    const agreement: Record<string, unknown> = {};
    const flat: Bar[] = [];
    const worst = { overlap: 1, identical: 1, loss: 0 };
    for (const [s, set] of sets.entries()) {
      const own = (passages[s] ?? []).map(formatPassage);
      addTo(seconds, await encodeInTurns(encoders, own, scratch, set.name));
      const quality = await compare(encoders, peer, set, own.length, scratch, fp32.dim);
      agreement[set.name] = quality;
      flat.push(
        buildBar(
          `flat, ${set.name}: results identical to faiss-cpu's on the same vectors, rounding aside`,
          quality.flat.identicalUpToRounding,
          "share",
          ">=",
          1,
        ),
      );
      worst.overlap = Math.min(worst.overlap, quality.int8.overlap);
      worst.identical = Math.min(worst.identical, quality.fp32.identicalUpToRounding);
      worst.loss = Math.max(worst.loss, quality.fp32.fullSupport - quality.int8.fullSupport);
    }
    const latency = await measureQueryLatency(sets.at(-1), peer, { fp32, int8 }, scratch);
    const rates = mapSystems((name) => total / seconds[name]);
    printSpeeds(rates, latency);
    return {
      figures: {
        source,
        passages: total,
        peer: peer.about,
        encoding: mapSystems((name) => ({
          seconds: seconds[name],
          passagesPerSecond: rates[name],
        })),
        agreement,
        queryLatencyMs: latency,
      },
      bars: [
        buildBar(
          "encoding, fp32: passages a second, relative to sentence-transformers",
          rates.fp32 / rates.peer,
          "times",
          ">=",
          1,
        ),
        buildBar(
          "encoding, int8: passages a second, relative to sentence-transformers",
          rates.int8 / rates.peer,
          "times",
          ">=",
          1.4,
        ),
        // Products of bytes are hardly faster than those of float32 where a processor has no instruction for them.
        ...(describeMachine().vectors.some((flag) => flag.includes("vnni"))
          ? [
              buildBar(
                "encoding, int8: passages a second, relative to fp32 (with VNNI)",
                rates.int8 / rates.fp32,
                "times",
                ">=",
                1.4,
              ),
            ]
          : []),
        // Rounded: a hundredth as the difference of two shares is not quite one.
        buildBar(
          "int8: full-support@10 lost to fp32, worst set",
          Number(worst.loss.toFixed(9)),
          "share",
          "<=",
          0.01,
        ),
        buildBar(
          "int8: overlap of the top 10 with the peer, worst set",
          worst.overlap,
          "share",
          ">=",
          0.95,
        ),
        buildBar(
          "fp32: rankings identical to the peer's, rounding aside",
          worst.identical,
          "share",
          ">=",
          1,
        ),
        ...flat,
      ],
    };
  } finally {
    await Promise.all([peer.close(), fp32.close(), int8.close()]);
  }
}

function printSpeeds(rates: BySystem<number>, latency: BySystem<Latency>): void {
  printTable([
    ["", "passages/s", "query p50 ms", "query p99 ms"],
    ...SYSTEMS.map((name) => [
      name,
      rates[name].toFixed(1),
      latency[name].p50?.toFixed(1) ?? "",
      latency[name].p99?.toFixed(1) ?? "",
    ]),
  ]);
}

const encodeHere =
  (encoder: Encoder): Encode =>
  async (texts, kind, out) => {
    const began = performance.now();
    const vectors = await encoder.encode(texts, kind);
    const seconds = (performance.now() - began) / 1000;
    await writeFile(out, vectors);
    return seconds;
  };

const getVectorFile = (
  scratch: string,
  name: SystemName,
  set: string,
  part: number | "questions",
): string => join(scratch, `${name}-${set}-${part}.f32`);

/** Seconds of each system over all passages. */
async function encodeInTurns(
  encoders: BySystem<Encode>,
  passages: string[],
  scratch: string,
  set: string,
): Promise<BySystem<number>> {
  await mkdir(scratch, { recursive: true });
  const seconds = mapSystems(() => 0);
  for (let part = 0; part * PART < passages.length; part++) {
    const texts = passages.slice(part * PART, (part + 1) * PART);
    const measured = await computeOnce(join(scratch, `${set}-${part}.json`), async () => {
      const own = mapSystems(() => 0);
      for (const name of rotateSystems(part))
        own[name] = await encoders[name](texts, "passage", getVectorFile(scratch, name, set, part));
      return own;
    });
    addTo(seconds, measured);
    console.log(
      `${set}: encoded ${Math.min((part + 1) * PART, passages.length)}: ${SYSTEMS.map((name) => `${name} ${seconds[name].toFixed(1)} s`).join(", ")}`,
    );
  }
  return seconds;
}

/** Shares of queries whose rankings are equal place by place, strictly and where only rounding tells documents apart. */
interface Agreement {
  identical: number;
  identicalUpToRounding: number;
}

interface Quality extends Agreement {
  fullSupport: number;
  /** Of the top 10, with the peer's. */
  overlap: number;
}

/**
 * Rankings of each system on its own vectors, all by our exact index, against the peer's; and `flat`, those of our fp32
 * vectors against faiss-cpu's of the same.
 */
async function compare(
  encoders: BySystem<Encode>,
  peer: Peer,
  set: QuestionSet,
  passages: number,
  scratch: string,
  dim: number,
): Promise<BySystem<Quality> & { flat: Agreement }> {
  const ranked: Partial<BySystem<RankedRow[][]>> = {};
  for (const name of SYSTEMS) {
    const questions = getVectorFile(scratch, name, set.name, "questions");
    await computeOnce(`${questions}.json`, () =>
      encoders[name](
        set.questions.map((q) => q.text),
        "query",
        questions,
      ),
    );
    const index = await openFlat(
      join(scratch, "index"),
      dim,
      readPassageVectors(scratch, name, set.name, passages),
    );
    ranked[name] = await index.search(await readVectors(questions), K);
    await index.close();
  }
  const rows = new Map(set.passages.slice(0, passages).map((passage, row) => [passage.id, row]));
  const gold = set.questions.map((q) => q.gold.map((id) => rows.get(id)));
  const bySystem = mapSystems((name) => {
    const own = ranked[name] ?? [];
    return {
      fullSupport: computeFullSupport(own, gold),
      overlap: computeOverlap(own, ranked.peer ?? []),
      ...computeAgreement(own, ranked.peer ?? []),
    };
  });
  return {
    ...bySystem,
    flat: computeAgreement(
      ranked.fp32 ?? [],
      await searchByPeer(peer, set, passages, scratch, dim),
    ),
  };
}

/** What faiss-cpu's exact index finds with our fp32 vectors of a set's passages and questions. */
async function searchByPeer(
  peer: Peer,
  set: QuestionSet,
  passages: number,
  scratch: string,
  dim: number,
): Promise<RankedRow[][]> {
  const vectors = join(scratch, "flat.f32");
  await writeFile(vectors, readPassageVectors(scratch, "fp32", set.name, passages));
  await peer.index({ vectors, dim, factory: "Flat" });
  return toRankedRows(
    await peer.search(
      getVectorFile(scratch, "fp32", set.name, "questions"),
      K,
      set.questions.length,
    ),
  );
}

/** The vectors of a set's passages, part by part as they were encoded. */
async function* readPassageVectors(
  scratch: string,
  name: SystemName,
  set: string,
  passages: number,
): AsyncGenerator<Float32Array> {
  for (let part = 0; part * PART < passages; part++)
    yield await readVectors(getVectorFile(scratch, name, set, part));
}

async function measureQueryLatency(
  set: QuestionSet | undefined,
  peer: Peer,
  encoders: Record<"fp32" | "int8", Encoder>,
  scratch: string,
): Promise<BySystem<Latency>> {
  if (!set) throw new Error("there is no question set");
  const vectors = await readVectors(getVectorFile(scratch, "fp32", set.name, 0));
  const path = join(scratch, "latency.f32");
  await writeFile(path, vectors);
  await peer.index({ vectors: path, dim: encoders.fp32.dim, factory: "Flat" });
  const index = await openFlat(join(scratch, "index"), encoders.fp32.dim, [vectors]);
  const ask = (name: SystemName, text: string): Promise<number> =>
    name === "peer"
      ? peer.query(text, K)
      : measureSeconds(async () => index.search(await encoders[name].encode([text], "query"), K));
  const times: BySystem<number[]> = { fp32: [], int8: [], peer: [] };
  for (const [i, { text }] of set.questions.slice(0, LATENCY_QUERIES).entries()) {
    for (const name of rotateSystems(i)) times[name].push((await ask(name, text)) * 1000);
  }
  await index.close();
  return mapSystems((name) => ({
    p50: computePercentile(times[name], 0.5),
    p99: computePercentile(times[name], 0.99),
  }));
}

async function measureSeconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function readVectors(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  );
}

/** Share of questions all of whose gold documents are in the ranking. */
function computeFullSupport(
  ranked: readonly RankedRow[][],
  gold: readonly (number | undefined)[][],
): number {
  const asked = gold
    .map((rows, q) => ({ rows, q }))
    .filter(({ rows }) => rows.length > 0 && rows.every((row) => row !== undefined));
  const full = asked.filter(({ rows, q }) =>
    rows.every((row) => ranked[q]?.some((hit) => hit.row === row)),
  );
  return asked.length === 0 ? 0 : full.length / asked.length;
}

/** Share of the documents of one top k that the other has too. */
function computeOverlap(ours: readonly RankedRow[][], theirs: readonly RankedRow[][]): number {
  let common = 0;
  let total = 0;
  ours.forEach((ranked, q) => {
    const rows = new Set(theirs[q]?.map((hit) => hit.row));
    common += ranked.filter((hit) => rows.has(hit.row)).length;
    total += ranked.length;
  });
  return common / total;
}

/** Whether our rankings are theirs; faiss.ts asks so, too. */
export function computeAgreement(
  ours: readonly RankedRow[][],
  theirs: readonly RankedRow[][],
): Agreement {
  const share = (same: (a: RankedRow, b: RankedRow | undefined) => boolean): number =>
    ours.filter((ranked, q) => ranked.every((hit, i) => same(hit, theirs[q]?.[i]))).length /
    ours.length;
  return {
    identical: share((a, b) => a.row === b?.row),
    identicalUpToRounding: share(
      (a, b) => b !== undefined && (a.row === b.row || Math.abs(a.score - b.score) < ROUNDING),
    ),
  };
}

function addTo(sum: BySystem<number>, more: BySystem<number>): void {
  for (const name of SYSTEMS) sum[name] += more[name];
}

function mapSystems<T>(of: (name: SystemName) => T): BySystem<T> {
  return { fp32: of("fp32"), int8: of("int8"), peer: of("peer") };
}

function rotateSystems(turn: number): SystemName[] {
  return SYSTEMS.map((_, i) => SYSTEMS[(i + turn) % SYSTEMS.length] ?? "peer");
}
