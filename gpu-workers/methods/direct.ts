import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import type { MethodDefinition } from "./method-definition";
import type { MethodPlan } from "./method-plan";

const plan: MethodPlan = { retrieve: 0, searches: 0, temperature: 0, maxTokens: 128, stop: [] };

/** Direct inference: the model answers from what it knows. Both protocols agree. */
export const direct: MethodDefinition = {
  name: "direct",
  version: 2,
  plans: { paper: plan, upstream: plan },
  async run(trace, question) {
    const { text } = await trace.generate(
      trace.buildPrompt({ question: escapeToOneLine(question.toAnswer) }),
    );
    trace.recordAnswer(text, text);
    trace.recordStop("model");
  },
};

/** SFT: a model fine-tuned to answer; its whole text is the answer. */
export const sft: MethodDefinition = { ...direct, name: "sft" };
