import type { SearchResults } from "@/contracts/api/search";
import { findSweeps } from "@/server/features/sweeps/queries";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { buildLikePattern, escapeLike } from "@/server/platform/db/paging";
import { findQuestions, findRuns } from "./queries";

/** Hits of each kind. */
const HITS = 6;

/** Finds runs, sweeps, questions and corpora by a part of their text, for the palette. */
export class Search {
  constructor(private readonly database: Database) {}

  /** The newest hits of each kind, without what is deleted; runs are found by the beginning of their id, too. */
  async find(text: string): Promise<SearchResults> {
    const { db } = this.database;
    const pattern = buildLikePattern(text);
    const [runs, sweeps, questions, corpora] = await Promise.all([
      findRuns(db, { pattern, text, limit: HITS }),
      findSweeps(db, pattern, HITS),
      findQuestions(db, pattern, HITS),
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
