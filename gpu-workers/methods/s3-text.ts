import type { SearchConfig } from "@/contracts/run-config/search";
import { blankThoughts } from "@/core/episode/thoughts";
import { buildStartValues, renderObservation, UPSTREAM_RETRY } from "@/gpu-workers/searcher/prompt";
import {
  completeTurnText,
  countInitialDocuments,
  parseTurn,
  PROTOCOL_VERSIONS,
  countSearchesAllowed,
  listStopStrings,
} from "@/gpu-workers/searcher/protocol";
import { requireSendableQuery } from "@/gpu-workers/searcher/turn-decision";
import {
  listUpstreamContext,
  renderUpstreamFirstWindow,
} from "@/gpu-workers/searcher/upstream-context";
import { S3_SAMPLING } from "./s3";
import type { EpisodeTrace } from "./episode-trace";
import { continueConversation } from "./parse-output";
import type { MethodDefinition, QuestionPrompt } from "./method-definition";
import type { MethodPlan } from "./method-plan";

/**
 * The search loop of s3 with a searcher that is asked for text, at an OpenAI-compatible server: one assistant turn,
 * continued throughout (s3/episode.ts is the same loop on token ids, for training and the worker's own engine). Without
 * token ids nothing is cut by their number, as `upstream` does in that loop.
 */
export function defineTextS3(settings: SearchConfig): MethodDefinition {
  const searches = countSearchesAllowed(settings);
  // A server leaves stop strings out, so an imitated <information> block would go uncounted if it were one of them.
  const stops = (last: boolean): string[] =>
    listStopStrings("paper", last).filter((stop) => stop !== "<information>");
  const plan: MethodPlan = {
    retrieve: settings.retrieve,
    searches,
    temperature: 0,
    maxTokens: settings.turnTokens,
    stop: stops(false),
  };
  return {
    name: "s3",
    // One ahead of the loop on token ids, which reads no thoughts.
    version: PROTOCOL_VERSIONS[settings.protocol] + 1,
    thinksInText: true,
    // The released code sets no stop string and cuts the text afterwards; a server would leave out a closing tag alone.
    plans: { paper: plan, upstream: { ...plan, ...S3_SAMPLING.upstream, stop: [] } },
    run: (trace, question) =>
      settings.protocol === "upstream"
        ? runAsReleased(trace, question, settings)
        : runAsPublished(trace, question.toSearch, settings, stops),
  };
}

async function runAsPublished(
  trace: EpisodeTrace,
  question: string,
  settings: SearchConfig,
  stops: (last: boolean) => string[],
): Promise<void> {
  const searches = countSearchesAllowed(settings);
  const { protocol, select } = settings;
  const seen = new Set<string>();
  let query = question;
  let prompt = null;
  let written = "";
  for (let turn = 0; turn <= searches; turn++) {
    const last = turn === searches;
    const window = await retrieveNext(trace, query, turn, settings, seen);
    if (prompt === null) prompt = trace.buildPrompt(buildStartValues(question, window, settings));
    else written += renderObservation(window, searches - turn, protocol);
    const { content, finish } = await trace.generate(continueConversation(prompt, written), {
      stop: stops(last),
    });
    const text = blankThoughts(content);
    const decision = parseTurn(text, {
      protocol,
      window: window.length,
      select,
      last,
      truncated: false,
    });
    for (const error of decision.errors) trace.reject(error, content);
    trace.select(decision.selection?.map((id) => window[id - 1]!.id) ?? null);
    written += content.slice(0, completeTurnText(text, protocol).length);
    if (last) return trace.recordStop("turns");
    if (decision.complete === true) return trace.recordStop("model");
    if (decision.query === null)
      return trace.recordStop(finish === "length" ? "length" : "malformed");
    query = decision.query;
  }
}

/**
 * As searcher/episode.ts under `upstream`: a turn with neither stop nor query is tried again, and thoughts are read as any
 * text.
 */
async function runAsReleased(
  trace: EpisodeTrace,
  { toSearch, toSearcher }: QuestionPrompt,
  settings: SearchConfig,
): Promise<void> {
  const { protocol, select } = settings;
  const searches = countSearchesAllowed(settings);
  const seen = new Set<string>();
  const windows: Awaited<ReturnType<EpisodeTrace["retrieve"]>>[] = [];
  let query: string | null = toSearch;
  let selected = false;
  let prompt = null;
  let written = "";
  for (let generation = 0; generation <= searches; generation++) {
    if (query !== null) {
      windows.push(await retrieveNext(trace, query, windows.length, settings, seen));
      selected = false;
    }
    const window: (typeof windows)[number] = windows[windows.length - 1]!;
    if (prompt === null) prompt = trace.buildPrompt(buildStartValues(toSearcher, window, settings));
    else written += query === null ? UPSTREAM_RETRY : renderObservation(window, 0, protocol);
    const { content } = await trace.generate(continueConversation(prompt, written));
    const last = generation === searches;
    const rules = { protocol, window: window.length, select, last, truncated: false };
    const decision = parseTurn(content, rules);
    written += completeTurnText(content, protocol);
    for (const error of decision.errors) trace.reject(error, content);
    const ended = last || decision.complete === true;
    if (!selected && (ended || decision.query !== null || decision.selection !== null)) {
      trace.select(decision.selection?.map((id) => window[id - 1]!.id) ?? null);
      selected = true;
    }
    if (ended) {
      const conversation = renderUpstreamFirstWindow(windows[0]!) + written;
      trace.replaceContext(listUpstreamContext(conversation, windows));
      return trace.recordStop(last ? "turns" : "model");
    }
    requireSendableQuery(decision, toSearch);
    query = decision.query;
  }
}

/** Retrieves the window of a turn. Adds it to what was seen. */
async function retrieveNext(
  trace: EpisodeTrace,
  query: string,
  turn: number,
  settings: SearchConfig,
  seen: Set<string>,
): ReturnType<EpisodeTrace["retrieve"]> {
  const window = await trace.retrieve(
    query,
    turn === 0 ? countInitialDocuments(settings, false) : settings.retrieve,
    turn === 0 ? "question" : "model",
    settings.skipSeen ? seen : undefined,
  );
  for (const { id } of window) seen.add(id);
  return window;
}
