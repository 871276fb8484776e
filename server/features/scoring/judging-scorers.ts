/**
 * Which scorers judge correctness itself, as a regular expression of PostgreSQL. Where two of them disagree about an
 * answer, whatever calls it wrong is doubtful; exact match and F1 are strict by design, so that one of these and one
 * judging scorer differ is no doubt.
 */
export const JUDGING_SCORERS = "^(span|judge|option)";
