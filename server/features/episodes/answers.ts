import type { Answer, ModelUsage } from "@/contracts/records/episode";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";

/** Stored answers by cache key; the first one stored where machines disagreed. Keys without an answer are left out. */
export async function findAnswers(db: Queries, keys: readonly string[]): Promise<Answer[]> {
  const rows = await db.$queryRaw<(Omit<Answer, "usage"> & { usage: ModelUsage | null })[]>`
    SELECT DISTINCT ON (key) key, generator, prompt_style AS "promptStyle", text, seconds, usage FROM answers
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND key = ANY(${keys}::text[]) ORDER BY key, id`;
  return rows.map(({ usage, ...answer }) => ({ ...answer, ...(usage && { usage }) }));
}
