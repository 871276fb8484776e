import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import type {
  DocumentRef,
  Episode,
  EpisodeStep,
  ModelUsage,
  StepOf,
} from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { SearchConfig } from "@/contracts/run-config/run-config";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { DocumentBook } from "@/gpu-workers/retrieval/corpus/documents";
import { renderTurnGrammar } from "./turn-grammar";
import { cacheKey, deriveSeed } from "@/gpu-workers/runtime/keys";
import { selectPrompt, type SearcherPrompt } from "./prompt";
import {
  countInitialDocuments,
  parseTurn,
  PROTOCOL_VERSION,
  countSearchesAllowed,
  listStopStrings,
  type TurnDecision,
} from "./protocol";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

/** The searcher: a model of the engine, with its tokenizer and an identity that changes with its weights. */
export interface Searcher {
  model: Pick<EngineModel, "sample" | "endSessions">;
  tokenizer: Tokenizer;
  /** Model name, weights hash and engine fingerprint: part of every cache key. */
  identity: string;
  /** Tokens of the longest sequence that the model reads. */
  maxLength: number;
}

export interface SearchEnvironment {
  retriever: Pick<Retriever, "search" | "describe">;
  documents: DocumentBook;
  settings: SearchConfig;
  /** A person's prompt in place of the built-in one. */
  template?: SearcherPrompt;
}

export interface SamplingParameters {
  /** 0 is greedy. */
  temperature: number;
  /** Seed of the run; every turn's seed derives from it, the step, the question, the sample and the turn. */
  seed: number;
  /** Training step, 0 outside training. */
  step: number;
  /** Only the upstream protocol tells training from inference (documents of the first window). */
  training: boolean;
}

export interface EpisodeRequest {
  question: Pick<Question, "id" | "question">;
  sampleIndex: number;
}

interface RunningEpisode extends EpisodeRequest {
  session: string;
  query: string;
  /** Everything the model has read and written, as ids. */
  ids: number[];
  seen: Set<string>;
  steps: EpisodeStep[];
  context: Map<string, DocumentRef>;
  stopped: boolean;
}

/**
 * The search loop of s3 (paper, section 3 and figure 2), for many questions in lock-step: one retrieval and one batch
 * of samples a turn. Turn 0 searches with the question itself.
 * @returns an episode per request, in order.
 * Throws AppError where the retriever or the engine stays unavailable; an episode is never cut short by a failure.
 */
export async function runEpisodes(
  searcher: Searcher,
  search: SearchEnvironment,
  sampling: SamplingParameters,
  requests: readonly EpisodeRequest[],
  clock: Stopwatch<StepPhase>,
  signal: AbortSignal,
): Promise<Episode[]> {
  const running = requests.map(startEpisode);
  const searches = countSearchesAllowed(search.settings);
  try {
    for (let turn = 0; turn <= searches; turn++) {
      const active = running.filter((episode) => !episode.stopped);
      if (active.length === 0) break;
      const windows = await clock.time("retrieve", () =>
        retrieveWindows(search, sampling, active, turn, signal),
      );
      const opened = active.map((episode, i) =>
        buildTurnPrompt(searcher, search, episode, windows[i]!, turn),
      );
      const fitting = opened.filter((opening) => fits(opening, searcher, search.settings, turn));
      if (fitting.length === 0) break;
      const samples = await clock.time("gen", () =>
        sampleTurn(searcher, search, sampling, fitting, turn, signal),
      );
      fitting.forEach((opening, i) => applyTurn(opening, samples[i]!, turn, search.settings));
    }
  } finally {
    await searcher.model.endSessions(running.map(({ session }) => session)).catch(() => undefined);
  }
  return running.map((episode) => buildEpisode(episode, searcher, search, sampling));
}

const startEpisode = (request: EpisodeRequest): RunningEpisode => ({
  ...request,
  session: randomUUID(),
  query: request.question.question,
  ids: [],
  seen: new Set(),
  steps: [],
  context: new Map(),
  stopped: false,
});

async function retrieveWindows(
  { retriever, documents, settings }: SearchEnvironment,
  { training }: SamplingParameters,
  active: readonly RunningEpisode[],
  turn: number,
  signal: AbortSignal,
): Promise<DocumentRef[][]> {
  const start = performance.now();
  const size = turn === 0 ? countInitialDocuments(settings, training) : settings.retrieve;
  const mostSeen = settings.skipSeen ? Math.max(...active.map(({ seen }) => seen.size)) : 0;
  const found = await retriever.search(
    active.map(({ query }) => query),
    size + mostSeen,
    signal,
  );
  const seconds = measureSecondsSince(start) / active.length;
  return active.map((episode, i) => {
    const fresh = settings.skipSeen
      ? found[i]!.filter(({ id }) => !episode.seen.has(id))
      : found[i]!;
    const window = fresh.slice(0, size).map((document) => documents.add(document));
    for (const { id } of window) episode.seen.add(id);
    episode.steps.push({
      kind: "retrieve",
      turn,
      seconds,
      query: episode.query,
      documents: window,
    });
    return window;
  });
}

/** A turn before the searcher has its say: what it is shown. */
interface PromptedTurn {
  episode: RunningEpisode;
  window: DocumentRef[];
  fed: { text: string; ids: number[] };
}

function buildTurnPrompt(
  { tokenizer }: Searcher,
  { documents, settings, template = selectPrompt(settings) }: SearchEnvironment,
  episode: RunningEpisode,
  window: DocumentRef[],
  turn: number,
): PromptedTurn {
  const texts = window.map((ref) => documents.textOf(ref));
  const text =
    turn === 0
      ? template.renderStart(episode.question.question, texts, settings)
      : template.renderObservation(texts, countSearchesAllowed(settings) - turn);
  return { episode, window, fed: { text, ids: tokenizer.encode(text) } };
}

/**
 * Whether the model can read what the turn shows and write its longest answer. Where it cannot, the episode ends with
 * what it has, and says so; throws where not even the first prompt fits, as no episode would.
 */
function fits(
  { episode, fed }: PromptedTurn,
  { maxLength }: Searcher,
  settings: SearchConfig,
  turn: number,
): boolean {
  const needed = episode.ids.length + fed.ids.length + computeMaxTurnTokens(settings);
  if (needed <= maxLength) return true;
  if (turn === 0)
    throw new AppError(
      "invalid-input",
      `The first prompt of question ${episode.question.id} and its answer take up to ${needed} tokens, the searcher reads ${maxLength}: lower search.retrieve or search.turnTokens, or choose a model that reads more.`,
    );
  episode.stopped = true;
  episode.steps.push(
    {
      kind: "reject",
      turn,
      seconds: 0,
      error: "truncated",
      text: `${needed} tokens, of ${maxLength} that the model reads`,
    },
    { kind: "stop", turn, seconds: 0, reason: "length" },
  );
  return false;
}

interface SampledTurn {
  sampled: Sampled;
  seconds: number;
}

async function sampleTurn(
  searcher: Searcher,
  { settings }: SearchEnvironment,
  sampling: SamplingParameters,
  opened: readonly PromptedTurn[],
  turn: number,
  signal: AbortSignal,
): Promise<SampledTurn[]> {
  const start = performance.now();
  const sequences = opened.map(({ episode, window, fed }): SampleSequence => {
    episode.ids.push(...fed.ids);
    return {
      session: episode.session,
      ids: episode.ids,
      temperature: sampling.temperature,
      seed: deriveSeed(
        sampling.seed,
        sampling.step,
        episode.question.id,
        episode.sampleIndex,
        turn,
      ),
      ...selectDecoding(settings, window.length, turn),
    };
  });
  const result = await searcher.model.sample({ adapter: true, sequences }, { signal });
  const seconds = measureSecondsSince(start) / opened.length;
  return result.sequences.map(([sampled]) => ({ sampled: sampled!, seconds }));
}

/** Guide or stop strings of one turn. */
function selectDecoding(
  settings: SearchConfig,
  window: number,
  turn: number,
): Pick<SampleSequence, "guide" | "stop" | "maxTokens"> {
  const last = turn === countSearchesAllowed(settings);
  if (settings.decoding === "free")
    return { stop: listStopStrings(settings.protocol, last), maxTokens: computeMaxTurnTokens(settings) };
  return { guide: { lark: buildTurnGrammar(settings, window, turn) }, maxTokens: computeMaxTurnTokens(settings) };
}

/** Bound on the tokens of a turn. Guided, the form takes some 60 and an id a few; the grammar ends the turn, so the bound is only a safeguard. */
const computeMaxTurnTokens = ({ decoding, select, queryTokens, turnTokens }: SearchConfig): number =>
  decoding === "free" ? turnTokens : 128 + 8 * select + queryTokens;

/** Bound on the tokens that the searcher writes in an episode. */
export const computeMaxEpisodeTokens = (settings: SearchConfig): number =>
  (countSearchesAllowed(settings) + 1) * computeMaxTurnTokens(settings);

/** Grammar of a turn over a window of this many documents. */
export const buildTurnGrammar = (settings: SearchConfig, window: number, turn: number): string =>
  renderTurnGrammar({
    window,
    select: settings.select,
    queryTokens: settings.queryTokens,
    last: turn === countSearchesAllowed(settings),
  });

function applyTurn(
  { episode, window, fed }: PromptedTurn,
  { sampled, seconds }: SampledTurn,
  turn: number,
  settings: SearchConfig,
): void {
  const last = turn === countSearchesAllowed(settings);
  const truncated = sampled.finishReason === "length";
  const decision = parseTurn(sampled.text, {
    protocol: settings.protocol,
    window: countSelectable(settings, window),
    select: settings.select,
    last,
    truncated,
  });
  episode.ids.push(...sampled.ids);
  episode.steps.push(
    buildGenerateStep(fed, sampled, turn, seconds),
    ...buildTurnSteps(decision, sampled.text, window, turn),
  );
  for (const ref of listSelected(decision, window))
    if (!episode.context.has(ref.id)) episode.context.set(ref.id, ref);

  const reason = decideStopReason(decision, last, truncated);
  if (reason !== null) {
    episode.stopped = true;
    episode.steps.push({ kind: "stop", turn, seconds: 0, reason });
  } else episode.query = decision.query!;
}

/** Upstream drops ids above the usual window size, also where the first window is larger. */
const countSelectable = (
  { protocol, retrieve }: SearchConfig,
  window: readonly DocumentRef[],
): number => (protocol === "upstream" ? Math.min(window.length, retrieve) : window.length);

const buildGenerateStep = (
  fed: PromptedTurn["fed"],
  sampled: Sampled,
  turn: number,
  seconds: number,
): StepOf<"generate"> => ({
  kind: "generate",
  turn,
  seconds,
  prompt: fed.text,
  text: sampled.text,
  fed: fed.ids.length,
  ids: [...fed.ids, ...sampled.ids],
  mask: [...fed.ids.map(() => 0 as const), ...sampled.forced.map((forced) => (forced ? 0 : 1))],
  logprobs: [...fed.ids.map(() => 0), ...sampled.logprobs],
});

/** What was rejected and what was selected in a turn, as steps. */
export function buildTurnSteps(
  decision: TurnDecision,
  text: string,
  window: readonly DocumentRef[],
  turn: number,
): EpisodeStep[] {
  const rejected = decision.errors.map((error): EpisodeStep => ({
    kind: "reject",
    turn,
    seconds: 0,
    error,
    text: text.slice(0, 1000),
  }));
  const selected = listSelected(decision, window).map(({ id }) => id);
  return [
    ...rejected,
    { kind: "select", turn, seconds: 0, selected, implicit: decision.selection === null },
  ];
}

const listSelected = ({ selection }: TurnDecision, window: readonly DocumentRef[]): DocumentRef[] =>
  selection === null ? [...window] : selection.map((id) => window[id - 1]!);

function decideStopReason(
  decision: TurnDecision,
  last: boolean,
  truncated: boolean,
): StepOf<"stop">["reason"] | null {
  if (last) return "turns";
  if (decision.complete === true) return "model";
  if (decision.query !== null) return null;
  return truncated ? "length" : "malformed";
}

/** Cache key of an episode, known before it is made. */
export function computeEpisodeKey(
  searcher: Pick<Searcher, "identity">,
  search: SearchEnvironment,
  sampling: SamplingParameters,
  { question, sampleIndex }: EpisodeRequest,
): string {
  const template = search.template ?? selectPrompt(search.settings);
  return cacheKey({
    record: "episode",
    method: "s3",
    protocolVersion: PROTOCOL_VERSION,
    prompt: [template.id, template.version],
    searcher: searcher.identity,
    retriever: search.retriever.describe().key,
    settings: search.settings,
    sampling,
    question: [question.id, question.question],
    sampleIndex,
  });
}

function buildEpisode(running: RunningEpisode, searcher: Searcher, search: SearchEnvironment, sampling: SamplingParameters): Episode {
  const { question, sampleIndex, steps, context } = running;
  const key = computeEpisodeKey(searcher, search, sampling, running);
  return {
    key,
    method: "s3",
    protocol: search.settings.protocol,
    questionId: question.id,
    sampleIndex,
    steps,
    context: [...context.values()],
    usage: sumUsage(steps),
  };
}

/** Each turn's prompt is all that was read and written before it, as a server of the model would count it. */
function sumUsage(steps: readonly EpisodeStep[]): ModelUsage {
  const usage = { calls: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 };
  let length = 0;
  for (const step of steps) {
    if (step.kind !== "generate") continue;
    const { ids = [], fed = 0 } = step;
    usage.calls += 1;
    usage.promptTokens += length + fed;
    usage.completionTokens += ids.length - fed;
    length += ids.length;
  }
  return usage;
}

const measureSecondsSince = (start: number): number => (performance.now() - start) / 1000;
