import { sql, type Sql } from "@/server/platform/db/query";

/**
 * Which scorers judge correctness itself, as a regular expression of PostgreSQL. Where two of them disagree about an
 * answer, whatever calls it wrong is doubtful; exact match and F1 are strict by design, so that one of these and one
 * judging scorer differ is no doubt. Versions of one scorer are one judge, which says what its newest version says.
 */
export const JUDGING_SCORERS = "^(span|judge|option)";

/** SQL of a stored scorer's name without its version, "span" of "span/2" and "judge qwen" of "judge/1 qwen". */
export const buildScorerFamily = (scorer: Sql): Sql =>
  sql`regexp_replace(${scorer}, '(?<=^[a-z-]+)/[0-9]+(?= |$)', '')`;

/** SQL of a stored scorer's version, 2 of "span/2"; 0 where its name has no number. */
export const buildScorerVersion = (scorer: Sql): Sql =>
  sql`coalesce(substring(${scorer} FROM '^[a-z-]+/([0-9]+)(?= |$)')::numeric, 0)`;

/**
 * SQL that is true where judging scorers disagree about the answer of a row of \`episode_facts\`. The stored mark counts
 * every version of a scorer as a judge of its own, so it is true wherever this is: only marked answers are looked at.
 */
export const buildDoubt = (facts: Sql): Sql => sql`(${facts}.doubtful AND (
  SELECT bool_or(n.value >= 0.5) AND bool_or(n.value < 0.5) FROM (
    SELECT DISTINCT ON (${buildScorerFamily(sql`s.scorer`)}) s.value FROM scores s
    WHERE s.answer_id = ${facts}.answer_id AND s.set_id = ${facts}.set_id AND s.question_id = ${facts}.question_id AND s.scorer ~ ${JUDGING_SCORERS}
    ORDER BY ${buildScorerFamily(sql`s.scorer`)}, ${buildScorerVersion(sql`s.scorer`)} DESC) n))`;
