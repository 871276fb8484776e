import { definePrompt } from "./prompt-text";

/** The model answers from what it knows. */
export const directPrompt = definePrompt(
  "direct",
  1,
  `--- system ---
Answer the user's question directly, in as few words as possible and without explanation.
--- user ---
{question}`,
);

/** Chain of thought (Wei et al. 2022): the answer between tags, so that it can be separated from the reasoning. */
export const cotPrompt = definePrompt(
  "cot",
  1,
  `--- system ---
Reason step by step about the user's question. Then give the final answer, in as few words as possible, between <answer> and </answer>.
--- user ---
{question}`,
);

/** A model trained by reinforcement learning without search (DeepSeek-R1 style): thinks, then answers between tags. */
export const r1Prompt = definePrompt(
  "r1",
  1,
  `--- user ---
Think about the question between <think> and </think> first. Then write the answer, and nothing else, between <answer> and </answer>, for example <answer> Lima </answer>.
Question: {question}`,
);

/** A model fine-tuned on questions and answers: whatever it writes is the answer. */
export const sftPrompt = definePrompt(
  "sft",
  1,
  `--- user ---
{question}`,
);
