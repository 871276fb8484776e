import { blankThoughts } from "@/core/episode/thoughts";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { extractTag } from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const plan: MethodPlan = {
  retrieve: 0,
  searches: 0,
  temperature: 0,
  maxTokens: 512,
  stop: ["</answer>"],
};

/**
 * Chain of thought (Wei et al. 2022): the first <answer>, else the whole text, as the released code reads it. It sets no
 * stop string.
 */
export const cot: MethodDefinition = {
  name: "cot",
  version: 2,
  plans: { paper: plan, upstream: { ...plan, stop: [] } },
  async run(trace, question) {
    const { text, content } = await trace.generate(
      trace.buildPrompt({ question: escapeToOneLine(question.toAnswer) }),
    );
    const answer = extractTag(blankThoughts(content), "answer", "first");
    trace.recordAnswer(answer ?? text, content);
    trace.recordStop("model");
  },
};
