import { z } from "zod";
import { corpusReport } from "@/contracts/corpus-report";

/** A corpus in the list. Where several workers hold one of its name, what the one says that can be asked now. */
export const corpusRow = z.object({
  name: z.string(),
  /** Null where nobody has counted yet. */
  documents: z.int().nullable(),
  bytes: z.number(),
  hash: z.string().nullable(),
  licence: z.string(),
  /** Address, path, file name or preset; null where it was not imported. */
  source: z.string().nullable(),
  importedAt: z.number().nullable(),
  badLines: z.int(),
  indexes: z.int(),
  workers: z.array(z.object({ id: z.uuid(), name: z.string(), online: z.boolean() })),
  /** False where workers hold different documents under this name. */
  sameEverywhere: z.boolean(),
});

export const corpusDetail = corpusRow
  .omit({ indexes: true })
  .extend({
    samples: corpusReport.shape.samples,
    manifest: corpusReport.shape.manifest,
    indexes: corpusReport.shape.indexes,
  });
