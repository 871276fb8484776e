/**
 * vllm-server/: vLLM as a process of the worker, to serve models to others or to sample rollouts. `installation.ts` finds
 * it, `launch-options.ts` says how it is started, `process.ts` runs it (through `guard.mjs`), `client.ts` speaks its API,
 * and this file samples rollouts with the weights that the engine trains.
 */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { CallOptions, EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { BASE_MODEL_NAME, type VllmClient } from "./client";

/** What the search loop needs of a model. */
export type Sampler = Pick<EngineModel, "sample" | "endSessions">;

/** Requests at once. vLLM queues what it cannot batch, so more connections would not make it faster. */
const MAX_CONCURRENT_REQUESTS = 256;

interface LoadedAdapter {
  hash: string;
  name: string;
  folder: string;
  sampler: Sampler;
  /** Requests that still sample with these weights. */
  running: Set<Promise<unknown>>;
}

/**
 * Samples by vLLM with the weights that the engine trains. For each version of the weights the engine writes its adapter
 * to a folder, and vLLM loads it under a new name, because it caches prefixes by the adapter's name. The version before
 * is unloaded as soon as nothing samples from it any more.
 */
export class VllmSampler {
  private loaded: LoadedAdapter | null = null;
  private versions = 0;

  constructor(
    private readonly client: VllmClient,
    private readonly model: Pick<EngineModel, "id" | "info" | "export">,
    private readonly tokenizer: Tokenizer,
    /** Adapters are sampledIds here; vLLM must read the same disk. */
    private readonly directory: string,
  ) {}

  /**
   * Loads the engine's present weights into vLLM, unless they are loaded.
   * @param hash of these weights
   * @throws AppError "internal" where the weights changed meanwhile, "sampler-unavailable" where vLLM fails
   */
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
        endSessions: () => Promise.resolve({}),
      },
    };
    if (before) await this.unload(before, signal);
    return this.loaded.sampler;
  }

  /** Unloads the last adapter, because other runs may use the server. */
  async close(): Promise<void> {
    const last = this.loaded;
    this.loaded = null;
    if (last) await this.unload(last, AbortSignal.timeout(30_000)).catch(() => undefined);
  }

  private async unload(
    { name, folder, running }: LoadedAdapter,
    signal: AbortSignal,
  ): Promise<void> {
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
        "vLLM's guided decoding forces no tokens and gives no log-probabilities over the allowed ones, so it is not the policy that is trained. Set search.decoding to free, or searcher.sampler to engine.",
      );
    // One failure cancels the other requests: a step is sampled whole or not at all.
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const results: Sampled[][] = new Array<Sampled[]>(sequences.length);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < sequences.length; i = next++)
        results[i] = await this.completeSequence(
          adapter ? name : BASE_MODEL_NAME,
          sequences[i]!,
          both,
        );
    };
    const workers = Array.from(
      { length: Math.min(MAX_CONCURRENT_REQUESTS, sequences.length) },
      work,
    );
    try {
      await Promise.all(workers);
    } catch (error) {
      stop.abort();
      await Promise.allSettled(workers);
      throw error;
    }
    const promptTokens = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    const sampledTokens = results.flat().reduce((sum, { ids }) => sum + ids.length, 0);
    // vLLM reports neither its use of the prefix cache nor the times of prefill and decoding.
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
    sequence: SampleSequence,
    signal: AbortSignal,
  ): Promise<Sampled[]> {
    const { ids, n = 1, maxTokens, temperature = 1, seed = 0, stop = [], stopIds = [] } = sequence;
    const { topP = 1, topK = 0, repetitionPenalty = 1 } = sequence;
    const ends = [...new Set([...this.model.info.eosIds, ...stopIds])];
    const completions = await this.client.complete(
      {
        model,
        prompt: ids,
        n,
        max_tokens: maxTokens,
        temperature,
        // Always sent: the model's own defaults (Qwen2.5: 0.8, 20 and 1.05) are not the policy.
        top_p: topP,
        top_k: topK === 0 ? -1 : topK,
        repetition_penalty: repetitionPenalty,
        seed,
        stop,
        stop_token_ids: ends,
      },
      signal,
    );
    return completions.map(({ ids: sampledIds, logprobs, finish }) => ({
      ids: sampledIds,
      logprobs,
      forced: sampledIds.map(() => false),
      finishReason: finish,
      text: this.tokenizer.decode(
        ends.includes(sampledIds[sampledIds.length - 1]!) ? sampledIds.slice(0, -1) : sampledIds,
      ),
    }));
  }
}
