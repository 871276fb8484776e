import { AppError } from "@/contracts/errors";
import { type EncoderFiles, findEncoder } from "./encoder-settings";
import type { EncoderOperations } from "./encoder-thread";
import { RestartingThread, ThreadClient } from "@/gpu-workers/runtime/thread";
import { countSessions } from "./weight-files";
import { chunk } from "@/lib/chunk";

/** Kind of a text; some encoders put a different prefix before each. */
export type TextKind = "query" | "passage";

export interface EncodeOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Texts in one call of a thread: few enough that a waiting query or a cancellation is served soon. */
const SLICE = 32;

type EncoderThread = RestartingThread<EncoderOperations, "load">;
type Job = {
  texts: string[];
  kind: TextKind;
  resolve: (vectors: Float32Array) => void;
  reject: (error: unknown) => void;
  signal?: AbortSignal;
};

/**
 * A sentence encoder: texts to vectors. One session for each core (fewer where memory is short, see weight-files.ts),
 * each in a thread of its own: measured faster than one session over all cores, and ONNX Runtime's Node binding blocks
 * its thread. Where a thread dies, the texts it held fail, and the next call starts another.
 */
export class Encoder {
  private readonly queue: Job[] = [];
  private readonly idle: EncoderThread[];
  private closed = false;

  private constructor(
    readonly name: string,
    readonly variant: string,
    /** Equal fingerprints give equal vectors; part of the key of every index. */
    readonly fingerprint: string,
    /** Length of a vector. */
    readonly dim: number,
    private readonly files: EncoderFiles,
    private readonly threads: readonly EncoderThread[],
  ) {
    this.idle = [...threads];
  }

  /**
   * Loads an encoder by the name of its folder, e.g. ("minilm", "int8"), or its path.
   *
   * @throws AppError `not-found` where it is not installed
   */
  static async load(
    name: string,
    variant: string,
    options: { directory?: string; threads?: number } = {},
  ): Promise<Encoder> {
    const files = await findEncoder(name, variant, options.directory);
    const count =
      options.threads ?? (await countSessions([files.query.modelPath, files.passage.modelPath]));
    const module = new URL("./encoder-thread.ts", import.meta.url);
    const start = (): ThreadClient<EncoderOperations> =>
      new ThreadClient(module, "encoder thread", files);
    const threads = Array.from(
      { length: count },
      (): EncoderThread => new RestartingThread(start, { operation: "load", request: null }),
    );
    try {
      const [first] = await Promise.all(threads.map((thread) => thread.open()));
      return new Encoder(files.name, variant, files.fingerprint, first?.dim ?? 0, files, threads);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
  }

  /** Number of texts that gives every session one call. */
  get round(): number {
    return SLICE * this.threads.length;
  }

  /**
   * Vectors of the texts, row-major [texts, dim], in the order of the texts. Queries overtake waiting passages.
   *
   * @throws AppError `cancelled` once the signal is aborted, `retriever-unavailable` where a thread died
   */
  async encode(
    texts: readonly string[],
    kind: TextKind,
    { signal, onProgress }: EncodeOptions = {},
  ): Promise<Float32Array> {
    const prefix =
      kind === "query"
        ? this.files.query.settings.queryPrefix
        : this.files.passage.settings.passagePrefix;
    // Texts of similar length share a batch, which saves padding; the longest come first, so that all threads end together.
    const order = texts
      .map((_, i) => i)
      .sort((a, b) => (texts[b]?.length ?? 0) - (texts[a]?.length ?? 0));
    const vectors = new Float32Array(texts.length * this.dim);
    let done = 0;
    const slices: Promise<void>[] = [];
    for (const rows of chunk(order, SLICE)) {
      const encodeSlice = async (): Promise<void> => {
        const part = await this.enqueue(
          rows.map((row) => prefix + (texts[row] ?? "")),
          kind,
          signal,
        );
        rows.forEach((row, i) =>
          vectors.set(part.subarray(i * this.dim, (i + 1) * this.dim), row * this.dim),
        );
        done += rows.length;
        onProgress?.(done, texts.length);
      };
      slices.push(encodeSlice());
    }
    await Promise.all(slices);
    return vectors;
  }

  /** Ends the threads; calls that are not finished fail. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.threads.map((thread) => thread.terminate()));
    for (const job of this.queue.splice(0))
      job.reject(new AppError("retriever-unavailable", "the encoder was closed"));
  }

  private enqueue(texts: string[], kind: TextKind, signal?: AbortSignal): Promise<Float32Array> {
    if (this.closed)
      return Promise.reject(new AppError("retriever-unavailable", "the encoder was closed"));
    return new Promise((resolve, reject) => {
      const job: Job = { texts, kind, resolve, reject, signal };
      if (kind === "query") this.queue.unshift(job);
      else this.queue.push(job);
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.idle.length > 0) {
      const job = this.queue.shift();
      if (!job) return;
      if (job.signal?.aborted) {
        job.reject(new AppError("cancelled", "encoding was cancelled"));
        continue;
      }
      const thread = this.idle.pop();
      if (!thread) return;
      thread
        .call("encode", { texts: job.texts, kind: job.kind })
        .then(job.resolve, job.reject)
        .finally(() => {
          this.idle.push(thread);
          this.dispatch();
        });
    }
  }
}
