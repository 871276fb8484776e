import { randomUUID } from "node:crypto";
import type { SampleSequence, Sampled } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { DocumentRef, Episode, EpisodeStep } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import { getFetchDate } from "@/gpu-workers/retrieval/retriever";
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
  buildGenerateStep,
  buildRejectSteps,
  buildSelectStep,
  decideStopReason,
  listSelected,
  sumUsage,
  type EncodedPrompt,
} from "./episode-steps";
import { joinForced, writeForcedText } from "./forced-turns";
import { escapeQuestion, formatSearcherQuestion, selectPrompt, UPSTREAM_RETRY } from "./prompt";
import { searchWindows } from "./search-windows";
import {
  completeTurnText,
  countInitialDocuments,
  countSearchesAllowed,
  parseTurn,
} from "./protocol";
import { requireSendableQuery, type TurnDecision } from "./turn-decision";
import { computeMaxTurnTokens, isLastTurn, selectDecoding } from "./turn-decoding";
import { listUpstreamContext, renderUpstreamFirstWindow } from "./upstream-context";
import { lacksOpening, UPSTREAM_OPENED_QUERY } from "./upstream-turn";
import {
  checkUpstreamPrompt,
  cutConversation,
  cutObservation,
  UPSTREAM_LIMITS,
} from "./upstream-limits";

/** An episode that is being run. */
interface RunningEpisode extends EpisodeRequest {
  /** Under this id the engine keeps the activations of what the episode has read and written. */
  session: string;
  /** The next search; in turn 0 the question itself. */
  query: string;
  /** The turn that it is in: searches after the retrieval with the question itself; -1 before that. */
  turn: number;
  /** The documents that the turn shows. */
  window: DocumentRef[];
  /** Whether a selection of this window is recorded. */
  selected: boolean;
  /** The searcher gave neither query nor stop, and is asked once more (`upstream`). */
  retrying: boolean;
  /** Everything that the model has read and written, as token ids. */
  ids: number[];
  /** The same as text, from the second prompt on. */
  conversation: string;
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
 * A generation is a turn, but for another try under `upstream`, which stays in the turn and shows nothing new.
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
    for (let generation = 0; generation <= countSearchesAllowed(settings); generation++) {
      const active = episodes.filter(({ stopped }) => !stopped);
      if (active.length === 0) break;
      const searching = active.filter(({ retrying }) => !retrying);
      if (searching.length > 0)
        await stopwatch.time("retrieve", () =>
          retrieveWindows(environment, sampling, searching, generation, signal),
        );
      for (const { onSteps, steps } of searching) onSteps?.(steps);
      const prompted = active.map((episode) =>
        promptTurn(searcher, environment, sampling, episode, generation),
      );
      const readable = stopTooLong(prompted, searcher, settings, generation);
      if (readable.length === 0) break;
      const { samples, seconds } = await stopwatch.time("gen", () =>
        sampleTurn(searcher, settings, sampling, readable, generation, signal),
      );
      readable.forEach((prompt, i) =>
        applyDecision(searcher, prompt, samples[i]!, seconds, generation, settings),
      );
      for (const { episode } of readable) episode.onSteps?.(episode.steps);
    }
  } finally {
    await searcher.model.endSessions(episodes.map(({ session }) => session)).catch(() => undefined);
  }
  return episodes.map((episode) => buildEpisode(episode, searcher, environment, sampling));
}

const startEpisode = (request: EpisodeRequest): RunningEpisode => ({
  ...request,
  session: randomUUID(),
  query: request.forced?.[0]?.query ?? request.question.question,
  turn: -1,
  window: [],
  selected: false,
  retrying: false,
  ids: [],
  conversation: "",
  seen: new Set(),
  steps: [],
  context: new Map(),
  stopped: false,
});

/** Retrieves the next window of each episode, as one batch, and records the searches. */
async function retrieveWindows(
  { retriever, documents, settings }: SearchEnvironment,
  { training }: SamplingParameters,
  active: readonly RunningEpisode[],
  generation: number,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  const size = generation === 0 ? countInitialDocuments(settings, training) : settings.retrieve;
  const searching = active.filter(({ forced }) => !forced?.[generation]?.documents);
  const found =
    searching.length > 0
      ? await searchWindows(retriever, searching, size, settings.skipSeen, signal)
      : [];
  const seconds = measureSeconds(start) / active.length;
  for (const episode of active) {
    const { query, steps, seen, forced } = episode;
    const ranking = found[searching.indexOf(episode)];
    const window =
      forced?.[generation]?.documents ?? ranking!.map((document) => documents.add(document));
    for (const { id } of window) seen.add(id);
    episode.turn += 1;
    episode.window = window;
    episode.selected = false;
    steps.push({
      kind: "retrieve",
      turn: episode.turn,
      seconds,
      query,
      documents: window,
      ...getFetchDate(ranking),
    });
  }
}

/** Renders what the turn shows: in turn 0 instructions, question and window, later the window alone. */
function promptTurn(
  { tokenizer }: Searcher,
  { documents, settings, template = selectPrompt(settings) }: SearchEnvironment,
  { training }: SamplingParameters,
  episode: RunningEpisode,
  generation: number,
): PromptedTurn {
  const { window } = episode;
  const { protocol } = settings;
  const texts = window.map((ref) => documents.getText(ref));
  if (generation > 0) {
    const text = episode.retrying
      ? UPSTREAM_RETRY
      : template.renderObservation(texts, countSearchesAllowed(settings) - generation, protocol);
    const prompt =
      protocol === "upstream"
        ? cutObservation(text, tokenizer)
        : { text, ids: tokenizer.encode(text) };
    return { episode, window, prompt };
  }
  const question = formatSearcherQuestion(episode.question, protocol);
  const text = template.renderStart(question, texts, settings, tokenizer.chat);
  const prompt = { text, ids: tokenizer.encode(text) };
  if (protocol === "upstream") {
    const first = renderUpstreamFirstWindow(texts);
    const end = text.lastIndexOf(first);
    const begin = text.lastIndexOf(escapeQuestion(question, protocol), end < 0 ? undefined : end);
    const tail = text.slice(begin < 0 ? Math.max(0, end) : begin);
    checkUpstreamPrompt(episode.question.id, prompt, tail, training, tokenizer);
  }
  return { episode, window, prompt };
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
  generation: number,
): PromptedTurn[] {
  return prompted.filter(({ episode, prompt }) => {
    const read = countReadTokens(settings, episode.ids.length + prompt.ids.length);
    const needed = read + computeMaxTurnTokens(settings);
    if (needed <= maxLength) return true;
    if (generation === 0)
      throw new AppError(
        "invalid-input",
        `The first prompt of question ${episode.question.id} and its answer take up to ${needed} tokens, the searcher reads ${maxLength}: lower search.retrieve or search.turnTokens, or choose a model that reads more.`,
      );
    const text = `${needed} tokens, of ${maxLength} that the model reads`;
    const { turn } = episode;
    episode.steps.push({ kind: "reject", turn, seconds: 0, error: "truncated", text });
    stopEpisode(episode, "length");
    return false;
  });
}

/** Tokens of a conversation that the searcher reads: under `upstream` its beginning is lost. */
const countReadTokens = ({ protocol }: SearchConfig, length: number): number =>
  protocol === "upstream" ? Math.min(length, UPSTREAM_LIMITS.conversation) : length;

function stopEpisode(
  episode: RunningEpisode,
  reason: Extract<EpisodeStep, { kind: "stop" }>["reason"],
): void {
  episode.stopped = true;
  episode.steps.push({ kind: "stop", turn: episode.turn, seconds: 0, reason });
}

/**
 * Samples the searcher's text for every prompted turn, as one batch.
 * @returns a completion per turn, and the seconds that each took on average
 */
async function sampleTurn(
  searcher: Searcher,
  settings: SearchConfig,
  { seed, step, training: _training, ...sampling }: SamplingParameters,
  prompted: readonly PromptedTurn[],
  generation: number,
  signal: AbortSignal,
): Promise<{ samples: Sampled[]; seconds: number }> {
  const start = performance.now();
  for (const { episode, prompt } of prompted) episode.ids.push(...prompt.ids);
  const written = prompted.map(({ episode, window }) =>
    writeForcedText(
      episode.forced?.[generation],
      window,
      settings,
      isLastTurn(settings, generation),
    ),
  );
  const open = prompted.flatMap((each, i) => (written[i]?.isWhole ? [] : [i]));
  const sequences = open.map((i): SampleSequence => {
    const { episode, window } = prompted[i]!;
    const { ids } = episode;
    return {
      session: episode.session,
      ids: [
        ...ids.slice(ids.length - countReadTokens(settings, ids.length)),
        ...searcher.tokenizer.encode(written[i]?.text ?? ""),
      ],
      ...sampling,
      seed: deriveSeed(seed, step, episode.question.id, episode.sampleIndex, generation),
      ...selectDecoding(settings, window.length, generation, written[i] !== null),
    };
  });
  const sampled =
    sequences.length > 0
      ? (await searcher.model.sample({ adapter: true, sequences }, { signal })).sequences
      : [];
  const seconds = measureSeconds(start) / prompted.length;
  const samples = written.map((given, i) =>
    joinForced(searcher.tokenizer, given?.text ?? "", sampled[open.indexOf(i)]?.[0] ?? null),
  );
  return { samples, seconds };
}

/** Parses what the searcher wrote, records its selection, and stops the episode or sets its next query. */
function applyDecision(
  { tokenizer }: Searcher,
  { episode, window, prompt }: PromptedTurn,
  sampled: Sampled,
  seconds: number,
  generation: number,
  settings: SearchConfig,
): void {
  const { protocol, select } = settings;
  const { turn } = episode;
  const last = isLastTurn(settings, generation);
  const truncated = sampled.finishReason === "length";
  const rules = { protocol, window: window.length, select, last, truncated };
  const decision = parseTurn(sampled.text, rules);
  const reason = decideStopReason(decision, protocol, last, truncated);
  episode.retrying =
    reason === null && decision.query === null && decision.refusedQuery === undefined;
  const written =
    protocol === "upstream" ? continueUpstream(tokenizer, sampled, episode.retrying) : sampled;
  episode.ids.push(...written.ids);
  episode.conversation +=
    (generation > 0 ? prompt.text : "") + completeTurnText(sampled.text, protocol);
  episode.steps.push(
    buildGenerateStep(prompt, written, turn, seconds),
    ...buildRejectSteps(decision, sampled.text, turn),
  );
  recordSelection(episode, decision);
  if (reason !== null) return stopEpisode(episode, reason);
  requireSendableQuery(decision, episode.question.id);
  if (decision.query !== null) episode.query = decision.query;
}

/**
 * What was sampled, as the conversation goes on from it under `upstream`: behind an opening tag where the query lacks it,
 * and before another try without the end token, because it is one assistant turn.
 */
function continueUpstream(
  tokenizer: Searcher["tokenizer"],
  sampled: Sampled,
  retrying: boolean,
): Sampled {
  if (lacksOpening(sampled.text)) return joinForced(tokenizer, UPSTREAM_OPENED_QUERY, sampled);
  const { ids, logprobs, entropies, forced, text } = sampled;
  if (!retrying || ids.length === 0 || tokenizer.decode(ids.slice(0, -1)) !== text) return sampled;
  return {
    ...sampled,
    ids: ids.slice(0, -1),
    logprobs: logprobs.slice(0, -1),
    ...(entropies && { entropies: entropies.slice(0, -1) }),
    forced: forced.slice(0, -1),
  };
}

/**
 * Records the selection of the episode's window: the first one that is given, and where another try is due none that is
 * not given. Adds it to the context.
 */
function recordSelection(episode: RunningEpisode, decision: TurnDecision): void {
  if (episode.selected || (episode.retrying && decision.selection === null)) return;
  episode.selected = true;
  episode.steps.push(buildSelectStep(decision, episode.window, episode.turn));
  for (const ref of listSelected(decision, episode.window))
    if (!episode.context.has(ref.id)) episode.context.set(ref.id, ref);
}

function buildEpisode(
  episode: RunningEpisode,
  searcher: Searcher,
  environment: SearchEnvironment,
  sampling: SamplingParameters,
): Episode {
  const { question, sampleIndex, steps, context } = episode;
  const { protocol } = environment.settings;
  return {
    key: computeEpisodeKey(searcher, environment, sampling, episode),
    method: "s3",
    protocol,
    questionId: question.id,
    sampleIndex,
    steps,
    context:
      protocol === "upstream"
        ? collectUpstreamContext(episode, searcher, environment)
        : [...context.values()],
    usage: sumUsage(steps),
  };
}

/** What the released code reads out of the conversation and hands to the generator. */
function collectUpstreamContext(
  { steps, ids, conversation }: RunningEpisode,
  { tokenizer }: Searcher,
  { documents }: SearchEnvironment,
): DocumentRef[] {
  const windows = steps.flatMap((step) =>
    step.kind === "retrieve"
      ? [step.documents.map((ref) => ({ ...documents.getText(ref), ...ref }))]
      : [],
  );
  const fed = steps.find((step) => step.kind === "generate")?.fed ?? ids.length;
  const text = cutConversation(
    renderUpstreamFirstWindow(windows[0]!),
    { text: conversation, ids: ids.slice(fed) },
    tokenizer,
  );
  return listUpstreamContext(text, windows).map((document) => ({
    ...documents.add({ ...document, score: document.score ?? 0 }),
    score: document.score,
  }));
}

const measureSeconds = (start: number): number => (performance.now() - start) / 1000;
