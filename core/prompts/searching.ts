import { definePrompt } from "./prompt-text";

/** IRCoT (Trivedi et al. 2023): one sentence of reasoning at a time, each of which is the next query. */
export const ircotPrompt = definePrompt(
  "ircot",
  1,
  `--- system ---
You answer a question by reasoning over documents, one sentence at a time. Write exactly one new sentence that goes a step further than the reasoning so far. When the answer is clear, let that sentence be: So the answer is: ANSWER.
--- user ---
{documents}

Question: {question}
Reasoning so far: {thoughts}`,
);

/** IRCoT as the released code of s3 runs it: a decision in tags ends the search. */
export const ircotUpstreamPrompt = definePrompt(
  "ircot-upstream",
  1,
  `--- system ---
You collect evidence for a question in steps. Read the documents and the reasoning so far, and write the next thought: what is known now, and what has to be looked up next. End with <search_complete>Yes</search_complete> if the documents are enough to answer, else with <search_complete>No</search_complete>. If they are enough, also write: So the answer is: ANSWER.
--- user ---
{documents}

Question: {question}
Reasoning so far: {thoughts}`,
);

/** DeepRetrieval: one rewrite of the question into a Boolean query. */
export const deepRetrievalPrompt = definePrompt(
  "deepretrieval",
  1,
  `--- system ---
You write queries for a search engine that knows AND, OR, NOT, parentheses and "phrases". Think between <think> and </think> about which words the documents that answer the question will contain. Then write the query as JSON between <answer> and </answer>: <answer>{"query": "..."}</answer>
--- user ---
{question}`,
);

/** Search-R1 (Jin et al. 2025): one assistant turn that thinks, searches and answers in tags. */
export const searchR1Prompt = definePrompt(
  "search-r1",
  1,
  `--- user ---
Answer the question below. Whenever you get new information, reason about it between <think> and </think>. If you lack knowledge, ask a search engine by writing <search> query </search>; its best results come between <information> and </information>. You may search as often as you need. As soon as nothing is missing, give the answer between <answer> and </answer> without explanation, for example <answer> Lima </answer>.
Question: {question}`,
);

/** Search-o1 (Li et al. 2025): a reasoning model that searches within its thoughts. */
export const searchO1Prompt = definePrompt(
  "search-o1",
  1,
  `--- user ---
You are a reasoning assistant who can search for facts while you think. To search, write <|begin_search_query|>your query<|end_search_query|>. What the search found comes back between <|begin_search_result|> and <|end_search_result|>; then go on reasoning. You may search at most {searches}. When you know the answer, write it as \\boxed{ANSWER}.

Question: {question}`,
);

/** Search-o1's reason-in-documents: condenses the documents found to what the reasoning needs. */
export const reasonInDocumentsPrompt = definePrompt(
  "reason-in-documents",
  1,
  `--- user ---
Someone reasons about a question and searched for something. Read the documents and write down only what they say that helps the reasoning to go on; if they do not help, write: No helpful information found.

Reasoning so far:
{reasoning}

Searched for: {query}

{documents}`,
);

/** s3 with free decoding: instructions, question and first window; one assistant turn follows. */
export const s3Prompt = definePrompt(
  "full",
  1,
  `--- system ---
You are a careful research assistant who finds evidence with a search engine.
--- user ---
Collect the documents that someone else will need to answer a question. You do not answer it yourself.
You are shown a numbered list of up to {retrieve} documents between <information> and </information>. Each time, do the following and write nothing else:
1. Choose the documents of this list that help to answer the question, at most {select}, by their numbers: <important_info>[1, 3]</important_info>. An empty list, <important_info>[]</important_info>, keeps none of them.
2. Decide whether the documents chosen so far are enough: <search_complete>True</search_complete> if they are, else <search_complete>False</search_complete>.
3. If they are not enough, search for what is missing: <query>{"query": "what to look for"}</query>. Then stop writing; the results come as a new list with numbers of its own.
You may search {turns}. Never write an <information> block yourself.

Question: {question}
{information}`,
);
