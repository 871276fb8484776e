import { sql, type Sql } from "@/server/platform/db/query";

/**
 * Which scorers judge correctness itself, as a regular expression of PostgreSQL. Where two of them disagree about an
 * answer, whatever calls it wrong is doubtful; exact match and F1 are strict by design, so that one of these and one
 * judging scorer differ is no doubt. Versions of one scorer are one judge, which says what its newest version says.
 */
export const JUDGING_SCORERS = "^(span|judge|option)";

/** Version of a scorer behind its name, "2", and of a judge with its built-in prompt's, "2.1"; of an edited prompt's judge "2." alone. */
export const VERSION_IN_NAME = "^([a-z-]+/)(?:[0-9]+(?:[.][0-9]+)?(?= |$)|[0-9]+[.](?=edited-))";
/** The number in it. */
export const VERSION_NUMBER = "^[a-z-]+/([0-9]+(?:[.][0-9]+)?)(?= |$|[.]edited-)";

/** As text of the statement: two parameters of one value would be two expressions where DISTINCT ON and ORDER BY must have one. */
const quote = (text: string): Sql => sql([`'${text}'`]);

/**
 * SQL of a stored scorer's name without its version: "span/" of "span/2", "judge/ qwen" of both "judge/1 qwen" and
 * "judge/2.1 qwen". An edited prompt is another judge: "judge/edited-0a1b qwen", also of "judge/2.edited-0a1b qwen".
 */
export const buildScorerFamily = (scorer: Sql): Sql =>
  sql`regexp_replace(${scorer}, ${quote(VERSION_IN_NAME)}, ${quote("\\1")})`;

/** SQL of a stored scorer's version, by which those of a family are ordered: {2} of "span/2", {2,1} of "judge/2.1 qwen", {} without a number. */
export const buildScorerVersion = (scorer: Sql): Sql =>
  sql`coalesce(string_to_array(substring(${scorer} FROM ${quote(VERSION_NUMBER)}), '.')::numeric[], '{}')`;

/**
 * SQL that is true where judging scorers disagree about the answer of a row of \`episode_facts\`. The stored mark counts
 * every version of a scorer as a judge of its own, so it is true wherever this is: only marked answers are looked at.
 */
export const buildDoubt = (facts: Sql): Sql => sql`(${facts}.doubtful AND (
  SELECT bool_or(n.value >= 0.5) AND bool_or(n.value < 0.5) FROM (
    SELECT DISTINCT ON (${buildScorerFamily(sql`s.scorer`)}) s.value FROM scores s
    WHERE s.answer_id = ${facts}.answer_id AND s.set_id = ${facts}.set_id AND s.question_id = ${facts}.question_id AND s.scorer ~ ${JUDGING_SCORERS}
    ORDER BY ${buildScorerFamily(sql`s.scorer`)}, ${buildScorerVersion(sql`s.scorer`)} DESC) n))`;
