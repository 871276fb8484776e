import { z } from "zod";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { escapeLike } from "@/server/platform/db/paging";
import { queryRows } from "@/server/platform/db/query";

/** The SQL of the palette's search. */

const runHitSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
});

/** The newest runs whose name matches a LIKE pattern, or whose id begins with a text. */
export const findRuns = (
  db: Queries,
  { pattern, text, limit }: { pattern: string; text: string; limit: number },
): Promise<z.infer<typeof runHitSchema>[]> =>
  queryRows(db, runHitSchema)`
    SELECT id, name, kind, state FROM runs
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND deleted_at IS NULL AND (name ILIKE ${pattern} OR id::text LIKE ${`${escapeLike(text.toLowerCase())}%`})
    ORDER BY created_at DESC LIMIT ${limit}`;

const questionHitSchema = z.object({ set: z.string(), id: z.string(), question: z.string() });

/** Questions of the newest version of each set whose text matches a LIKE pattern. */
export const findQuestions = (
  db: Queries,
  pattern: string,
  limit: number,
): Promise<z.infer<typeof questionHitSchema>[]> =>
  queryRows(db, questionHitSchema)`
    SELECT s.name AS set, q.id, q.question
    FROM (SELECT DISTINCT ON (name) id, name FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY name, created_at DESC) s
    JOIN questions q ON q.set_id = s.id
    WHERE q.question ILIKE ${pattern} LIMIT ${limit}`;
