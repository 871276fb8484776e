import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { DocumentRef, Episode, EpisodeStep } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import { deriveSeed } from "@/gpu-workers/runtime/keys";
import type { StepPhase, Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type {
  EpisodeRequest,
  SamplingParameters,
  SearchEnvironment,
  Searcher,
} from "./episode-inputs";
import { computeEpisodeKey } from "./episode-key";
import {
  buildDecisionSteps,
  buildGenerateStep,
  decideStopReason,
  listSelected,
  sumUsage,
  type EncodedPrompt,
} from "./episode-steps";
import { selectPrompt } from "./prompt";
import { searchWindows } from "./search-windows";
import { countInitialDocuments, countSearchesAllowed, parseTurn } from "./protocol";
import { computeMaxTurnTokens, isLastTurn, selectDecoding } from "./turn-decoding";

/** An episode that is being run. */
interface RunningEpisode extends EpisodeRequest {
  /** Under this id the engine keeps the activations of what the episode has read and written. */
  session: string;
  /** The next search; in turn 0 the question itself. */
  query: string;
  /** Everything that the model has read and written, as token ids. */
  ids: number[];
  /** Ids of the documents that were shown. */
  seen: Set<string>;
  steps: EpisodeStep[];
  /** Selected documents by id, in the order of their selection: what the generator will read. */
  context: Map<string, DocumentRef>;
  stopped: boolean;
}

/** A turn of an episode before the searcher has answered. */
interface PromptedTurn {
  episode: RunningEpisode;
  /** The documents that it shows. */
  window: DocumentRef[];
  prompt: EncodedPrompt;
}

/**
 * The search loop of s3 (paper, section 3 and figure 2), for many questions in lock-step: each turn is one batch of
 * retrievals and one batch of samples. Turn 0 searches with the question itself.
 *
 *   repeat: retrieve a window -> show it to the searcher -> sample its text -> parse selection, stop decision, query
 *   until the searcher stops, or no search is left
 *
 * @returns an episode per request, in order
 * @throws AppError where the retriever or the engine stays unavailable: a failure never cuts an episode short
 */
export async function runEpisodes(
  searcher: Searcher,
  environment: SearchEnvironment,
  sampling: SamplingParameters,
  requests: readonly EpisodeRequest[],
  stopwatch: Stopwatch<StepPhase>,
  signal: AbortSignal,
): Promise<Episode[]> {
  const { settings } = environment;
  const episodes = requests.map(startEpisode);
  try {
    for (let turn = 0; turn <= countSearchesAllowed(settings); turn++) {
      const active = episodes.filter(({ stopped }) => !stopped);
      if (active.length === 0) break;
      const windows = await stopwatch.time("retrieve", () =>
        retrieveWindows(environment, sampling, active, turn, signal),
      );
      const prompted = active.map((episode, i) =>
        promptTurn(searcher, environment, episode, windows[i]!, turn),
      );
      const readable = stopTooLong(prompted, searcher, settings, turn);
      if (readable.length === 0) break;
      const { samples, seconds } = await stopwatch.time("gen", () =>
        sampleTurn(searcher, settings, sampling, readable, turn, signal),
      );
      readable.forEach((prompt, i) => applyDecision(prompt, samples[i]!, seconds, turn, settings));
    }
  } finally {
    await searcher.model.endSessions(episodes.map(({ session }) => session)).catch(() => undefined);
  }
  return episodes.map((episode) => buildEpisode(episode, searcher, environment, sampling));
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

/** Retrieves the window of each episode, as one batch, and records the searches. */
async function retrieveWindows(
  { retriever, documents, settings }: SearchEnvironment,
  { training }: SamplingParameters,
  active: readonly RunningEpisode[],
  turn: number,
  signal: AbortSignal,
): Promise<DocumentRef[][]> {
  const start = performance.now();
  const size = turn === 0 ? countInitialDocuments(settings, training) : settings.retrieve;
  const found = await searchWindows(retriever, active, size, settings.skipSeen, signal);
  const seconds = measureSeconds(start) / active.length;
  return active.map(({ query, steps }, i) => {
    const window = found[i]!.map((document) => documents.add(document));
    steps.push({ kind: "retrieve", turn, seconds, query, documents: window });
    return window;
  });
}

/** Renders what the turn shows: in turn 0 instructions, question and window, later the window alone. */
function promptTurn(
  { tokenizer }: Searcher,
  { documents, settings, template = selectPrompt(settings) }: SearchEnvironment,
  episode: RunningEpisode,
  window: DocumentRef[],
  turn: number,
): PromptedTurn {
  const texts = window.map((ref) => documents.getText(ref));
  const text =
    turn === 0
      ? template.renderStart(episode.question.question, texts, settings, tokenizer.chat)
      : template.renderObservation(texts, countSearchesAllowed(settings) - turn);
  return { episode, window, prompt: { text, ids: tokenizer.encode(text) } };
}

/**
 * Stops the episodes whose next prompt and longest answer exceed what the model reads; they keep what they have
 * selected, and the truncation is recorded.
 *
 * @returns the turns that the model can read
 * @throws AppError "invalid-input" where not even a first prompt fits, because then no episode would
 */
function stopTooLong(
  prompted: readonly PromptedTurn[],
  { maxLength }: Searcher,
  settings: SearchConfig,
  turn: number,
): PromptedTurn[] {
  return prompted.filter(({ episode, prompt }) => {
    const needed = episode.ids.length + prompt.ids.length + computeMaxTurnTokens(settings);
    if (needed <= maxLength) return true;
    if (turn === 0)
      throw new AppError(
        "invalid-input",
        `The first prompt of question ${episode.question.id} and its answer take up to ${needed} tokens, the searcher reads ${maxLength}: lower search.retrieve or search.turnTokens, or choose a model that reads more.`,
      );
    const text = `${needed} tokens, of ${maxLength} that the model reads`;
    episode.steps.push({ kind: "reject", turn, seconds: 0, error: "truncated", text });
    stopEpisode(episode, turn, "length");
    return false;
  });
}

function stopEpisode(
  episode: RunningEpisode,
  turn: number,
  reason: Extract<EpisodeStep, { kind: "stop" }>["reason"],
): void {
  episode.stopped = true;
  episode.steps.push({ kind: "stop", turn, seconds: 0, reason });
}

/**
 * Samples the searcher's text for every prompted turn, as one batch.
 * @returns a completion per turn, and the seconds that each took on average
 */
async function sampleTurn(
  searcher: Searcher,
  settings: SearchConfig,
  { temperature, seed, step }: SamplingParameters,
  prompted: readonly PromptedTurn[],
  turn: number,
  signal: AbortSignal,
): Promise<{ samples: Sampled[]; seconds: number }> {
  const start = performance.now();
  const sequences = prompted.map(({ episode, window, prompt }): SampleSequence => {
    episode.ids.push(...prompt.ids);
    return {
      session: episode.session,
      ids: episode.ids,
      temperature,
      seed: deriveSeed(seed, step, episode.question.id, episode.sampleIndex, turn),
      ...selectDecoding(settings, window.length, turn),
    };
  });
  const { sequences: sampled } = await searcher.model.sample(
    { adapter: true, sequences },
    { signal },
  );
  const seconds = measureSeconds(start) / prompted.length;
  return { samples: sampled.map(([sample]) => sample!), seconds };
}

/** Parses what the searcher wrote, adds its selection to the context, and stops the episode or sets its next query. */
function applyDecision(
  { episode, window, prompt }: PromptedTurn,
  sampled: Sampled,
  seconds: number,
  turn: number,
  settings: SearchConfig,
): void {
  const last = isLastTurn(settings, turn);
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
    buildGenerateStep(prompt, sampled, turn, seconds),
    ...buildDecisionSteps(decision, sampled.text, window, turn),
  );
  for (const ref of listSelected(decision, window))
    if (!episode.context.has(ref.id)) episode.context.set(ref.id, ref);

  const reason = decideStopReason(decision, last, truncated);
  if (reason === null) episode.query = decision.query!;
  else stopEpisode(episode, turn, reason);
}

/** Documents of a window that may be selected. Upstream drops ids above the usual window size, also where the first window is larger. */
const countSelectable = (
  { protocol, retrieve }: SearchConfig,
  window: readonly DocumentRef[],
): number => (protocol === "upstream" ? Math.min(window.length, retrieve) : window.length);

function buildEpisode(
  episode: RunningEpisode,
  searcher: Searcher,
  environment: SearchEnvironment,
  sampling: SamplingParameters,
): Episode {
  const { question, sampleIndex, steps, context } = episode;
  return {
    key: computeEpisodeKey(searcher, environment, sampling, episode),
    method: "s3",
    protocol: environment.settings.protocol,
    questionId: question.id,
    sampleIndex,
    steps,
    context: [...context.values()],
    usage: sumUsage(steps),
  };
}

const measureSeconds = (start: number): number => (performance.now() - start) / 1000;
