import { definePrompt } from "./prompt-text";

/** The frozen generator's prompt in style `chat`, as upstream: contexts in the system message, the question in the user's. */
export const chatPrompt = definePrompt(
  "chat",
  1,
  `--- system ---
Answer the user's question directly, in as few words as possible and without explanation. Use these contexts; some of them may be irrelevant.

{documents}
--- user ---
{question}`,
);

/** A document within the generator's prompt, in one line; without a title the brackets are left out. */
export const documentPrompt = definePrompt("document", 1, "Context {number} ({title}): {text}");

/** The judge's prompt: does the answer state the same as one of the gold answers? */
export const judgePrompt = definePrompt(
  "judge",
  1,
  `--- system ---
You grade answers. Say yes if the given answer states the same as one of the correct answers, in whatever words; say no if it states something else, leaves it open, or gives several alternatives. Reply with one word: yes or no.
--- user ---
Question: {question}
Correct answers: {golds}
Given answer: {answer}
Is the given answer correct?`,
);

/** The judge's prompt of the released code (`check_answer_correct`), which does not hold the question. */
export const upstreamJudgePrompt = definePrompt(
  "judge-upstream",
  1,
  `--- user ---
Please check if any of the golden answers is contained in the following response: {answer}

Golden answers: {golds}

Please directly answer with 'yes' or 'no'.`,
);
