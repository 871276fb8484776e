import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import { resolveSampling, type TokenSampling } from "@/contracts/run-config/sampling";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { TrainedMethod } from "@/contracts/run-config/trained-method-names";
import type { Question } from "@/contracts/worker-protocol/questions";
import { findMethodPrompt } from "@/core/prompts/built-in-prompts";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { sft } from "@/gpu-workers/methods/direct";
import { createMethod, type MethodDefinition } from "@/gpu-workers/methods/method-definition";
import { createEngineModel } from "@/gpu-workers/methods/method-model";
import { r1 } from "@/gpu-workers/methods/r1";
import { searchR1 } from "@/gpu-workers/methods/search-r1";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";
import type { EpisodeSource } from "@/gpu-workers/rl/episode-source";
import type { Policy } from "@/gpu-workers/rl/policy";
import { computeCacheKey, deriveSeed } from "@/gpu-workers/runtime/keys";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type {
  EpisodeRequest,
  SamplingParameters,
  Searcher,
} from "@/gpu-workers/searcher/episode-inputs";
import type { Method, ModelMethod } from "@/gpu-workers/searcher/method";
import {
  buildTrainingSequence,
  type TrainingSequence,
} from "@/gpu-workers/searcher/training-sequence";
import { DEMONSTRATIONS } from "./demonstrations";
import { LockStep } from "./lock-step";
import { playMethodEpisode, PROTOCOL, type MethodParts, type Query } from "./method-episode";

type Baseline = Exclude<TrainedMethod, "s3">;
const DEFINITIONS: Readonly<Record<Baseline, MethodDefinition>> = {
  "search-r1": searchR1,
  r1,
  sft,
};

/** What is played with. */
export interface MethodSourceDependencies {
  /** Null where the method does not search. */
  retriever: Pick<Retriever, "search" | "describe"> | null;
  documents: DocumentStore;
  config: Pick<TrainConfig, "seed" | "search" | "searcher" | "evaluation">;
}

/**
 * Episodes of a method that answers by itself, as its predict runs play them, with the tokens that were read and sampled.
 * What the environment wrote, prompt and retrieved documents, has no loss (Search-R1, Jin et al. 2025, section 3.1).
 */
export class MethodSource implements EpisodeSource {
  private readonly definition: MethodDefinition;
  private readonly template: MethodParts["template"];

  constructor(
    private readonly name: Baseline,
    private readonly dependencies: MethodSourceDependencies,
  ) {
    this.definition = DEFINITIONS[name];
    this.template = createPromptTemplate(
      findMethodPrompt(name, PROTOCOL)!,
      dependencies.config.searcher.promptTemplate ?? null,
      "searcher.promptTemplate",
    );
  }

  async play(
    searcher: Searcher,
    { seed, step, training: _training, ...sampling }: SamplingParameters,
    requests: readonly EpisodeRequest[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Episode[]> {
    const method = this.describeMethod(searcher, sampling);
    const parts = this.buildParts(searcher, sampling);
    const lockStep = new LockStep(requests.length);
    const askRetriever = lockStep.addService((asked: readonly Query[]) =>
      this.search(asked, stopwatch, signal),
    );
    const askModel = lockStep.addService((sequences: readonly SampleSequence[]) =>
      stopwatch.time("gen", () => sampleBatch(searcher, sequences, signal)),
    );
    const sessions = new Set<string>();
    const playRequest = (request: EpisodeRequest, lane: number): Promise<Episode> => {
      const { question, sampleIndex } = request;
      let calls = 0;
      const episode = method.computeEpisodeKey(question);
      return playMethodEpisode(
        parts,
        {
          request,
          // Not that of a predict run, which encodes anew what was written before.
          key: computeCacheKey({ record: "trained-episode", episode, step, sampleIndex }),
          nextSeed: () => deriveSeed(seed, step, question.id, sampleIndex, calls++),
          write: (sequence) => {
            sessions.add(sequence.session!);
            return askModel(lane, sequence);
          },
          search: (query) => askRetriever(lane, query),
        },
        signal,
      );
    };
    try {
      return await lockStep.play(requests.map((request, lane) => () => playRequest(request, lane)));
    } finally {
      await searcher.model.endSessions([...sessions]).catch(() => undefined);
    }
  }

  /** The same episodes, written by `DEMONSTRATIONS` in the policy's place. */
  async demonstrate(
    questions: readonly Question[],
    { model, tokenizer }: Policy,
    signal: AbortSignal,
  ): Promise<TrainingSequence[]> {
    const { maxLength, eosIds } = model.info;
    const parts = this.buildParts({ tokenizer, maxLength }, { temperature: 0 });
    const lockStep = new LockStep(questions.length);
    const askRetriever = lockStep.addService((asked: readonly Query[]) =>
      this.search(asked, new Stopwatch(), signal),
    );
    // Where no stop string ends the text, the model's own end does.
    const end = parts.plan.stop.length === 0 ? eosIds.slice(0, 1) : [];
    const playQuestion = (question: Question, lane: number): Promise<Episode> => {
      const found = new Set<string>();
      let written = 0;
      return playMethodEpisode(
        parts,
        {
          request: { question, sampleIndex: 0 },
          key: "demonstration",
          nextSeed: () => 0,
          write: () => {
            const state = { written: written++, found, searches: parts.plan.searches };
            const text = DEMONSTRATIONS[this.name](question, state);
            return Promise.resolve({ sampled: writeTokens(tokenizer, text, end), seconds: 0 });
          },
          search: async (query) => {
            const window = await askRetriever(lane, query);
            for (const { id } of window) found.add(id);
            return window;
          },
        },
        signal,
      );
    };
    const episodes = await lockStep.play(
      questions.map((question, lane) => () => playQuestion(question, lane)),
    );
    return episodes.map((episode) =>
      buildTrainingSequence(episode, this.dependencies.config.search),
    );
  }

  createEvaluatedMethod(searcher: Searcher): Method {
    const { seed, evaluation } = this.dependencies.config;
    const sampling = resolveSampling(evaluation, this.definition.plans[PROTOCOL]);
    const parameters = { ...sampling, seed, step: 0, training: false };
    return {
      name: this.definition.name,
      run: (questions, signal, onSteps) => {
        const listener = onSteps && { onSteps };
        const requests = questions.map((question) => ({ question, sampleIndex: 0, ...listener }));
        return this.play(searcher, parameters, requests, new Stopwatch(), signal);
      },
    };
  }

  private buildParts(reader: MethodParts["reader"], sampling: TokenSampling): MethodParts {
    const { documents, config } = this.dependencies;
    const { definition, template } = this;
    const { retrieve, turns: searches, turnTokens: maxTokens } = config.search;
    const { stop } = definition.plans[PROTOCOL];
    const plan = { retrieve, searches, maxTokens, stop, ...sampling };
    const label = { model: config.searcher.model, prompt: template.label };
    return { definition, template, documents, plan, label, reader };
  }

  /** The method as a predict run has it: it names episodes. */
  private describeMethod(searcher: Searcher, sampling: TokenSampling): ModelMethod {
    const { retriever, documents, config } = this.dependencies;
    const { retrieve, turns: searches, turnTokens: maxTokens } = config.search;
    const { model, tokenizer, identity } = searcher;
    return createMethod(this.definition, {
      model: createEngineModel(model, true, tokenizer, config.searcher.model, identity),
      retriever,
      documents,
      template: this.template,
      condensing: null,
      protocol: PROTOCOL,
      settings: { retrieve, searches, maxTokens, answeredBy: "method", topP: null, ...sampling },
      generates: false,
      seed: config.seed,
    });
  }

  /** The searches of all episodes that wait, as one batch. */
  private async search(
    asked: readonly Query[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const { retriever } = this.dependencies;
    if (retriever === null)
      throw new AppError("internal", `${this.name} was opened without a retriever.`);
    const queries = asked.map(({ query }) => query);
    const most = Math.max(...asked.map(({ count }) => count));
    const found = await stopwatch.time("retrieve", () => retriever.search(queries, most, signal));
    return found.map((documents, i) => documents.slice(0, asked[i]!.count));
  }
}

/** Samples the texts of all episodes that wait, as one batch. */
async function sampleBatch(
  { model }: Searcher,
  sequences: readonly SampleSequence[],
  signal: AbortSignal,
): Promise<{ sampled: Sampled; seconds: number }[]> {
  const start = performance.now();
  const result = await model.sample({ adapter: true, sequences: [...sequences] }, { signal });
  const seconds = (performance.now() - start) / 1000 / sequences.length;
  return result.sequences.map(([sampled]) => ({ sampled: sampled!, seconds }));
}

/** A text as if the policy had sampled it. */
function writeTokens(
  tokenizer: Pick<Searcher["tokenizer"], "encode">,
  text: string,
  end: readonly number[],
): Sampled {
  const ids = [...tokenizer.encode(text), ...end];
  return {
    ids,
    text,
    logprobs: ids.map(() => 0),
    forced: ids.map(() => false),
    finishReason: "stop",
  };
}
