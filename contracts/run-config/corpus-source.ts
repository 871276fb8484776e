import { z } from "zod";

import { readingSettingsSchema } from "@/contracts/formats/reading";
import { defineLaterSetting, defineSetting } from "./setting";

/** Where a corpus comes from, and how its files are read. */

/** Public corpora that can be imported by name; core/presets/corpus-presets.ts says where they are published. */
export const CORPUS_PRESET_NAMES = [
  "wiki-18",
  "medcorp",
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
    "`auto` goes by the file's name and content. `text`: plain text and Markdown, cut into passages. Files may be gzipped.",
  ),
  // Left out they are `auto`; stored configurations keep their form.
  encoding: defineSetting(
    readingSettingsSchema.shape.encoding.removeDefault().optional(),
    "Encoding",
    "`auto`: UTF-8; a file in another encoding is named and refused, and converted where its encoding is set.",
    { advanced: true },
  ),
  delimiter: defineSetting(
    readingSettingsSchema.shape.delimiter.removeDefault().optional(),
    "Delimiter",
    "CSV and TSV: what parts the fields; `auto` tells it by the rows.",
    { advanced: true },
  ),
  quoting: defineSetting(
    readingSettingsSchema.shape.quoting.removeDefault().optional(),
    "Quoting",
    "CSV and TSV: how quotes within a quoted field are written; `none`: quotes mean nothing. `auto` tells it by the rows.",
    { advanced: true },
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
    "Column or key of the id. `id` also means its synonyms (`_id`, `docid`, `pid`, ...); `#row` numbers the rows.",
    { advanced: true },
  ),
  titleColumn: defineSetting(
    z.string().trim().min(1).default("title"),
    "Title column",
    "Column or key of the title. `title` also means its synonyms; `#none`: there is none.",
    { advanced: true },
  ),
  textColumn: defineSetting(
    z.string().trim().min(1).default("text"),
    "Text column",
    "Column or key of the text. `text` also means its synonyms (`contents`, `content`, `passage`, ...).",
    { advanced: true },
  ),
};

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits");

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
        "File or folder on the worker, in `imports` of its data folder or in a folder of its --import-root; `FOLDER/part_*`: the files of a folder whose names begin so. Parts that `split` made (part_aa, part_ab, ...) are read as one file, in the order of their names.",
      ),
      sha256: defineLaterSetting(
        sha256Schema.nullable(),
        null,
        "Checksum",
        "Sha256 of the file, of parts as one; a file that differs is refused. Empty: unchecked.",
        { advanced: true },
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
        sha256Schema.nullable().default(null),
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
