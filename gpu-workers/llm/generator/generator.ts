import type { Answer, ModelUsage } from "@/contracts/records/episode";
import { cacheKey } from "@/gpu-workers/runtime/keys";
import type { GenerationRequest, PromptStyle } from "./prompt-style";

/** Where completions come from. Throws AppError; never makes up an answer. */
export interface GeneratorBackend {
  /** What beside model, style and token limit can change an answer. */
  readonly identity: Record<string, string>;
  /** Requests per call of `complete`. */
  readonly batchSize: number;
  /** A completion per request, in order; each may fail by itself. */
  complete(
    requests: readonly GenerationRequest[],
    signal: AbortSignal,
  ): Promise<{ text: string; seconds: number; usage?: ModelUsage }>[];
}

/** Answers stored outside this process. */
export interface AnswerStore {
  findAnswers(keys: string[]): Promise<Map<string, Answer>>;
  saveAnswers(answers: Answer[]): Promise<void>;
}

/**
 * The frozen generator. It is deterministic, so an answer is made once: looked up in memory, then in the store, and
 * only then asked for.
 */
export class Generator {
  private readonly memo = new Map<string, Answer>();

  constructor(
    readonly model: string,
    private readonly promptStyle: PromptStyle,
    private readonly maxTokens: number,
    private readonly backend: GeneratorBackend,
    private readonly store: AnswerStore,
    /** `each`: every answer is stored at once; `unrecorded`: those beside a failure, as the others are stored with their episodes. */
    private readonly keep: "each" | "unrecorded" = "each",
  ) {}

  /** Answers in the order of the requests. Throws AppError "generator-unavailable" or "engine-unavailable". */
  async answer(requests: readonly GenerationRequest[], signal: AbortSignal): Promise<Answer[]> {
    const keys = requests.map((request) => this.computeAnswerKey(request));
    const unknown = new Map(
      requests
        .map((request, i) => [keys[i]!, request] as const)
        .filter(([key]) => !this.memo.has(key)),
    );
    if (unknown.size > 0) {
      for (const [key, answer] of await this.store.findAnswers([...unknown.keys()])) {
        this.memo.set(key, answer);
        unknown.delete(key);
      }
    }
    const missing = [...unknown];
    for (let start = 0; start < missing.length; start += this.backend.batchSize)
      await this.generate(missing.slice(start, start + this.backend.batchSize), signal);
    return keys.map((key) => this.memo.get(key)!);
  }

  /** Everything answered so far, for a checkpoint. */
  listAnswers(): Answer[] {
    return [...this.memo.values()];
  }

  /** Takes up what an earlier attempt remembered. */
  addAnswers(answers: readonly Answer[]): void {
    for (const answer of answers) this.memo.set(answer.key, answer);
  }

  private computeAnswerKey({ question, documents }: GenerationRequest): string {
    return cacheKey({
      record: "answer",
      question,
      documents: documents.map(({ hash }) => hash),
      generator: this.model,
      style: this.promptStyle.label,
      examples: this.promptStyle.id === "few-shot" ? this.promptStyle.examples : undefined,
      maxTokens: this.maxTokens,
      ...this.backend.identity,
    });
  }

  /** Keeps every answer that came, then throws the first failure: an answer may have been paid for. */
  private async generate(
    batch: readonly (readonly [string, GenerationRequest])[],
    signal: AbortSignal,
  ): Promise<void> {
    const requests = batch.map(([, request]) => request);
    const settled = await Promise.allSettled(this.backend.complete(requests, signal));
    const answers = settled.flatMap((result, i): Answer[] => {
      if (result.status === "rejected") return [];
      const { text, seconds, usage } = result.value;
      return [
        {
          key: batch[i]![0],
          generator: this.model,
          promptStyle: this.promptStyle.label,
          text: this.cutAtStop(text),
          seconds,
          ...(usage && { usage }),
        },
      ];
    });
    for (const answer of answers) this.memo.set(answer.key, answer);
    if (answers.length > 0 && (this.keep === "each" || answers.length < batch.length))
      await this.store.saveAnswers(answers);
    for (const result of settled) if (result.status === "rejected") throw result.reason;
  }

  private cutAtStop(text: string): string {
    const end = Math.min(
      ...this.promptStyle.stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0),
      text.length,
    );
    return text.slice(0, end).trim();
  }
}
