/** What stands in the address of a list of episodes, apart from its schemas: the list needs no zod to be shown. */

export const EPISODE_FILTERS = [
  "all",
  "correct",
  "wrong",
  "both-right",
  "gained",
  "lost",
  "both-wrong",
  "format-errors",
  "no-variance",
  "never-retrieved",
  "not-selected",
  "generator-failed",
  "scorer-doubtful",
] as const;

/** Numbers of an episode that it is filtered, sorted and counted by. */
export const EPISODE_MEASURES = [
  "step",
  "reward",
  "advantage",
  "score",
  "searches",
  "documents",
  "tokens",
] as const;

/** Where a text is searched. */
export const TEXT_PLACES = ["question", "answer", "queries", "documents"] as const;

/** `recorded`: the order in which they were reported. */
export const EPISODE_SORTS = [
  "recorded",
  ...EPISODE_MEASURES,
  "phase",
  "type",
  "attribution",
  "format-errors",
] as const;
