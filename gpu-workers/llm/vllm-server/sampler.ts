import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { CallOptions, EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { BASE_MODEL_NAME, type VllmClient } from "./client";

/** What the search loop asks of a model. */
export type Sampler = Pick<EngineModel, "sample" | "endSessions">;

/** Requests under way at once: vLLM queues what it cannot batch, a socket for each of thousands helps nobody. */
const MAX_CONCURRENT_REQUESTS = 256;

interface LoadedAdapter {
  hash: string;
  name: string;
  folder: string;
  sampler: Sampler;
  /** Samples that are under way with these weights. */
  running: Set<Promise<unknown>>;
}

/**
 * Samples by vLLM with the weights that the engine trains. For each version of them the engine writes its adapter to a
 * folder, vLLM loads it under a name never used before (it keeps prefixes by the adapter's name), and the version before
 * is unloaded once nothing samples from it any more.
 */
export class VllmSampler {
  private loaded: LoadedAdapter | null = null;
  private versions = 0;

  constructor(
    private readonly client: VllmClient,
    private readonly model: Pick<EngineModel, "id" | "info" | "export">,
    private readonly tokenizer: Tokenizer,
    /** Adapters are written here; vLLM must read the same disk. */
    private readonly directory: string,
  ) {}

  /** The sampler with the weights of this hash, which are the engine's present ones. */
  async useWeights(hash: string, signal: AbortSignal): Promise<Sampler> {
    if (this.loaded?.hash === hash) return this.loaded.sampler;
    const name = `${this.model.id}-${++this.versions}`;
    const folder = join(this.directory, name);
    const running = new Set<Promise<unknown>>();
    try {
      await mkdir(this.directory, { recursive: true });
      const exported = await this.model.export(folder, { signal });
      if (exported.hash !== hash)
        throw new AppError("internal", "The weights changed while they were written for vLLM.");
      await this.client.loadAdapter(name, folder, signal);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    const before = this.loaded;
    this.loaded = {
      hash,
      name,
      folder,
      running,
      sampler: {
        sample: (body, options) => this.track(running, this.sample(name, body, options)),
        endSessions: async () => ({}),
      },
    };
    if (before) await this.unload(before, signal);
    return this.loaded.sampler;
  }

  /** Takes the last adapter out of the server, which other runs may use. */
  async close(): Promise<void> {
    const last = this.loaded;
    this.loaded = null;
    if (last) await this.unload(last, AbortSignal.timeout(30_000)).catch(() => undefined);
  }

  private async unload({ name, folder, running }: LoadedAdapter, signal: AbortSignal): Promise<void> {
    await Promise.allSettled(running);
    await this.client.unloadAdapter(name, signal);
    await rm(folder, { recursive: true, force: true });
  }

  private track<T>(running: Set<Promise<unknown>>, work: Promise<T>): Promise<T> {
    running.add(work);
    const done = (): void => void running.delete(work);
    work.then(done, done);
    return work;
  }

  private async sample(
    name: string,
    { adapter, sequences }: Parameters<Sampler["sample"]>[0],
    { signal = new AbortController().signal }: CallOptions = {},
  ): ReturnType<Sampler["sample"]> {
    const start = performance.now();
    const guided = sequences.find(({ guide }) => guide !== undefined);
    if (guided)
      throw new AppError(
        "unsupported",
        "vLLM's guided decoding forces no tokens and tells no log-probabilities over the allowed ones, so it is not the policy that is trained. Set search.decoding to free, or searcher.sampler to engine.",
      );
    // One failure ends the rest: a step is sampled whole or not at all.
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const results: Sampled[][] = new Array<Sampled[]>(sequences.length);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < sequences.length; i = next++)
        results[i] = await this.completeSequence(adapter ? name : BASE_MODEL_NAME, sequences[i]!, both);
    };
    const workers = Array.from({ length: Math.min(MAX_CONCURRENT_REQUESTS, sequences.length) }, work);
    try {
      await Promise.all(workers);
    } catch (error) {
      stop.abort();
      await Promise.allSettled(workers);
      throw error;
    }
    const promptTokens = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    const sampledTokens = results.flat().reduce((sum, { ids }) => sum + ids.length, 0);
    // vLLM does not say what it took from its prefix cache, nor how the time divides.
    return {
      sequences: results,
      usage: {
        promptTokens,
        computedTokens: promptTokens,
        sampledTokens,
        prefillSeconds: 0,
        decodeSeconds: (performance.now() - start) / 1000,
      },
    };
  }

  private async completeSequence(
    model: string,
    { ids, n = 1, maxTokens, temperature = 1, seed = 0, stop = [], stopIds = [] }: SampleSequence,
    signal: AbortSignal,
  ): Promise<Sampled[]> {
    const ends = [...new Set([...this.model.info.eosIds, ...stopIds])];
    const found = await this.client.complete(
      {
        model,
        prompt: ids,
        n,
        max_tokens: maxTokens,
        temperature,
        seed,
        stop,
        stop_token_ids: ends,
      },
      signal,
    );
    return found.map(({ ids: written, logprobs, finish }) => ({
      ids: written,
      logprobs,
      forced: written.map(() => false),
      finishReason: finish,
      text: this.tokenizer.decode(
        ends.includes(written[written.length - 1]!) ? written.slice(0, -1) : written,
      ),
    }));
  }
}
