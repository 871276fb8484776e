import type { Answer } from "@/contracts/episode";
import { DEFAULT_PROJECT, type Queries } from "@/server/db/database";

/** Stored answers by cache key; the first one stored where machines disagreed. Keys without an answer are left out. */
export function findAnswers(db: Queries, keys: readonly string[]): Promise<Answer[]> {
  return db.$queryRaw<Answer[]>`
    SELECT DISTINCT ON (key) key, generator, prompt_style AS "promptStyle", text, seconds FROM answers
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND key = ANY(${keys}::text[]) ORDER BY key, id`;
}
