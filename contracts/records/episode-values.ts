/** What stands in an episode, apart from its schemas: lists and links need no zod. */

/** What a model's text can be wrong in. */
export const FORMAT_ERRORS = [
  "no-selection", // no <important_info>: implicit select-all
  "malformed-selection", // <important_info> that is not a list of numbers
  "id-out-of-range", // an id that is not in the current window
  "too-many-selected", // more ids than `select`; the first ones count
  "no-stop-decision", // neither <search_complete> nor a query
  "malformed-query", // <query> without JSON {"query": ...}
  "empty-query",
  "several-queries", // more than one <query> in a turn; the first counts
  "invented-documents", // the searcher wrote its own <information>; rejected, under `upstream` handed over
  "truncated", // cut by the token limit
  "invalid-action", // neither a search nor an answer (s3 under `upstream`: nor a stop) where one is due; asked once more
  "no-answer", // a method that answers itself gave nothing that can be read as an answer
] as const;

/** What an episode was played for. */
export const EPISODE_PHASES = ["train", "held-out", "predict"] as const;
