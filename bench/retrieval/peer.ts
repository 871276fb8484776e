import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { ROOT } from "@/lib/paths.mjs";
import type { RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import { ensurePeerPython } from "@/bench/peers/venv";

/** What a search of the peer's found, as ours says it. */
export function toRankedRows({
  rows,
  scores,
}: {
  rows: number[][];
  scores: number[][];
}): RankedRow[][] {
  return rows.map((own, q) => own.map((row, i) => ({ row, score: scores[q]?.[i] ?? 0 })));
}

const peerAboutSchema = z.object({ versions: z.record(z.string(), z.string()), threads: z.int() });

/** sentence-transformers and faiss-cpu in a process of their own (bench/peers/retrieval.py). Seconds are measured there. */
export class Peer {
  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly lines: AsyncIterator<string>,
    private readonly said: () => string,
    readonly about: z.infer<typeof peerAboutSchema>,
  ) {}

  static async start(): Promise<Peer> {
    const child = spawn(
      await ensurePeerPython("retrieval"),
      [join(ROOT, "bench", "peers", "retrieval.py")],
      { stdio: "pipe" },
    );
    let errors = "";
    child.stderr.on("data", (data: Buffer) => (errors = (errors + data.toString()).slice(-2000)));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error(`the peer did not start:\n${errors}`);
    return new Peer(child, lines, () => errors, peerAboutSchema.parse(JSON.parse(first.value)));
  }

  /** Seconds of encoding; the vectors, row-major in float32, are written to `out`. */
  async encode(texts: readonly string[], out: string): Promise<number> {
    return z.object({ seconds: z.number() }).parse(await this.call({ op: "encode", texts, out }))
      .seconds;
  }

  /** Makes the index that later calls search: of vectors in a file, by a factory string, or read from a file of FAISS. */
  async index(
    source: { vectors: string; dim: number; factory: string } | { read: string },
    settings: Record<string, number> = {},
  ): Promise<{ seconds: number; count: number }> {
    return z
      .object({ seconds: z.number(), count: z.int() })
      .parse(await this.call({ op: "index", ...source, settings }));
  }

  async write(path: string): Promise<void> {
    await this.call({ op: "write", path });
  }

  /** Searches the queries of a file `batch` at a time, after a warm-up. Seconds are of the whole. */
  async search(
    queries: string,
    k: number,
    batch: number,
  ): Promise<{ seconds: number; rows: number[][]; scores: number[][] }> {
    return z
      .object({
        seconds: z.number(),
        rows: z.array(z.array(z.int())),
        scores: z.array(z.array(z.number())),
      })
      .parse(await this.call({ op: "search", queries, k, batch }));
  }

  /** Seconds of one query from text to rows. */
  async query(text: string, k: number): Promise<number> {
    return z.object({ seconds: z.number() }).parse(await this.call({ op: "query", text, k }))
      .seconds;
  }

  close(): Promise<void> {
    this.child.stdin.end();
    return Promise.resolve();
  }

  private async call(request: unknown): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.lines.next();
    if (answer.done) throw new Error(`the peer ended before it answered:\n${this.said()}`);
    return JSON.parse(answer.value);
  }
}
