import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { foundCorpusFileSchema } from "@/contracts/formats/corpus-reading";
import { badLineSchema, BAD_LINES_KEPT } from "@/contracts/worker-protocol/corpus-report";
import { createRoundedIdsState } from "@/core/reading/rounded-ids";

const foundIdsSchema = z.strictObject({
  count: z.int().nonnegative(),
  first: z.array(
    z.strictObject({
      place: z.strictObject({ file: z.string(), line: z.int().positive() }),
      id: z.string(),
    }),
  ),
});

/** How far an import is: everything that does not follow from the documents written so far. */
const journalSchema = z.strictObject({
  /** 3: documents are written with the form of their `contents`. */
  version: z.literal(3),
  /** What is imported and how; another source begins anew. */
  source: z.string(),
  /** The files as they were when the import began: one that has changed since begins anew. */
  files: z.array(
    z.strictObject({
      name: z.string(),
      bytes: z.int().nonnegative(),
      mtimeMs: z.number(),
      sha256: z.string(),
    }),
  ),
  /** The file being read, and how many of its items were taken. */
  place: z.strictObject({ file: z.int().nonnegative(), item: z.int().nonnegative() }),
  /** Bytes of documents.jsonl that are good. */
  documentsBytes: z.int().nonnegative(),
  repeated: z.int().nonnegative(),
  badLines: z.strictObject({
    total: z.int().nonnegative(),
    first: z.array(badLineSchema).max(BAD_LINES_KEPT),
  }),
  /** Ids that look rounded; of a journal from before they were looked for: none. */
  roundedIds: z
    .strictObject({
      shortened: foundIdsSchema,
      zeros: foundIdsSchema,
      long: z.int().nonnegative(),
    })
    .default(() => createRoundedIdsState<{ file: string; line: number }>()),
  /** What the first file turned out to be. */
  found: foundCorpusFileSchema.nullable(),
});
export type Journal = z.infer<typeof journalSchema>;

const FILE = "journal.json";

/** The journal of an import that was interrupted; null where there is none that is understood. */
export async function readJournal(folder: string): Promise<Journal | null> {
  try {
    return journalSchema.parse(JSON.parse(await readFile(join(folder, FILE), "utf8")));
  } catch {
    return null;
  }
}

/** Replaces the journal as a whole: a reader sees the old one or the new one. */
export async function writeJournal(folder: string, content: Journal): Promise<void> {
  const path = join(folder, FILE);
  await writeFile(`${path}.new`, JSON.stringify(content), { flush: true });
  await rename(`${path}.new`, path);
}
