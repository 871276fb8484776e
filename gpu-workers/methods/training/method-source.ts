import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import { resolveSampling, type TokenSampling } from "@/contracts/run-config/sampling";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { TrainedMethod } from "@/contracts/run-config/trained-method";
import type { Question } from "@/contracts/worker-protocol/questions";
import { findMethodPrompt } from "@/core/prompts/built-in-prompts";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { EpisodeTrace } from "@/gpu-workers/methods/episode-trace";
import {
  buildQuestionPrompt,
  createMethod,
  type MethodDefinition,
} from "@/gpu-workers/methods/method-definition";
import {
  buildEngineReply,
  createEngineModel,
  type ModelReply,
  type ModelRequest,
} from "@/gpu-workers/methods/method-model";
import type { MethodPlan } from "@/gpu-workers/methods/method-plan";
import { sft } from "@/gpu-workers/methods/direct";
import { r1 } from "@/gpu-workers/methods/r1";
import { searchR1 } from "@/gpu-workers/methods/search-r1";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { EpisodeSource } from "@/gpu-workers/rl/episode-source";
import type { Policy } from "@/gpu-workers/rl/policy";
import { computeCacheKey, deriveSeed } from "@/gpu-workers/runtime/keys";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type {
  EpisodeRequest,
  SamplingParameters,
  Searcher,
} from "@/gpu-workers/searcher/episode-inputs";
import type { ModelMethod } from "@/gpu-workers/searcher/method";
import {
  buildTrainingSequence,
  type TrainingSequence,
} from "@/gpu-workers/searcher/training-sequence";
import { DEMONSTRATIONS } from "./demonstrations";
import { LockStep } from "./lock-step";
import { TokenRecord } from "./token-record";

type Baseline = Exclude<TrainedMethod, "s3">;
const DEFINITIONS: Readonly<Record<Baseline, MethodDefinition>> = {
  "search-r1": searchR1,
  r1,
  sft,
};
/** Baselines are trained by the paper's form; `upstream` is s3's released code. */
const PROTOCOL = "paper";

/** What is played with. */
export interface MethodSourceDependencies {
  /** Null where the method does not search. */
  retriever: Pick<Retriever, "search" | "describe"> | null;
  documents: DocumentStore;
  config: Pick<TrainConfig, "seed" | "search" | "searcher" | "evaluation">;
}

/** Answers one request of a method's model. */
type Write = (sequence: SampleSequence) => Promise<{ sampled: Sampled; seconds: number }>;

/** An episode that is about to be played. */
interface Lane {
  request: EpisodeRequest;
  key: string;
  nextSeed: () => number;
  write: Write;
  search: (query: { query: string; count: number }) => Promise<Found>;
}
type Found = Awaited<ReturnType<Retriever["search"]>>[number];

/** The next text does not fit into what the model reads. */
class TooLongError extends Error {}

/**
 * Episodes of a method that answers by itself, as its predict runs play them, with the tokens that were read and sampled.
 * What the environment wrote, prompt and retrieved documents, has no loss (Search-R1, Jin et al. 2025, section 3.1).
 */
export function createMethodSource(
  name: Baseline,
  { retriever, documents, config }: MethodSourceDependencies,
): EpisodeSource {
  const definition = DEFINITIONS[name];
  const { search, seed } = config;
  const template = createPromptTemplate(
    findMethodPrompt(name, PROTOCOL)!,
    null,
    "methodSettings.promptTemplate",
  );
  const settings = {
    retrieve: search.retrieve,
    searches: search.turns,
    maxTokens: search.turnTokens,
    answeredBy: "method",
  } as const;

  /** The method as a predict run has it: it names episodes and answers. */
  const describeMethod = (searcher: Searcher, sampling: TokenSampling): ModelMethod =>
    createMethod(definition, {
      model: createEngineModel(
        searcher.model,
        true,
        searcher.tokenizer,
        config.searcher.model,
        searcher.identity,
      ),
      retriever,
      documents,
      template,
      condensing: null,
      protocol: PROTOCOL,
      settings: { ...settings, topP: null, ...sampling },
      generates: false,
      seed,
    });

  /** Plays an episode: the method decides, `lane` answers it. */
  async function playLane(
    { tokenizer, maxLength }: Pick<Searcher, "tokenizer" | "maxLength">,
    lane: Lane,
    plan: MethodPlan,
    label: NonNullable<ModelMethod["ownAnswerLabel"]>,
    signal: AbortSignal,
  ): Promise<Episode> {
    const { request, key } = lane;
    const tokens = new TokenRecord(tokenizer);
    const session = randomUUID();
    let calls = 0;
    const reply = async (asked: ModelRequest): Promise<ModelReply> => {
      const { messages, ...sampling } = asked;
      const text = tokenizer.chat.render(messages);
      const { prompt, ids } = tokens.continueWith(text);
      requireRoom(ids.length + sampling.maxTokens, maxLength, calls++, request.question.id);
      const { sampled, seconds } = await lane.write({
        session,
        ids,
        ...sampling,
        stop: [...sampling.stop],
      });
      tokens.add(text, prompt, sampled);
      return buildEngineReply({ text, tokens: ids.length }, sampled, seconds);
    };
    const trace = new EpisodeTrace({
      model: { name: config.searcher.model, identity: null, reply },
      retriever: {
        search: async ([query], count) => [await lane.search({ query: query!, count })],
      },
      documents,
      template,
      condensing: null,
      signal,
      plan,
      // A policy that learns may write thoughts alone: it is told so by its reward.
      thinksInText: true,
      nextSeed: lane.nextSeed,
      ...(request.onSteps && { onSteps: request.onSteps }),
    });
    try {
      await definition.run(trace, buildQuestionPrompt(request.question, PROTOCOL), plan, PROTOCOL);
    } catch (error) {
      if (!(error instanceof TooLongError)) throw error;
      trace.reject("truncated", error.message);
      trace.recordAnswer(null, error.message);
      trace.recordStop("length");
    }
    const { steps, context, usage, ownAnswer } = trace.getResult();
    const written = tokens.listTokens().values();
    return {
      key,
      method: definition.name,
      protocol: PROTOCOL,
      questionId: request.question.id,
      sampleIndex: request.sampleIndex,
      steps: steps.map((step) =>
        step.kind === "generate" ? { ...step, ...written.next().value } : step,
      ),
      context,
      usage,
      ownAnswer: { ...label, text: ownAnswer },
    };
  }

  /** Searches of all episodes that wait, as one batch. */
  const searchBatch =
    (stopwatch: Stopwatch<StepPhase>, signal: AbortSignal) =>
    async (asked: readonly { query: string; count: number }[]): Promise<Found[]> => {
      if (retriever === null)
        throw new AppError("internal", `${name} was opened without a retriever.`);
      const most = Math.max(...asked.map(({ count }) => count));
      const found = await stopwatch.time("retrieve", () =>
        retriever.search(
          asked.map(({ query }) => query),
          most,
          signal,
        ),
      );
      return found.map((documents, i) => documents.slice(0, asked[i]!.count));
    };

  /** Plays episodes in lock-step with the policy's present weights. */
  async function play(
    searcher: Searcher,
    parameters: SamplingParameters,
    requests: readonly EpisodeRequest[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Episode[]> {
    const { seed: runSeed, step, training: _training, ...sampling } = parameters;
    const method = describeMethod(searcher, sampling);
    const plan = createPlan(definition, settings, sampling);
    const lockStep = new LockStep(requests.length);
    const askRetriever = lockStep.addService(searchBatch(stopwatch, signal));
    const askModel = lockStep.addService(async (sequences: readonly SampleSequence[]) => {
      const start = performance.now();
      const { sequences: groups } = await stopwatch.time("gen", () =>
        searcher.model.sample({ adapter: true, sequences: [...sequences] }, { signal }),
      );
      const seconds = (performance.now() - start) / 1000 / sequences.length;
      return groups.map(([sampled]) => ({ sampled: sampled!, seconds }));
    });
    const sessions = new Set<string>();
    try {
      return await lockStep.play(
        requests.map((request, number) => () => {
          const { question, sampleIndex } = request;
          let calls = 0;
          const lane: Lane = {
            request,
            key: computeCacheKey({
              record: "trained-episode",
              episode: method.computeEpisodeKey(question),
              step,
              sampleIndex,
            }),
            nextSeed: () => deriveSeed(runSeed, step, question.id, sampleIndex, calls++),
            write: (sequence) => {
              sessions.add(sequence.session!);
              return askModel(number, sequence);
            },
            search: (query) => askRetriever(number, query),
          };
          return playLane(searcher, lane, plan, method.ownAnswerLabel!, signal);
        }),
      );
    } finally {
      await searcher.model.endSessions([...sessions]).catch(() => undefined);
    }
  }

  /** Plays demonstrations: the same episodes, written by `DEMONSTRATIONS` in the policy's place. */
  async function demonstrate(
    questions: readonly Question[],
    { model, tokenizer }: Policy,
    signal: AbortSignal,
  ): Promise<TrainingSequence[]> {
    const plan = createPlan(definition, settings, { temperature: 0 });
    const lockStep = new LockStep(questions.length);
    const askRetriever = lockStep.addService(searchBatch(new Stopwatch(), signal));
    // Where no stop string ends the text, the model's own end does.
    const end = plan.stop.length === 0 ? model.info.eosIds.slice(0, 1) : [];
    const episodes = await lockStep.play(
      questions.map((question, number) => () => {
        const found = new Set<string>();
        let written = 0;
        const lane: Lane = {
          request: { question, sampleIndex: 0 },
          key: "demonstration",
          nextSeed: () => 0,
          write: () => {
            const state = { written: written++, found, searches: plan.searches };
            const text = DEMONSTRATIONS[name](question, state);
            return Promise.resolve({ sampled: writeTokens(tokenizer, text, end), seconds: 0 });
          },
          search: async (query) => {
            const window = await askRetriever(number, query);
            for (const { id } of window) found.add(id);
            return window;
          },
        };
        const label = { model: config.searcher.model, prompt: template.label };
        return playLane({ tokenizer, maxLength: model.info.maxLength }, lane, plan, label, signal);
      }),
    );
    return episodes.map((episode) => buildTrainingSequence(episode, search));
  }

  return {
    play,
    demonstrate,
    createEvaluatedMethod: (searcher) => {
      const sampling = resolveSampling(config.evaluation, definition.plans[PROTOCOL]);
      const parameters = { ...sampling, seed, step: 0, training: false };
      return {
        name: definition.name,
        run: (questions, signal, onSteps) =>
          play(
            searcher,
            parameters,
            questions.map((question) => ({
              question,
              sampleIndex: 0,
              ...(onSteps && { onSteps }),
            })),
            new Stopwatch(),
            signal,
          ),
      };
    },
  };
}

const createPlan = (
  { plans }: MethodDefinition,
  { retrieve, searches, maxTokens }: Pick<MethodPlan, "retrieve" | "searches" | "maxTokens">,
  sampling: TokenSampling,
): MethodPlan => ({
  stop: plans[PROTOCOL].stop,
  retrieve,
  searches,
  maxTokens,
  ...sampling,
});

/** @throws AppError where not even the first text fits; TooLongError where a later one does not */
function requireRoom(needed: number, maxLength: number, calls: number, question: string): void {
  if (needed <= maxLength) return;
  if (calls === 0)
    throw new AppError(
      "invalid-input",
      `The first prompt of question ${question} and its answer take up to ${needed} tokens, the model reads ${maxLength}: lower search.turnTokens, or choose a model that reads more.`,
    );
  throw new TooLongError(`${needed} tokens, of ${maxLength} that the model reads`);
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
