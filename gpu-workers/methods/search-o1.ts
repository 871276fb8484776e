import { blankThoughts } from "@/core/episode/thoughts";
import { escapeToOneLine, escapeSpecialTokens } from "@/gpu-workers/llm/prompts/escape-text";
import {
  extractBoxed,
  continueConversation,
  formatDocuments,
  cutBeforeImitation,
} from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const QUERY = { begin: "<|begin_search_query|>", end: "<|end_search_query|>" };
const RESULT = { begin: "<|begin_search_result|>", end: "<|end_search_result|>" };

const plan: MethodPlan = {
  retrieve: 3,
  searches: 4,
  temperature: 0,
  maxTokens: 1024,
  stop: [QUERY.end],
};

/**
 * Search-o1 (Li et al. 2025): a reasoning model writes a query within its thoughts; a second call condenses what was
 * found to what the reasoning needs, and the condensed text is appended. No search precedes the first thought. The
 * context is the raw documents. `upstream` (as s3's baseline runs it) sets no stop string, so that a text may go on
 * after its query: what follows the first query is dropped in both protocols, results that the model invented included.
 */
export const searchO1: MethodDefinition = {
  name: "search-o1",
  version: 2,
  thinksInText: true,
  plans: { paper: plan, upstream: { ...plan, temperature: 0.7, stop: [] } },
  async run(trace, question, { retrieve, searches }) {
    const prompt = trace.buildPrompt({
      question: escapeToOneLine(question.toAnswer),
      searches: searches === 1 ? "1 time" : `${searches} times`,
    });
    let written = "";
    for (let turn = 0; ; turn++) {
      const { content: text } = await trace.generate(continueConversation(prompt, written));
      const { own, invented } = cutBeforeImitation(text, [RESULT.begin]);
      if (invented) trace.reject("invented-documents", text);
      const { query, upTo, several } = findFirstQuery(own);
      if (several) trace.reject("several-queries", text);
      written += upTo;
      if (query === null) {
        if (own.includes(QUERY.begin)) trace.reject("malformed-query", text);
        return end(own, own.includes(QUERY.begin) ? "malformed" : "model");
      }
      if (turn === searches) return end(own, "turns");
      if (query === "") {
        trace.reject("empty-query", text);
        written += formatResult("The query was empty.");
        continue;
      }
      const documents = await trace.retrieve(query, retrieve, "model");
      trace.select(null);
      const condensed = await trace.condense({
        reasoning: escapeSpecialTokens(written),
        query,
        documents: formatDocuments(documents),
      });
      written += formatResult(escapeSpecialTokens(condensed.replaceAll(RESULT.end, " ").trim()));
    }

    function end(text: string, reason: "model" | "malformed" | "turns"): void {
      trace.recordAnswer(extractBoxed(blankThoughts(text)), text);
      trace.recordStop(reason);
    }
  },
};

const formatResult = (text: string): string => `\n\n${RESULT.begin}${text}${RESULT.end}\n\n`;

/** The first query between its marks, and the text up to its end; null where none is closed. */
function findFirstQuery(text: string): { query: string | null; upTo: string; several: boolean } {
  const open = text.indexOf(QUERY.begin);
  const close = open < 0 ? -1 : text.indexOf(QUERY.end, open);
  if (close < 0) return { query: null, upTo: text, several: false };
  const end = close + QUERY.end.length;
  return {
    query: escapeToOneLine(text.slice(open + QUERY.begin.length, close)),
    upTo: text.slice(0, end),
    several: text.indexOf(QUERY.begin, end) >= 0,
  };
}
