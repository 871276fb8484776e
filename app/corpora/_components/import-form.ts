import { buildPlanRequest, type PlanRequest } from "@/app/_retrieval/plan-question";
import type { ReadingSettings } from "@/contracts/formats/reading";
import type { CorpusPresetName } from "@/contracts/run-config/corpus-source";
import { indexConfigSchema } from "@/contracts/run-config/index-config";
import { getPublishedRetriever, type SourceKind } from "@/core/corpora/corpus-import";

/** What is typed into the import dialog. */
export interface ImportForm {
  kind: SourceKind;
  name: string;
  format: "auto" | "jsonl" | "csv" | "tsv" | "parquet" | "text";
  path: string;
  url: string;
  sha256: string;
  preset: CorpusPresetName;
  withIndex: boolean;
  licence: string;
  chunkTokens: number;
  chunkOverlap: number;
  idColumn: string;
  titleColumn: string;
  textColumn: string;
  encoding: ReadingSettings["encoding"];
  delimiter: ReadingSettings["delimiter"];
  quoting: ReadingSettings["quoting"];
  buildIndex: boolean;
  /** A worker's id; empty: any. */
  worker: string;
}

/** The dialog as it opens. */
export const EMPTY_IMPORT: ImportForm = {
  kind: "upload",
  name: "",
  format: "auto",
  path: "",
  url: "",
  sha256: "",
  preset: "wiki-18",
  withIndex: false,
  licence: "",
  chunkTokens: 128,
  chunkOverlap: 16,
  idColumn: "id",
  titleColumn: "title",
  textColumn: "text",
  encoding: "auto",
  delimiter: "auto",
  quoting: "auto",
  buildIndex: true,
  worker: "",
};

/** A file that the server has. */
export interface UploadedFile {
  upload: string;
  fileName: string;
}

/** Whether all that an import needs is given. */
export const isComplete = (form: ImportForm, hasFile: boolean): boolean =>
  form.name !== "" && canPreview(form, hasFile);

/** Whether the source is given. */
export const canPreview = (form: ImportForm, hasFile: boolean): boolean =>
  (form.kind !== "upload" || hasFile) &&
  (form.kind !== "path" || form.path !== "") &&
  (form.kind !== "url" || form.url !== "");

/**
 * The request for the plan of the import; for a file it is a sentence, because its number of passages is not known yet.
 */
export function buildImportPlanRequest(form: ImportForm): PlanRequest | string {
  const source =
    form.kind === "preset"
      ? ({ kind: "preset", preset: form.preset, withIndex: form.withIndex } as const)
      : ({ kind: "path", path: "-" } as const);
  const { source: parsed, retriever } = indexConfigSchema.parse({
    kind: "index",
    name: "-",
    source,
    ...(getPublishedRetriever(form) && { retriever: getPublishedRetriever(form) }),
  });
  return buildPlanRequest({
    corpus: form.preset,
    source: parsed,
    retriever,
    buildIndex: form.buildIndex,
    worker: form.worker || null,
  });
}

/** The source in the form of a configuration; the server checks it. */
export function buildSource(form: ImportForm, file: UploadedFile): Record<string, unknown> {
  if (form.kind === "preset")
    return { kind: "preset", preset: form.preset, withIndex: form.withIndex };
  const reading = {
    format: form.format,
    chunkTokens: form.chunkTokens,
    chunkOverlap: form.chunkOverlap,
    idColumn: form.idColumn,
    titleColumn: form.titleColumn,
    textColumn: form.textColumn,
    encoding: form.encoding,
    delimiter: form.delimiter,
    quoting: form.quoting,
    licence: form.licence,
  };
  if (form.kind === "upload") return { kind: "upload", ...file, ...reading };
  if (form.kind === "path") return { kind: "path", path: form.path, ...reading };
  return { kind: "url", url: form.url, sha256: form.sha256 || null, ...reading };
}
