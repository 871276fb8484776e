import { z } from "zod";

import { defineSetting } from "./setting";

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
  format: defineSetting(
    z.enum(["auto", "jsonl", "csv", "tsv", "parquet", "text"]).default("auto"),
    "Format",
    "`auto` goes by the file's name. `text`: plain text and Markdown, cut into passages. Files may be gzipped.",
  ),
  chunkTokens: defineSetting(
    z.int().min(16).max(8192).default(128),
    "Passage tokens",
    "Longest passage that a text file is cut into, in tokens of the default encoder.",
  ),
  chunkOverlap: defineSetting(
    z.int().min(0).max(4096).default(16),
    "Overlap",
    "Tokens that neighbouring passages share.",
    { advanced: true },
  ),
  idColumn: defineSetting(
    z.string().trim().min(1).default("id"),
    "Id column",
    "CSV, TSV and parquet: column of the id; where there is none, the row's number.",
    { advanced: true },
  ),
  titleColumn: defineSetting(
    z.string().trim().min(1).default("title"),
    "Title column",
    "CSV, TSV and parquet: column of the title; may be absent.",
    { advanced: true },
  ),
  textColumn: defineSetting(
    z.string().trim().min(1).default("text"),
    "Text column",
    "CSV, TSV and parquet: column of the text.",
    { advanced: true },
  ),
};

const origin = {
  licence: defineSetting(
    z.string().trim().max(200).default(""),
    "Licence",
    "Shown beside the corpus.",
  ),
};

export const corpusSourceSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("installed") }),
    z.strictObject({
      kind: z.literal("upload"),
      upload: defineSetting(
        z.uuid(),
        "Upload",
        "Id of a file that was uploaded to the server, on the Corpora page or by `npm run s3 -- corpus import`.",
      ),
      fileName: defineSetting(
        z.string().trim().min(1).max(255),
        "File name",
        "Its name tells the format.",
      ),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("path"),
      path: defineSetting(
        z.string().trim().min(1).max(4096),
        "Path",
        "File or folder on the worker.",
      ),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("url"),
      url: defineSetting(
        z.url({ protocol: /^https?$/ }),
        "Address",
        "Fetched by the worker, resumed after an interruption.",
      ),
      sha256: defineSetting(
        z
          .string()
          .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")
          .nullable()
          .default(null),
        "Checksum",
        "Sha256 of the file; a file that differs is refused. Empty: unchecked.",
      ),
      ...reading,
      ...origin,
    }),
    z.strictObject({
      kind: z.literal("preset"),
      preset: defineSetting(
        z.enum(CORPUS_PRESET_NAMES),
        "Corpus of the paper",
        "Downloaded by the worker when the run starts; large.",
      ),
      withIndex: defineSetting(
        z.boolean().default(false),
        "Published index too",
        "`wiki-18`: also fetches its e5_Flat.index (62 GB), puts it beside the documents and uses it with its encoder, `e5-base-v2`.",
      ),
    }),
  ])
  .prefault({ kind: "installed" })
  .meta({
    title: "Source",
    description: "Where the corpus comes from; `installed`: it is on the worker already.",
  });
export type CorpusSource = z.infer<typeof corpusSourceSchema>;
