/** Ways to answer, apart from their schema: a page that only lists them needs no zod. */
export const METHOD_NAMES = [
  "s3",
  "rag",
  "direct",
  "cot",
  "ircot",
  "deepretrieval",
  "search-r1",
  "search-o1",
  "r1",
  "sft",
  "gold",
] as const;
