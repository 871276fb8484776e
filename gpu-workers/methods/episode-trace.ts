import type {
  DocumentRef,
  DocumentText,
  EpisodeStep,
  FormatError,
  ModelUsage,
  StepOfKind,
} from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { requireAnswer } from "@/gpu-workers/llm/endpoint/endpoint-client";
import type { Message } from "@/contracts/run-config/prompt";
import { getFetchDate, type Retriever } from "@/gpu-workers/retrieval/retriever";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { StepsListener } from "@/gpu-workers/searcher/method";
import type { ContextDocument } from "@/gpu-workers/searcher/upstream-context";
import type { MethodModel, ModelReply, ModelRequest } from "./method-model";
import type { MethodPlan } from "./method-plan";
import type { PromptTemplate } from "@/core/prompts/prompt-template";

/** Longest part of a rejected text that is kept; the step `generate` holds all of it. */
const REJECTED = 1000;

/** The setting that limits a reply. */
const TOKEN_LIMIT = "methodSettings.maxTokens, of s3 search.turnTokens";

export interface EpisodeTraceDependencies {
  model: MethodModel;
  retriever: Pick<Retriever, "search"> | null;
  documents: DocumentStore;
  template: PromptTemplate;
  condensing: PromptTemplate | null;
  plan: MethodPlan;
  signal: AbortSignal;
  /** The method's model thinks and acts in one text, so one that is cut within its thoughts is counted as truncated. */
  thinksInText: boolean;
  /** The model learns: its reward tells it of a text without an answer, also of one that is cut before it says anything. */
  learns?: true;
  /** A seed for the next call of the model. */
  nextSeed: () => number;
  /** Hears of the steps after each of them. */
  onSteps?: StepsListener;
}

/** One episode while it happens: what a method does passes through here and is written down as typed steps. */
export class EpisodeTrace {
  private readonly steps: EpisodeStep[] = [];
  private readonly context = new Map<string, DocumentRef>();
  private used: ModelUsage = { calls: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 };
  private ownAnswer = "";
  private turn = 0;
  private window: DocumentRef[] = [];

  constructor(private readonly parts: EpisodeTraceDependencies) {}

  private record(step: EpisodeStep): void {
    this.steps.push(step);
    this.parts.onSteps?.(this.steps);
  }

  /** The method's prompt with these values; foreign text among them cannot write a special token. */
  buildPrompt(values: Readonly<Record<string, string>>): Message[] {
    return this.parts.template.fill(values);
  }

  /** Asks the model to go on. A text cut by the token limit is counted. */
  async generate(
    messages: readonly Message[],
    overrides: Partial<Pick<ModelRequest, "stop" | "maxTokens">> = {},
  ): Promise<ModelReply> {
    const { reply, call } = await this.callModel(messages, overrides);
    const { thinksInText, learns } = this.parts;
    if (!learns && (!thinksInText || reply.content === "")) requireAnswer(reply, TOKEN_LIMIT);
    this.record({ kind: "generate", ...call });
    if (reply.finish === "length") this.reject("truncated", reply.content.slice(-REJECTED));
    return reply;
  }

  /** Asks the model to condense this turn's documents, by the method's condensing prompt with these values. */
  async condense(values: Readonly<Record<string, string>>): Promise<string> {
    const { condensing } = this.parts;
    if (condensing === null)
      throw new AppError("internal", "This method was opened without a condensing prompt.");
    const { reply, call } = await this.callModel(condensing.fill(values), { stop: [] });
    requireAnswer(reply, TOKEN_LIMIT);
    this.record({ kind: "condense", ...call });
    return reply.text;
  }

  private async callModel(
    messages: readonly Message[],
    overrides: Partial<ModelRequest>,
  ): Promise<{ reply: ModelReply; call: Omit<StepOfKind<"condense">, "kind"> }> {
    const { model, plan, signal, nextSeed } = this.parts;
    const { stop, maxTokens, temperature, topP, topK, repetitionPenalty } = plan;
    const reply = await model.reply(
      {
        messages,
        stop,
        maxTokens,
        temperature,
        ...(topP === undefined ? {} : { topP }),
        ...(topK === undefined ? {} : { topK }),
        ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
        seed: nextSeed(),
        ...overrides,
      },
      signal,
    );
    const { calls, promptTokens, completionTokens, costUsd } = reply.usage;
    this.used = {
      calls: this.used.calls + calls,
      promptTokens: this.used.promptTokens + promptTokens,
      completionTokens: this.used.completionTokens + completionTokens,
      costUsd: this.used.costUsd === null || costUsd === null ? null : this.used.costUsd + costUsd,
    };
    const prompt = messages.map(({ role, content }) => `--- ${role} ---\n${content}`).join("\n");
    return {
      reply,
      call: {
        turn: this.turn,
        seconds: reply.seconds,
        prompt,
        text: reply.written,
        promptTokens,
        completionTokens,
      },
    };
  }

  /**
   * Searches: a query that the model wrote begins a new turn, the question itself is turn 0. Ids in `without` stay out
   * of the window.
   */
  async retrieve(
    query: string,
    count: number,
    by: "question" | "model",
    without: ReadonlySet<string> = new Set(),
  ): Promise<(DocumentText & DocumentRef)[]> {
    const { retriever, documents, signal } = this.parts;
    if (retriever === null)
      throw new AppError("internal", "This method was opened without a retriever.");
    if (by === "model") this.turn += 1;
    const start = performance.now();
    const [found] = await retriever.search([query], count + without.size, signal);
    this.window = found!
      .filter(({ id }) => !without.has(id))
      .slice(0, count)
      .map((document) => documents.add(document));
    this.record({
      kind: "retrieve",
      turn: this.turn,
      seconds: (performance.now() - start) / 1000,
      query,
      documents: this.window,
      ...getFetchDate(found),
    });
    return this.window.map((ref) => ({ ...documents.getText(ref), ...ref }));
  }

  /** Hands over documents of this turn's window; null: all of them, as methods without a selection of their own do. */
  select(ids: readonly string[] | null): void {
    const selected =
      ids === null ? this.window : ids.flatMap((id) => this.window.filter((ref) => ref.id === id));
    for (const ref of selected) if (!this.context.has(ref.id)) this.context.set(ref.id, ref);
    this.record({
      kind: "select",
      turn: this.turn,
      seconds: 0,
      selected: selected.map(({ id }) => id),
      implicit: ids === null,
    });
  }

  /** Hands over these documents in place of everything that was selected. */
  replaceContext(documents: readonly ContextDocument[]): void {
    this.context.clear();
    for (const document of documents) {
      const ref = this.parts.documents.add({ ...document, score: document.score ?? 0 });
      this.context.set(ref.hash, { ...ref, score: document.score });
    }
  }

  reject(error: FormatError, text: string): void {
    this.record({
      kind: "reject",
      turn: this.turn,
      seconds: 0,
      error,
      text: text.slice(0, REJECTED),
    });
  }

  recordStop(reason: StepOfKind<"stop">["reason"]): void {
    this.record({ kind: "stop", turn: this.turn, seconds: 0, reason });
  }

  /** The method's own answer; null: it gave none that can be read, which is counted. */
  recordAnswer(text: string | null, written: string): void {
    if (text === null || text.trim() === "") this.reject("no-answer", written);
    this.ownAnswer = text?.trim() ?? "";
  }

  getResult(): {
    steps: EpisodeStep[];
    context: DocumentRef[];
    usage: ModelUsage;
    ownAnswer: string;
  } {
    return {
      steps: this.steps,
      context: [...this.context.values()],
      usage: this.used,
      ownAnswer: this.ownAnswer,
    };
  }
}
