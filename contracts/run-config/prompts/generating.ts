import type { PromptText } from "./template";

/** What the frozen generator is asked in style `chat`, as upstream asks its own: contexts from the system, the question from the user. */
export const chatPrompt: PromptText = {
  id: "chat",
  version: 1,
  required: ["documents", "question"],
  replyIsWhole: true,
  text: `--- system ---
Answer the user's question directly, in as few words as possible and without explanation. Use these contexts; some of them may be irrelevant.

{documents}
--- user ---
{question}`,
};

/** What the judge is asked: does the answer say what one of the gold answers says? */
export const judgePrompt: PromptText = {
  id: "judge",
  version: 1,
  required: ["question", "golds", "answer"],
  replyIsWhole: true,
  text: `--- system ---
You grade answers. Say yes if the given answer states the same as one of the correct answers, in whatever words; say no if it states something else, leaves it open, or gives several alternatives. Reply with one word: yes or no.
--- user ---
Question: {question}
Correct answers: {golds}
Given answer: {answer}
Is the given answer correct?`,
};
