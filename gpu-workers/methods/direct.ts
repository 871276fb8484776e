import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import type { Plan, Recipe } from "./recipe";

const plan: Plan = { retrieve: 0, searches: 0, temperature: 0, maxTokens: 128, stop: [] };

/** Direct inference: the model answers from what it knows. Both protocols agree. */
export const direct: Recipe = {
  name: "direct",
  version: 1,
  plans: { paper: plan, upstream: plan },
  async run(trace, question) {
    const { text } = await trace.generate(trace.prompt({ question: escapeToOneLine(question.asked) }));
    trace.answer(text, text);
    trace.stop("model");
  },
};

/** SFT: a model fine-tuned to answer; its whole text is the answer. */
export const sft: Recipe = { ...direct, name: "sft" };
