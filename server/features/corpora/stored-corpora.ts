import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { listCorporaResponseSchema } from "@/contracts/api/question-sets";
import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import { hashDocument } from "@/core/episode/document-hash";
import { hashJson } from "@/lib/hash";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { insertCorpusDocuments, insertDocuments } from "./queries";
import { chunk } from "@/lib/chunk";

const BATCH = 2_000;

/** Corpora whose documents the server itself stores. A changed one is a new version under the same name; the newest is meant. */
export class StoredCorpora {
  constructor(private readonly database: Database) {}

  /** The newest version of each corpus, by name. */
  list(): Promise<z.infer<typeof listCorporaResponseSchema>> {
    return this.database.db.corpus.findMany({
      where: { projectId: DEFAULT_PROJECT },
      distinct: ["name"],
      orderBy: [{ name: "asc" }, { createdAt: "desc" }],
      select: { name: true, documents: true, contentHash: true, createdAt: true },
    });
  }

  /** Id of the newest version of a corpus; null where none is stored. */
  async findId(name: string): Promise<string | null> {
    const corpus = await this.database.db.corpus.findFirst({
      where: { projectId: DEFAULT_PROJECT, name },
      orderBy: { createdAt: "desc" },
      select: { id: true },
    });
    return corpus?.id ?? null;
  }

  /** Stores a corpus where this very content is not stored under the name yet. @returns whether it was new */
  async store(name: string, documents: readonly CorpusRecord[], actor: string): Promise<boolean> {
    const id = randomUUID();
    return this.database.transact(async ({ db }) => {
      const { count } = await db.corpus.createMany({
        data: {
          id,
          projectId: DEFAULT_PROJECT,
          name,
          contentHash: hashJson(documents),
          documents: documents.length,
          createdBy: actor,
        },
        skipDuplicates: true,
      });
      if (count === 0) return false;
      for (const batch of chunk(documents, BATCH)) {
        const hashed = batch.map((document) => ({ ...document, hash: hashDocument(document) }));
        await insertDocuments(db, hashed);
        await insertCorpusDocuments(db, id, hashed);
      }
      return true;
    });
  }
}
