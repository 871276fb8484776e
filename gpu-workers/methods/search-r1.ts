import { blankThoughts } from "@/core/episode/thoughts";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { continueConversation, formatDocuments, cutBeforeImitation } from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const plan: MethodPlan = {
  retrieve: 3,
  searches: 4,
  temperature: 0,
  maxTokens: 500,
  stop: ["</search>", "</answer>"],
};

/** What the environment says to a text that neither searches nor answers. */
const RETRY =
  "\nThat was neither a search nor an answer. To search, put the query between <search> and </search>; to answer, put the answer between <answer> and </answer>. Try again.\n";

/**
 * Search-R1 (Jin et al. 2025): one assistant turn, continued throughout: it thinks, searches or answers; the environment
 * appends what a search found. After the last search one more text is due, in which only an answer counts. Released
 * code: temperature 1 in rollouts, greedy in validation; greedy here in both protocols. `upstream` reads over imitated
 * <information>, `paper` cuts the text there and counts it; in neither is it a document.
 */
export const searchR1: MethodDefinition = {
  name: "search-r1",
  version: 2,
  thinksInText: true,
  plans: { paper: plan, upstream: plan },
  async run(trace, question, { retrieve, searches }, protocol) {
    const prompt = trace.buildPrompt({ question: escapeToOneLine(question.toAnswer) });
    let written = "";
    for (let turn = 0; turn <= searches; turn++) {
      const { content: text } = await trace.generate(continueConversation(prompt, written));
      const { own, invented } = cutBeforeImitation(text, ["<information>"]);
      if (invented) trace.reject("invented-documents", text);
      const action = findFirstAction(protocol === "paper" ? own : text);
      if (action.several && protocol === "paper") trace.reject("several-queries", text);
      written += action.kind === "none" ? (protocol === "paper" ? own : text) : action.upTo;
      if (action.kind === "answer") {
        trace.recordAnswer(action.content, text);
        return trace.recordStop("model");
      }
      if (turn === searches) break;
      if (action.kind === "none" || action.content === "") {
        trace.reject(action.kind === "none" ? "invalid-action" : "empty-query", text);
        written += RETRY;
        continue;
      }
      const documents = await trace.retrieve(escapeToOneLine(action.content), retrieve, "model");
      trace.select(null);
      written += `\n\n<information>${formatDocuments(documents)}</information>\n\n`;
    }
    trace.recordAnswer(null, written.slice(-1000));
    trace.recordStop("turns");
  },
};

interface Action {
  kind: "search" | "answer" | "none";
  content: string;
  /** The text up to the end of the action. */
  upTo: string;
  /** Further searches follow it. */
  several: boolean;
}

/** The first closed <search> or <answer> that is no thought. */
function findFirstAction(text: string): Action {
  const readable = blankThoughts(text);
  const found = (["search", "answer"] as const).flatMap((kind) => {
    const open = readable.indexOf(`<${kind}>`);
    const close = open < 0 ? -1 : readable.indexOf(`</${kind}>`, open);
    return close < 0 ? [] : [{ kind, open, close }];
  });
  const first = found.sort((a, b) => a.open - b.open)[0];
  if (!first) return { kind: "none", content: "", upTo: text, several: false };
  const begin = first.open + first.kind.length + 2;
  const end = first.close + first.kind.length + 3;
  return {
    kind: first.kind,
    content: text.slice(begin, first.close).trim(),
    upTo: text.slice(0, end),
    several: first.kind === "search" && readable.indexOf("<search>", end) >= 0,
  };
}
