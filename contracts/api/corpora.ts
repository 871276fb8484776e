import { z } from "zod";
import { corpusReportSchema } from "@/contracts/worker-protocol/corpus-report";

export const findUploadRequestSchema = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export const uploadRowSchema = z.object({
  id: z.uuid(),
  fileName: z.string(),
  bytes: z.number(),
  sha256: z.string(),
});

/** A corpus in the list. Where several workers hold one of this name, as reported by one that is online. */
export const corpusRowSchema = z.object({
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

export const corpusDetailSchema = corpusRowSchema.omit({ indexes: true }).extend({
  samples: corpusReportSchema.shape.samples,
  manifest: corpusReportSchema.shape.manifest,
  indexes: corpusReportSchema.shape.indexes,
});

export const getCorpusRequestSchema = z.object({ name: z.string().min(1) });

export const listWorkerCorporaResponseSchema = z.array(corpusRowSchema);
