import type { SearchConfig } from "@/contracts/run-config/search";
import { blankThoughts } from "@/core/episode/thoughts";
import { buildStartValues, renderObservation } from "@/gpu-workers/searcher/prompt";
import {
  countInitialDocuments,
  cutTurnText,
  parseTurn,
  PROTOCOL_VERSION,
  countSearchesAllowed,
  listStopStrings,
} from "@/gpu-workers/searcher/protocol";
import { continueConversation } from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

/**
 * The search loop of s3 with a searcher that is asked for text, at an OpenAI-compatible server: one assistant turn,
 * continued throughout (s3/episode.ts is the same loop on token ids, for training and the worker's own engine).
 */
export function defineTextS3(settings: SearchConfig): MethodDefinition {
  const searches = countSearchesAllowed(settings);
  // A server leaves stop strings out, so an imitated <information> block would go uncounted if it were one of them.
  const stops = (last: boolean): string[] =>
    listStopStrings(settings.protocol, last).filter((stop) => stop !== "<information>");
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
    version: PROTOCOL_VERSION + 1,
    thinksInText: true,
    plans: { paper: plan, upstream: { ...plan, temperature: 0.6 } },
    async run(trace, { toSearch: question }) {
      const seen = new Set<string>();
      let query = question;
      let prompt = null;
      let written = "";
      for (let turn = 0; turn <= searches; turn++) {
        const last = turn === searches;
        const size = turn === 0 ? countInitialDocuments(settings, false) : settings.retrieve;
        const window = await trace.retrieve(
          query,
          size,
          turn === 0 ? "question" : "model",
          settings.skipSeen ? seen : undefined,
        );
        for (const { id } of window) seen.add(id);
        if (prompt === null)
          prompt = trace.buildPrompt(buildStartValues(question, window, settings));
        else written += renderObservation(window, searches - turn);
        const { content, finish } = await trace.generate(continueConversation(prompt, written), {
          stop: stops(last),
        });
        const text = blankThoughts(content);
        const selectable =
          settings.protocol === "upstream"
            ? Math.min(window.length, settings.retrieve)
            : window.length;
        const decision = parseTurn(text, {
          protocol: settings.protocol,
          window: selectable,
          select: settings.select,
          last,
          truncated: false,
        });
        for (const error of decision.errors) trace.reject(error, content);
        trace.select(decision.selection?.map((id) => window[id - 1]!.id) ?? null);
        written += content.slice(0, cutTurnText(text, settings.protocol).length);
        if (last) return trace.recordStop("turns");
        if (decision.complete === true) return trace.recordStop("model");
        if (decision.query === null)
          return trace.recordStop(finish === "length" ? "length" : "malformed");
        query = decision.query;
      }
    },
  };
}
