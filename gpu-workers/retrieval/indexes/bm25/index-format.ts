import { z } from "zod";

/**
 * The saved index, a folder of four files beside its manifest. Every file starts with the build's stamp (16 bytes), so
 * that a file of another index is noticed; all numbers are little-endian.
 *
 * terms       UTF-8 of all terms, one after the other, in order
 * dictionary  for T terms: where each starts among the terms (T + 1), in how many documents it is (T; the highest bit:
 *             its counts are 32 bits wide), where its postings start (T + 1, in units of 4 bytes), each 32 bits wide
 * lengths     of each document, in terms (32 bits)
 * postings    for each term: rows (32 bits), counts in them (8 bits, padded to 4 bytes; or 32 bits where one exceeds
 *             255), and for more than `BLOCK` rows a bound for each block of them: least length << 8 | highest count
 */
export const FILES = {
  terms: "terms.bin",
  dictionary: "dictionary.bin",
  lengths: "lengths.bin",
  postings: "postings.bin",
} as const;
export const MANIFEST = "manifest.json";

export const STAMP_BYTES = 16;

/** Postings of one bound. */
export const BLOCK = 128;

/** Highest bit of a number of documents: the term's counts are 32 bits wide. */
export const WIDE = 0x8000_0000;

/** Lengths and counts as bounds hold them: longer counts as this long, more often as "any number of times". */
export const LENGTH_LIMIT = 0xff_ffff;
export const COUNT_LIMIT = 0xff;

const fileSizesSchema = z.strictObject({
  terms: z.int(),
  dictionary: z.int(),
  lengths: z.int(),
  postings: z.int(),
});

/** Written beside an index, so that it never meets another corpus or analysis. */
export const bm25ManifestSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal("bm25"),
  analysis: z.string(),
  corpusHash: z.string(),
  /** Of the build: 32 hexadecimal digits. */
  stamp: z.string().regex(/^[0-9a-f]{32}$/),
  documents: z.int().nonnegative(),
  terms: z.int().nonnegative(),
  /** Pairs of a term and a document that has it. */
  postings: z.int().nonnegative(),
  /** Terms in all documents together. */
  length: z.int().nonnegative(),
  /** Sizes of the files. */
  bytes: fileSizesSchema,
});
export type Bm25Manifest = z.infer<typeof bm25ManifestSchema>;
export type Bm25Counts = Pick<
  Bm25Manifest,
  "documents" | "terms" | "postings" | "length" | "bytes"
>;
