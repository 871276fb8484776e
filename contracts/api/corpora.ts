import { z } from "zod";
import { corpusReport } from "@/contracts/worker-protocol/corpus-report";

export const findUploadRequest = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export const uploadRow = z.object({
  id: z.uuid(),
  fileName: z.string(),
  bytes: z.number(),
  sha256: z.string(),
});

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

export const corpusDetail = corpusRow.omit({ indexes: true }).extend({
  samples: corpusReport.shape.samples,
  manifest: corpusReport.shape.manifest,
  indexes: corpusReport.shape.indexes,
});

export const getCorpusRequest = z.object({ name: z.string().min(1) });

export const listWorkerCorporaResponse = z.array(corpusRow);
