import { z } from "zod";
import { foundTextSchema, RECORD_FORMS } from "./reading";

/** What a corpus file turned out to be, and what its columns mean. */
export const foundCorpusFileSchema = z.object({
  /** Whether it was unpacked. */
  gzip: z.boolean(),
  form: z.enum([...RECORD_FORMS, "parquet", "text"]),
  /** Null for parquet, which says so itself. */
  encoding: foundTextSchema.shape.encoding.nullable(),
  dialect: foundTextSchema.shape.dialect,
  /** Columns, or the keys of the first objects; empty for text. */
  columns: z.array(z.string()),
  /** Null for text. An id of null is the row's number, a title of null is none. */
  mapping: z
    .object({
      id: z.string().nullable(),
      title: z.string().nullable(),
      text: z.array(z.string()),
    })
    .nullable(),
});
export type FoundCorpusFile = z.infer<typeof foundCorpusFileSchema>;
