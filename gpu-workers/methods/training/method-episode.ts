import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import type { PromptTemplate } from "@/core/prompts/prompt-template";
import { EpisodeTrace } from "@/gpu-workers/methods/episode-trace";
import {
  buildQuestionPrompt,
  type MethodDefinition,
} from "@/gpu-workers/methods/method-definition";
import { buildEngineReply, type MethodModel } from "@/gpu-workers/methods/method-model";
import type { MethodPlan } from "@/gpu-workers/methods/method-plan";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";
import type { EpisodeRequest, Searcher } from "@/gpu-workers/searcher/episode-inputs";
import type { ModelMethod } from "@/gpu-workers/searcher/method";
import { TokenRecord } from "./token-record";

/** Baselines are trained by the paper's form; `upstream` is s3's released code. */
export const PROTOCOL = "paper";

/** What all episodes of a batch are played by. */
export interface MethodParts {
  definition: MethodDefinition;
  template: PromptTemplate;
  documents: DocumentStore;
  plan: MethodPlan;
  /** Who answers. */
  label: NonNullable<ModelMethod["ownAnswerLabel"]>;
  /** Who reads: what is sampled stays its tokens. */
  reader: Pick<Searcher, "tokenizer" | "maxLength">;
}

/** A query, with how many documents it asks for. */
export interface Query {
  query: string;
  count: number;
}

/** An episode that is about to be played, and who answers what it asks. */
export interface MethodEpisode {
  request: EpisodeRequest;
  key: string;
  nextSeed: () => number;
  write: (sequence: SampleSequence) => Promise<{ sampled: Sampled; seconds: number }>;
  search: (query: Query) => Promise<readonly RankedDocument[]>;
}

/** The next text does not fit into what the model reads. */
class TooLongError extends Error {}

/**
 * Plays one episode of a method that answers by itself: the method's own definition decides, as in a predict run, and
 * the episode's steps hold the tokens that were read and written.
 *
 * @throws AppError where not even the first prompt fits; a later text that does not ends the episode as truncated
 */
export async function playMethodEpisode(
  parts: MethodParts,
  episode: MethodEpisode,
  signal: AbortSignal,
): Promise<Episode> {
  const { definition, template, documents, plan, label } = parts;
  const { request, key, nextSeed } = episode;
  const tokens = new TokenRecord(parts.reader.tokenizer);
  const trace = new EpisodeTrace({
    model: createRecordedModel(parts, episode, tokens),
    retriever: {
      search: async ([query], count) => [[...(await episode.search({ query: query!, count }))]],
    },
    documents,
    template,
    condensing: null,
    signal,
    plan,
    thinksInText: true,
    learns: true,
    nextSeed,
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

/** The model that an episode asks: it reads on from the tokens of the calls before. */
function createRecordedModel(
  { label, reader: { tokenizer, maxLength } }: MethodParts,
  { request, write }: MethodEpisode,
  tokens: TokenRecord,
): MethodModel {
  const session = randomUUID();
  let calls = 0;
  return {
    name: label.model,
    identity: null,
    async reply({ messages, stop, ...sampling }) {
      const text = tokenizer.chat.render(messages);
      const { prompt, ids } = tokens.continueWith(text);
      requireRoom(ids.length + sampling.maxTokens, maxLength, calls++, request.question.id);
      const { sampled, seconds } = await write({ session, ids, stop: [...stop], ...sampling });
      tokens.add(text, prompt, sampled);
      return buildEngineReply({ text, tokens: ids.length }, sampled, seconds);
    },
  };
}

function requireRoom(needed: number, maxLength: number, calls: number, question: string): void {
  if (needed <= maxLength) return;
  if (calls === 0)
    throw new AppError(
      "invalid-input",
      `The first prompt of question ${question} and its answer take up to ${needed} tokens, the model reads ${maxLength}: lower search.turnTokens, or choose a model that reads more.`,
    );
  throw new TooLongError(`${needed} tokens, of ${maxLength} that the model reads`);
}
