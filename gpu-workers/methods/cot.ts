import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { tagged } from "./reading";
import type { Plan, Recipe } from "./recipe";

const plan: Plan = {
  retrieve: 0,
  searches: 0,
  temperature: 0,
  maxTokens: 512,
  stop: ["</answer>"],
};

/** Chain of thought (Wei et al. 2022): the first <answer>, else the whole text, as the released code reads it. It sets no stop string. */
export const cot: Recipe = {
  name: "cot",
  version: 1,
  plans: { paper: plan, upstream: { ...plan, stop: [] } },
  async run(trace, question) {
    const { text } = await trace.generate(trace.prompt({ question: escapeToOneLine(question.asked) }));
    trace.answer(tagged(text, "answer", "first") ?? text, text);
    trace.stop("model");
  },
};
