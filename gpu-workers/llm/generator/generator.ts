/**
 * generator/: the frozen generator that answers a question from documents. This file caches its answers;
 * `open-generator.ts` opens it from the settings, `prompt-style.ts` renders its prompts, `engine-backend.ts` and
 * `endpoint-backend.ts` complete them.
 */

import type { Answer, ModelUsage } from "@/contracts/records/episode";
import { requireAnswer, type Completion } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import type { GenerationRequest, PromptStyle } from "./prompt-style";
import { chunk } from "@/lib/chunk";

/** How replies are read into answers: part of their keys. 2: thoughts are no part of an answer. */
const READER_VERSION = 2;

/** What a model wrote for an answer. */
export type GeneratedText = Pick<Completion, "text" | "content" | "thoughts" | "finish"> & {
  seconds: number;
  usage?: ModelUsage;
};

/** Where completions come from: the engine or an endpoint. Failures are errors, never invented answers. */
export interface GeneratorBackend {
  /** What can change an answer besides model, prompt style and token limit: part of the cache key. */
  readonly identity: Record<string, string>;
  /** Requests per call of `complete`. */
  readonly batchSize: number;
  /** A completion per request, in order; each may fail by itself. */
  complete(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<GeneratedText>[];
}

/** Answers stored outside this process, by their cache keys. */
export interface AnswerStore {
  findAnswers(keys: string[]): Promise<Map<string, Answer>>;
  saveAnswers(answers: Answer[]): Promise<void>;
}

/**
 * Which answers a generator puts into the store. `each`: all of them, at once. `unrecorded`: only those of a batch that
 * failed in part, because the others are stored together with their episodes.
 */
export type KeepAnswers = "each" | "unrecorded";

/**
 * The frozen generator. Its decoding is deterministic, so each answer is made once: it is looked up in memory, then in
 * the store, and only then generated.
 */
export class Generator {
  private readonly answers = new Map<string, Answer>();
  /** What other calls are finding or generating, by key: it is waited for, not made twice. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    readonly model: string,
    private readonly promptStyle: PromptStyle,
    private readonly maxTokens: number,
    private readonly backend: GeneratorBackend,
    private readonly store: AnswerStore,
    private readonly keep: KeepAnswers = "each",
  ) {}

  /** Answers in the order of the requests. Throws AppError "generator-unavailable" or "engine-unavailable". */
  async answer(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<Answer[]> {
    const keys = requests.map((request) => this.computeAnswerKey(request));
    const unknown = new Map(
      requests
        .map((request, i) => [keys[i]!, request] as const)
        .filter(([key]) => !this.answers.has(key)),
    );
    const others = [...unknown.keys()].flatMap((key) => this.underWay.get(key) ?? []);
    for (const key of this.underWay.keys()) unknown.delete(key);
    const own = this.findOrGenerate(unknown, signal).finally(() => {
      for (const key of unknown.keys()) this.underWay.delete(key);
    });
    for (const key of unknown.keys()) this.underWay.set(key, own);
    // Also where one fails all are waited for, so that nothing is generated or stored once this call has ended.
    const settled = await Promise.allSettled([own, ...others]);
    const failed = settled.find((result) => result.status === "rejected");
    if (failed && keys.some((key) => !this.answers.has(key))) throw failed.reason;
    return keys.map((key) => this.answers.get(key)!);
  }

  /** Looks answers up in the store, and generates those that it lacks. */
  private async findOrGenerate(
    requests: ReadonlyMap<string, GenerationRequest>,
    signal: AbortSignal,
  ): Promise<void> {
    if (requests.size === 0) return;
    const found = await this.store.findAnswers([...requests.keys()]);
    for (const [key, answer] of found) this.answers.set(key, answer);
    const missing = [...requests].filter(([key]) => !found.has(key));
    for (const batch of chunk(missing, this.backend.batchSize)) await this.generate(batch, signal);
  }

  /** Every answer known so far, for a checkpoint. */
  listAnswers(): Answer[] {
    return [...this.answers.values()];
  }

  /** Adds the answers of a checkpoint. */
  addAnswers(answers: readonly Answer[]): void {
    for (const answer of answers) this.answers.set(answer.key, answer);
  }

  private computeAnswerKey({ question, documents }: GenerationRequest): string {
    return computeCacheKey({
      record: "answer",
      reader: READER_VERSION,
      question,
      documents: documents.map(({ hash }) => hash),
      generator: this.model,
      style: this.promptStyle.label,
      examples: this.promptStyle.id === "few-shot" ? this.promptStyle.examples : undefined,
      maxTokens: this.maxTokens,
      ...this.backend.identity,
    });
  }

  /** Generates one batch. Keeps every answer that came before it throws the first failure: answers may have been paid for. */
  private async generate(
    batch: readonly (readonly [string, GenerationRequest])[],
    signal: AbortSignal,
  ): Promise<void> {
    const requests = batch.map(([, request]) => request);
    const settled = await Promise.allSettled(
      this.backend
        .complete(requests, signal)
        .map(async (generated, i) => this.buildAnswer(batch[i]![0], await generated)),
    );
    const answers = settled.flatMap((result) =>
      result.status === "fulfilled" ? [result.value] : [],
    );
    for (const answer of answers) this.answers.set(answer.key, answer);
    if (answers.length > 0 && (this.keep === "each" || answers.length < batch.length))
      await this.store.saveAnswers(answers);
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }

  /** @throws AppError "generator-unavailable" where the model did not come to its answer */
  private buildAnswer(key: string, generated: GeneratedText): Answer {
    requireAnswer(generated, "generator.maxTokens");
    const { text, thoughts, seconds, usage } = generated;
    return {
      key,
      generator: this.model,
      promptStyle: this.promptStyle.label,
      text: this.cutAtStop(text),
      seconds,
      ...(usage && { usage: { ...usage, ...(thoughts !== null && { thoughts }) } }),
    };
  }

  private cutAtStop(text: string): string {
    const end = Math.min(
      ...this.promptStyle.stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0),
      text.length,
    );
    return text.slice(0, end).trim();
  }
}
