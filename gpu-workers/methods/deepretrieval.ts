import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { parseQueryJson } from "@/gpu-workers/searcher/protocol";
import { extractTag } from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const plan: MethodPlan = {
  retrieve: 3,
  searches: 1,
  temperature: 0,
  maxTokens: 512,
  stop: ["</answer>"],
};

/**
 * DeepRetrieval (Jiang et al. 2025): one rewrite of the question into a Boolean query, <answer>{"query": ...}</answer>,
 * then one retrieval (its own evaluation: BM25 with operators). What cannot be read is counted, and the question itself
 * is searched instead. The released code samples at temperature 0.7 and sets no stop string.
 */
export const deepRetrieval: MethodDefinition = {
  name: "deepretrieval",
  version: 2,
  plans: { paper: plan, upstream: { ...plan, temperature: 0.7, stop: [] } },
  async run(trace, question, { retrieve }) {
    const { text } = await trace.generate(
      trace.buildPrompt({ question: escapeToOneLine(question.toSearch) }),
    );
    const content = extractTag(text, "answer", "first");
    const query = content === null ? null : parseQueryJson(content);
    if (query === null) trace.reject("malformed-query", text);
    else if (query === "") trace.reject("empty-query", text);
    await trace.retrieve(query || question.toSearch, retrieve, query ? "model" : "question");
    trace.select(null);
    trace.recordStop("turns");
  },
};
