import { z } from "zod";
import type { SearchResults } from "@/contracts/api/search";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { findSweeps } from "@/server/features/sweeps/queries";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { buildLikePattern, escapeLike } from "@/server/platform/db/paging";
import { queryRows } from "@/server/platform/db/query";

/** Hits of each kind. */
const HITS = 6;

const runHitSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
});
const questionHitSchema = z.object({ set: z.string(), id: z.string(), question: z.string() });

/** Finds runs, sweeps, questions and corpora by a part of their text, for the palette. */
export class Search {
  constructor(private readonly database: Database) {}

  /** The newest hits of each kind, without what is deleted; runs are found by the beginning of their id, too. */
  async find(text: string): Promise<SearchResults> {
    const { db } = this.database;
    const pattern = buildLikePattern(text);
    const [runs, sweeps, questions, corpora] = await Promise.all([
      queryRows(db, runHitSchema)`
        SELECT id, name, kind, state FROM runs
        WHERE project_id = ${DEFAULT_PROJECT}::uuid AND deleted_at IS NULL AND (name ILIKE ${pattern} OR id::text LIKE ${`${escapeLike(text.toLowerCase())}%`})
        ORDER BY created_at DESC LIMIT ${HITS}`,
      findSweeps(db, pattern, HITS),
      queryRows(db, questionHitSchema)`
        SELECT s.name AS set, q.id, q.question
        FROM (SELECT DISTINCT ON (name) id, name FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY name, created_at DESC) s
        JOIN questions q ON q.set_id = s.id
        WHERE q.question ILIKE ${pattern} LIMIT ${HITS}`,
      db.corpus.findMany({
        where: {
          projectId: DEFAULT_PROJECT,
          name: { contains: escapeLike(text), mode: "insensitive" },
        },
        distinct: ["name"],
        orderBy: { createdAt: "desc" },
        take: HITS,
        select: { name: true },
      }),
    ]);
    return { runs, sweeps, questions, corpora };
  }
}
