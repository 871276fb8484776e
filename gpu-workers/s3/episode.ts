import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine";
import type { DocumentRef, Episode, EpisodeStep, ModelUsage, StepOf } from "@/contracts/episode";
import type { SearchConfig } from "@/contracts/run-config";
import type { Question } from "@/contracts/worker-protocol";
import type { EngineModel } from "../engine/client";
import type { Retriever } from "../retrieval/retriever";
import type { DocumentBook } from "./documents";
import { turnGrammar } from "./guide";
import { cacheKey, deriveSeed } from "./keys";
import { templateFor, type PromptTemplate } from "./prompt";
import { initialDocuments, parseTurn, PROTOCOL_VERSION, searchesAllowed, stopStrings, type TurnDecision } from "./protocol";
import type { Stopwatch, StepPhase } from "./stopwatch";
import type { Tokenizer } from "./tokenizer";

/** The searcher: a model of the engine, with its tokenizer and an identity that changes with its weights. */
export interface Searcher {
  model: Pick<EngineModel, "sample" | "endSessions">;
  tokenizer: Tokenizer;
  /** Model name, weights hash and engine fingerprint: part of every cache key. */
  identity: string;
}

export interface Search {
  retriever: Pick<Retriever, "search" | "describe">;
  documents: DocumentBook;
  settings: SearchConfig;
  /** A person's prompt in place of the built-in one. */
  template?: PromptTemplate;
}

export interface Sampling {
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

interface Running extends EpisodeRequest {
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
export async function runEpisodes(searcher: Searcher, search: Search, sampling: Sampling, requests: readonly EpisodeRequest[], clock: Stopwatch<StepPhase>, signal: AbortSignal): Promise<Episode[]> {
  const running = requests.map(begin);
  const searches = searchesAllowed(search.settings);
  try {
    for (let turn = 0; turn <= searches; turn++) {
      const active = running.filter((episode) => !episode.stopped);
      if (active.length === 0) break;
      const windows = await clock.time("retrieve", () => retrieveWindows(search, sampling, active, turn, signal));
      const samples = await clock.time("gen", () => sampleTurn(searcher, search, sampling, active, windows, turn, signal));
      active.forEach((episode, i) => endTurn(episode, samples[i]!, windows[i]!, turn, search.settings));
    }
  } finally {
    await searcher.model.endSessions(running.map(({ session }) => session)).catch(() => undefined);
  }
  return running.map((episode) => finish(episode, searcher, search, sampling));
}

const begin = (request: EpisodeRequest): Running => ({
  ...request,
  session: randomUUID(),
  query: request.question.question,
  ids: [],
  seen: new Set(),
  steps: [],
  context: new Map(),
  stopped: false,
});

async function retrieveWindows({ retriever, documents, settings }: Search, { training }: Sampling, active: readonly Running[], turn: number, signal: AbortSignal): Promise<DocumentRef[][]> {
  const start = performance.now();
  const size = turn === 0 ? initialDocuments(settings, training) : settings.retrieve;
  const mostSeen = settings.skipSeen ? Math.max(...active.map(({ seen }) => seen.size)) : 0;
  const found = await retriever.search(
    active.map(({ query }) => query),
    size + mostSeen,
    signal,
  );
  const seconds = secondsSince(start) / active.length;
  return active.map((episode, i) => {
    const fresh = settings.skipSeen ? found[i]!.filter(({ id }) => !episode.seen.has(id)) : found[i]!;
    const window = fresh.slice(0, size).map((document) => documents.add(document));
    for (const { id } of window) episode.seen.add(id);
    episode.steps.push({ kind: "retrieve", turn, seconds, query: episode.query, documents: window });
    return window;
  });
}

interface SampledTurn {
  fed: { text: string; ids: number[] };
  sampled: Sampled;
  seconds: number;
}

async function sampleTurn(searcher: Searcher, { documents, settings, template = templateFor(settings) }: Search, sampling: Sampling, active: readonly Running[], windows: readonly DocumentRef[][], turn: number, signal: AbortSignal): Promise<SampledTurn[]> {
  const start = performance.now();
  const searches = searchesAllowed(settings);
  const fed = active.map((episode, i) => {
    const texts = windows[i]!.map((ref) => documents.textOf(ref));
    const text = turn === 0 ? template.start(episode.question.question, texts, settings) : template.observation(texts, searches - turn);
    return { text, ids: searcher.tokenizer.encode(text) };
  });
  const sequences = active.map((episode, i): SampleSequence => {
    episode.ids.push(...fed[i]!.ids);
    return {
      session: episode.session,
      ids: episode.ids,
      temperature: sampling.temperature,
      seed: deriveSeed(sampling.seed, sampling.step, episode.question.id, episode.sampleIndex, turn),
      ...decodingOf(settings, windows[i]!.length, turn),
    };
  });
  const result = await searcher.model.sample({ adapter: true, sequences }, { signal });
  const seconds = secondsSince(start) / active.length;
  return result.sequences.map(([sampled], i) => ({ fed: fed[i]!, sampled: sampled!, seconds }));
}

/** Guide or stop strings of one turn. */
function decodingOf(settings: SearchConfig, window: number, turn: number): Pick<SampleSequence, "guide" | "stop" | "maxTokens"> {
  const last = turn === searchesAllowed(settings);
  if (settings.decoding === "free") return { stop: stopStrings(settings.protocol, last), maxTokens: longestTurn(settings) };
  return { guide: { lark: grammarOf(settings, window, turn) }, maxTokens: longestTurn(settings) };
}

/** Bound on the tokens of a turn. Guided, the form takes some 60 and an id a few; the grammar ends the turn, so the bound is only a safeguard. */
const longestTurn = ({ decoding, select, queryTokens, turnTokens }: SearchConfig): number => (decoding === "free" ? turnTokens : 128 + 8 * select + queryTokens);

/** Bound on the tokens that the searcher writes in an episode. */
export const longestEpisode = (settings: SearchConfig): number => (searchesAllowed(settings) + 1) * longestTurn(settings);

/** Grammar of a turn over a window of this many documents. */
export const grammarOf = (settings: SearchConfig, window: number, turn: number): string =>
  turnGrammar({ window, select: settings.select, queryTokens: settings.queryTokens, last: turn === searchesAllowed(settings) });

function endTurn(episode: Running, { fed, sampled, seconds }: SampledTurn, window: readonly DocumentRef[], turn: number, settings: SearchConfig): void {
  const last = turn === searchesAllowed(settings);
  const truncated = sampled.finishReason === "length";
  const decision = parseTurn(sampled.text, { protocol: settings.protocol, window: selectable(settings, window), select: settings.select, last, truncated });
  episode.ids.push(...sampled.ids);
  episode.steps.push(generateStep(fed, sampled, turn, seconds), ...turnSteps(decision, sampled.text, window, turn));
  for (const ref of selectedOf(decision, window)) if (!episode.context.has(ref.id)) episode.context.set(ref.id, ref);

  const reason = stopReason(decision, last, truncated);
  if (reason !== null) {
    episode.stopped = true;
    episode.steps.push({ kind: "stop", turn, seconds: 0, reason });
  } else episode.query = decision.query!;
}

/** Upstream drops ids above the usual window size, also where the first window is larger. */
const selectable = ({ protocol, retrieve }: SearchConfig, window: readonly DocumentRef[]): number => (protocol === "upstream" ? Math.min(window.length, retrieve) : window.length);

const generateStep = (fed: SampledTurn["fed"], sampled: Sampled, turn: number, seconds: number): StepOf<"generate"> => ({
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
export function turnSteps(decision: TurnDecision, text: string, window: readonly DocumentRef[], turn: number): EpisodeStep[] {
  const rejected = decision.errors.map((error): EpisodeStep => ({ kind: "reject", turn, seconds: 0, error, text: text.slice(0, 1000) }));
  const selected = selectedOf(decision, window).map(({ id }) => id);
  return [...rejected, { kind: "select", turn, seconds: 0, selected, implicit: decision.selection === null }];
}

const selectedOf = ({ selection }: TurnDecision, window: readonly DocumentRef[]): DocumentRef[] => (selection === null ? [...window] : selection.map((id) => window[id - 1]!));

function stopReason(decision: TurnDecision, last: boolean, truncated: boolean): StepOf<"stop">["reason"] | null {
  if (last) return "turns";
  if (decision.complete === true) return "model";
  if (decision.query !== null) return null;
  return truncated ? "length" : "malformed";
}

function finish({ question, sampleIndex, steps, context }: Running, searcher: Searcher, search: Search, sampling: Sampling): Episode {
  const template = search.template ?? templateFor(search.settings);
  const key = cacheKey({
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
  return { key, method: "s3", protocol: search.settings.protocol, questionId: question.id, sampleIndex, steps, context: [...context.values()], usage: usageOf(steps) };
}

/** Each turn's prompt is all that was read and written before it, as a server of the model would count it. */
function usageOf(steps: readonly EpisodeStep[]): ModelUsage {
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

const secondsSince = (start: number): number => (performance.now() - start) / 1000;
