import { AppError } from "@/contracts/errors";
import { chunk } from "@/lib/chunk";
import { throwIfCancelled } from "@/gpu-workers/retrieval/retriever";
import type { CrossEncoderOperations } from "./cross-encoder-thread";
import { type RerankerFiles, findReranker } from "./reranker-settings";
import { RestartingThread, ThreadClient } from "@/gpu-workers/runtime/thread";
import { countSessions } from "./weight-files";

/** Passages in one call of a thread. */
const SLICE = 16;

type RerankerThread = RestartingThread<CrossEncoderOperations, "load">;

/**
 * A cross-encoder: reads a query together with a passage and scores how well they fit. It has as many sessions as an
 * encoder (weight-files.ts).
 */
export class Reranker {
  private next = 0;

  private constructor(
    private readonly files: RerankerFiles,
    private readonly threads: readonly RerankerThread[],
  ) {}

  /** Loads a preset or a model folder (see `findReranker`). */
  static async load(
    name: string,
    options: { directory?: string; threads?: number } = {},
  ): Promise<Reranker> {
    const files = await findReranker(name, options.directory);
    const count = options.threads ?? (await countSessions([files.modelPath]));
    const module = new URL("./cross-encoder-thread.ts", import.meta.url);
    const start = (): ThreadClient<CrossEncoderOperations> =>
      new ThreadClient(module, "reranker thread", files);
    const threads = Array.from(
      { length: count },
      (): RerankerThread => new RestartingThread(start, { operation: "load", request: null }),
    );
    try {
      await Promise.all(threads.map((thread) => thread.open()));
      return new Reranker(files, threads);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
  }

  get name(): string {
    return this.files.name;
  }

  get fingerprint(): string {
    return this.files.fingerprint;
  }

  /**
   * Scores of the passages, in their order; higher is better.
   *
   * @throws AppError `cancelled` once the signal is aborted
   */
  async score(query: string, passages: readonly string[], signal?: AbortSignal): Promise<number[]> {
    const slices = chunk(passages, SLICE);
    const parts = await Promise.all(
      slices.map((part) => {
        throwIfCancelled(signal);
        const thread = this.threads[this.next++ % this.threads.length];
        if (!thread) throw new AppError("internal", "the reranker has no thread");
        return thread.call("score", { query, passages: part });
      }),
    );
    return parts.flatMap((part) => [...part]);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}
