import { z } from "zod";

import { explain } from "./setting";

/** Where a corpus comes from, and how its files are read. */

/** Public corpora that can be imported by name; core/presets/corpus-presets.ts says where they are published. */
export const CORPUS_PRESET_NAMES = [
  "wiki-18",
  "medcorp-pubmed",
  "medcorp-statpearls",
  "medcorp-textbooks",
  "medcorp-wikipedia",
] as const;
export type CorpusPresetName = (typeof CORPUS_PRESET_NAMES)[number];

export const corpusNameSchema = z
  .string()
  .trim()
  .regex(/^[\w.-]{1,120}$/, "letters, digits, dots, dashes and underscores only")
  .default("atlas");

const reading = {
  format: z
    .enum(["auto", "jsonl", "csv", "tsv", "parquet", "text"])
    .default("auto")
    .meta(
      explain(
        "Format",
        "`auto` goes by the file's name. `text`: plain text and Markdown, cut into passages. Files may be gzipped.",
      ),
    ),
  chunkTokens: z
    .int()
    .min(16)
    .max(8192)
    .default(128)
    .meta(
      explain(
        "Passage tokens",
        "Longest passage that a text file is cut into, in tokens of the default encoder.",
      ),
    ),
  chunkOverlap: z
    .int()
    .min(0)
    .max(4096)
    .default(16)
    .meta(explain("Overlap", "Tokens that neighbouring passages share.", { advanced: true })),
  idColumn: z
    .string()
    .trim()
    .min(1)
    .default("id")
    .meta(
      explain(
        "Id column",
        "CSV, TSV and parquet: column of the id; where there is none, the row's number.",
        { advanced: true },
      ),
    ),
  titleColumn: z
    .string()
    .trim()
    .min(1)
    .default("title")
    .meta(
      explain("Title column", "CSV, TSV and parquet: column of the title; may be absent.", {
        advanced: true,
      }),
    ),
  textColumn: z
    .string()
    .trim()
    .min(1)
    .default("text")
    .meta(explain("Text column", "CSV, TSV and parquet: column of the text.", { advanced: true })),
};

const origin = {
  licence: z
    .string()
    .trim()
    .max(200)
    .default("")
    .meta(explain("Licence", "Shown beside the corpus.")),
};

export const corpusSourceSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("installed") }),
    z.strictObject({
      kind: z.literal("upload"),
      upload: z
        .uuid()
        .meta(
          explain(
            "Upload",
            "Id of a file that was uploaded to the server, on the Corpora page or by `npm run s3 -- corpus import`.",
          ),
        ),
      fileName: z
        .string()
        .trim()
        .min(1)
        .max(255)
        .meta(explain("File name", "Its name tells the format.")),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("path"),
      path: z
        .string()
        .trim()
        .min(1)
        .max(4096)
        .meta(explain("Path", "File or folder on the worker.")),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("url"),
      url: z
        .url({ protocol: /^https?$/ })
        .meta(explain("Address", "Fetched by the worker, resumed after an interruption.")),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")
        .nullable()
        .default(null)
        .meta(
          explain(
            "Checksum",
            "Sha256 of the file; a file that differs is refused. Empty: unchecked.",
          ),
        ),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("preset"),
      preset: z
        .enum(CORPUS_PRESET_NAMES)
        .meta(
          explain("Corpus of the paper", "Downloaded by the worker when the run starts; large."),
        ),
      withIndex: z
        .boolean()
        .default(false)
        .meta(
          explain(
            "Published index too",
            "`wiki-18`: also fetches its e5_Flat.index (62 GB), puts it beside the documents and uses it with its encoder, `e5-base-v2`.",
          ),
        ),
    }),
  ])
  .prefault({ kind: "installed" })
  .meta({
    title: "Source",
    description: "Where the corpus comes from; `installed`: it is on the worker already.",
  });
export type CorpusSource = z.infer<typeof corpusSourceSchema>;
