import { blankThoughts } from "@/core/episode/thoughts";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { extractTag } from "./parse-output";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const plan: MethodPlan = {
  retrieve: 0,
  searches: 0,
  temperature: 0,
  maxTokens: 2048,
  stop: ["</answer>"],
};

/**
 * R1: a model trained to reason without search. Its <answer> counts, the last one where it wrote several, but none within
 * its thoughts; without one it has not answered.
 */
export const r1: MethodDefinition = {
  name: "r1",
  version: 2,
  thinksInText: true,
  plans: { paper: plan, upstream: { ...plan, stop: [] } },
  async run(trace, question) {
    const { content } = await trace.generate(
      trace.buildPrompt({ question: escapeToOneLine(question.toAnswer) }),
    );
    trace.recordAnswer(extractTag(blankThoughts(content), "answer", "last"), content);
    trace.recordStop("model");
  },
};
