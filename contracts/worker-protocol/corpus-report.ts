import { z } from "zod";
import { foundCorpusFileSchema } from "@/contracts/formats/corpus-reading";

/** What is known of a corpus without reading it: its import writes it, the worker reports it, its page shows it. */

/** Lengths in words (runs of characters that are not white space): bucket i counts passages of at most `upTo[i]`. */
const lengthHistogramSchema = z.strictObject({
  /** Upper bounds, the last of which is open: null. */
  upTo: z.array(z.int().positive().nullable()),
  counts: z.array(z.int().nonnegative()),
  shortest: z.int().nonnegative(),
  longest: z.int().nonnegative(),
  mean: z.number().nonnegative(),
});
export type LengthHistogram = z.infer<typeof lengthHistogramSchema>;

export const badLineSchema = z.strictObject({
  /** File within the source. */
  file: z.string(),
  /** Line of the file, row of a parquet file; counted from 1. */
  line: z.int().positive(),
  reason: z.string(),
});

/** How many bad lines are kept with their reason; all are counted. */
export const BAD_LINES_KEPT = 200;

const sourceFileSchema = z.strictObject({
  name: z.string(),
  bytes: z.int().nonnegative(),
  sha256: z.string().length(64),
});

/** The manifest.json that is written with the documents of an imported corpus. */
export const corpusManifestSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  /** Sha256 over the documents in order (gpu-workers/retrieval/corpus): what an index is bound to. */
  hash: z.string().length(64),
  documents: z.int().positive(),
  /** Size of documents.jsonl. */
  bytes: z.int().positive(),
  /** Memory of an opened corpus, in bytes a passage. */
  memoryPerPassage: z.number().nonnegative(),
  importedAt: z.number(),
  /** The run that imported it. */
  runId: z.uuid(),
  source: z.strictObject({
    kind: z.enum(["upload", "path", "url", "preset"]),
    /** Address, path, file name or preset. */
    from: z.string(),
    format: z.string(),
    /** The files it was read from, the first of them by name; `files` counts all. */
    files: z.int().positive(),
    bytes: z.int().nonnegative(),
    /** Of the one file; of several, over their names and hashes in order. */
    sha256: z.string().length(64),
    first: z.array(sourceFileSchema).max(20),
  }),
  /** What the first file turned out to be, and what its columns mean; null where it was imported before that was kept. */
  reading: foundCorpusFileSchema.nullable().default(null),
  /**
   * How many lines have `contents` of each form ("quoted" is upstream's, `"Title"` and the text below), which /retrieve
   * gives back; null where the corpus was imported before forms were kept: all are given in upstream's.
   */
  contentsForms: z.record(z.string(), z.int().positive()).nullable().default(null),
  licence: z.string(),
  lengths: lengthHistogramSchema,
  duplicates: z.strictObject({
    /** Left out: repeated an earlier passage entirely. */
    passages: z.int().nonnegative(),
    /** Kept: the text of an earlier passage under another id. */
    texts: z.int().nonnegative(),
  }),
  badLines: z.strictObject({
    total: z.int().nonnegative(),
    first: z.array(badLineSchema).max(BAD_LINES_KEPT),
  }),
  /** Lines that became passages, but should be looked at: whose ids look rounded. */
  warnings: z
    .strictObject({
      total: z.int().nonnegative(),
      first: z.array(badLineSchema).max(BAD_LINES_KEPT),
    })
    .default({ total: 0, first: [] }),
});
export type CorpusManifest = z.infer<typeof corpusManifestSchema>;

/** An index on a worker's disk, as its manifest describes it. */
const indexReportSchema = z.strictObject({
  /** Name of its folder. */
  key: z.string(),
  corpusHash: z.string(),
  /** For people: "minilm fp32, flat". */
  description: z.string(),
  bytes: z.number().nonnegative(),
  builtAt: z.number(),
});
export type IndexReport = z.infer<typeof indexReportSchema>;

/** A corpus on a worker. */
export const corpusReportSchema = z.strictObject({
  name: z.string(),
  /** Null until it was read once: a file that was put into the data folder by hand. */
  hash: z.string().nullable(),
  documents: z.int().nonnegative().nullable(),
  bytes: z.number().nonnegative(),
  samples: z.array(z.strictObject({ id: z.string(), title: z.string(), text: z.string() })).max(5),
  /** Null where it was not imported but put there, as Atlas is by the set-up. */
  manifest: corpusManifestSchema.nullable(),
  indexes: z.array(indexReportSchema),
});
export type CorpusReport = z.infer<typeof corpusReportSchema>;
