/**
 * vllm-server/: vLLM as processes of the worker, to serve models to others or to sample rollouts. `installation.ts` finds
 * it, `device-plan.ts` gives it GPUs, `launch-options.ts` says how it is started, `process.ts` runs it (through
 * `guard.mjs`), `client.ts` speaks its API, `replicas.ts` spreads requests, and this file samples rollouts with the weights
 * that the engine trains, which `weights-check.ts` makes sure of.
 */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { CallOptions, EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { runAllOrNone } from "@/lib/all-or-none";
import { BASE_MODEL_NAME, type VllmClient } from "./client";
import type { SampledWeights } from "./launch-options";
import { VllmReplicas } from "./replicas";
import { WeightsCheck } from "./weights-check";

/** What the search loop needs of a model. */
export type Sampler = Pick<EngineModel, "sample" | "endSessions">;

/** What is sampled with, and how the servers get it. */
export interface VllmSamplerOptions {
  /** Servers of the model's base, all started alike (`buildSamplerLaunch`). */
  clients: readonly VllmClient[];
  model: Pick<EngineModel, "id" | "info" | "export" | "forward">;
  tokenizer: Tokenizer;
  /** Where the engine writes weights for vLLM, which must read the same disk. */
  directory: string;
  /** What the model trains, and so what the servers are given. */
  kind: SampledWeights["kind"];
  /** Processes that each server is spread over. */
  tensorParallelSize: number;
  /** Number format that engine and servers compute in. */
  dtype: string;
}

interface LoadedWeights {
  hash: string;
  /** Of an adapter; whole weights are the base's. */
  name: string;
  folder: string;
  sampler: Sampler;
  /** Requests that still sample with these weights. */
  running: Set<Promise<unknown>>;
}

/**
 * Samples by vLLM with the weights that the engine trains. For each version of the weights the engine writes them to a
 * folder. An adapter is loaded under a new name, because vLLM caches prefixes by the adapter's name, and the version before
 * is unloaded as soon as nothing samples from it any more. Whole weights take the place of those before, once nothing
 * samples from them. Every server has the new weights, checked by their log-probabilities, before one samples with them.
 */
export class VllmSampler {
  private readonly replicas: VllmReplicas;
  private readonly weightsCheck: WeightsCheck;
  private loaded: LoadedWeights | null = null;
  private versions = 0;

  constructor(private readonly options: VllmSamplerOptions) {
    const { clients, model, tokenizer, dtype } = options;
    this.replicas = new VllmReplicas(clients);
    this.weightsCheck = new WeightsCheck(model, tokenizer, dtype);
  }

  /**
   * Loads the engine's present weights into every server, unless they are loaded.
   *
   * @param hash of these weights
   * @throws AppError "internal" where the weights changed meanwhile, "sampler-unavailable" where a server fails or does not
   * compute with them. With whole weights nothing can be sampled then before another call succeeds.
   */
  async useWeights(hash: string, signal: AbortSignal): Promise<Sampler> {
    if (this.loaded?.hash === hash) return this.loaded.sampler;
    const { kind, model } = this.options;
    const before = this.loaded;
    const version = `${model.id}-${++this.versions}`;
    const folder = join(this.options.directory, version);
    const name = kind === "full" ? BASE_MODEL_NAME : version;
    try {
      await this.writeWeights(folder, hash, signal);
      if (kind === "full") {
        this.loaded = null;
        if (before) await Promise.allSettled(before.running);
      }
      await this.loadEverywhere(name, folder, signal);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    const loaded = this.buildLoaded(hash, name, folder);
    this.loaded = loaded;
    this.replicas.forgetPlaces();
    // vLLM may read an adapter again, where those of other runs push it out of its memory.
    if (kind === "full") await rm(folder, { recursive: true, force: true });
    else if (before) await this.unload(before, signal);
    return loaded.sampler;
  }

  /** Unloads the last adapter, because other runs may use the servers. */
  async close(): Promise<void> {
    const last = this.loaded;
    this.loaded = null;
    if (last && this.options.kind === "adapter")
      await this.unload(last, AbortSignal.timeout(30_000)).catch(() => undefined);
  }

  private async writeWeights(folder: string, hash: string, signal: AbortSignal): Promise<void> {
    await mkdir(this.options.directory, { recursive: true });
    const exported = await this.options.model.export(folder, { signal });
    if (exported.hash !== hash)
      throw new AppError("internal", "The weights changed while they were written for vLLM.");
  }

  /** Gives a folder to every server, and checks what they compute then. An adapter that is not on all is on none. */
  private async loadEverywhere(name: string, folder: string, signal: AbortSignal): Promise<void> {
    const { kind, tensorParallelSize } = this.options;
    const { clients } = this.replicas;
    const load = (client: VllmClient): Promise<void> =>
      kind === "full"
        ? client.reloadWeights(folder, tensorParallelSize, signal)
        : client.loadAdapter(name, folder, signal);
    const outcomes = await Promise.allSettled(clients.map(load));
    try {
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed) throw failed.reason;
      await this.weightsCheck.check(
        clients.map((client) => (ids) => client.scoreText(name, ids, signal)),
        { signal },
      );
    } catch (error) {
      if (kind === "adapter")
        await Promise.allSettled(
          clients
            .filter((_, i) => outcomes[i]!.status === "fulfilled")
            .map((client) => client.unloadAdapter(name, AbortSignal.timeout(30_000))),
        );
      throw error;
    }
  }

  private buildLoaded(hash: string, name: string, folder: string): LoadedWeights {
    const running = new Set<Promise<unknown>>();
    const loaded: LoadedWeights = {
      hash,
      name,
      folder,
      running,
      sampler: {
        sample: (body, options) =>
          this.loaded === loaded
            ? this.track(running, this.sample(name, body, options))
            : Promise.reject(
                new AppError("internal", "vLLM no longer holds the weights to sample with."),
              ),
        endSessions: (sessions) => {
          this.replicas.endSessions(sessions);
          return Promise.resolve({});
        },
      },
    };
    return loaded;
  }

  private async unload(
    { name, folder, running }: LoadedWeights,
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.allSettled(running);
    await Promise.all(this.replicas.clients.map((client) => client.unloadAdapter(name, signal)));
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
    if (!adapter && this.options.kind === "full")
      throw new AppError(
        "unsupported",
        "vLLM holds the trained weights in the base's place: ask the engine for the frozen base.",
      );
    const guided = sequences.find(({ guide }) => guide !== undefined);
    if (guided)
      throw new AppError(
        "unsupported",
        "vLLM's guided decoding forces no tokens and gives no log-probabilities over the allowed ones, so it is not the policy that is trained. Set search.decoding to free, or searcher.sampler to engine.",
      );
    // One failure cancels the other requests: a step is sampled whole or not at all.
    const model = adapter ? name : BASE_MODEL_NAME;
    const results = await runAllOrNone(signal, (own) =>
      sequences.map((sequence) => this.completeSequence(model, sequence, own)),
    );
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
    const ends = [...new Set([...this.options.model.info.eosIds, ...stopIds])];
    const completions = await this.replicas.complete(
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
      sequence.session ?? null,
      signal,
    );
    return completions.map(({ ids: sampledIds, logprobs, finish }) => ({
      ids: sampledIds,
      logprobs,
      forced: sampledIds.map(() => false),
      finishReason: finish,
      text: this.options.tokenizer.decode(
        ends.includes(sampledIds[sampledIds.length - 1]!) ? sampledIds.slice(0, -1) : sampledIds,
      ),
    }));
  }
}
