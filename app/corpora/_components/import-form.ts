import { buildPlanRequest, type PlanRequest } from "@/app/_retrieval/plan-question";
import {
  CORPUS_PRESETS,
  type CorpusPreset,
  type CorpusPresetName,
} from "@/contracts/run-config/corpus-presets";
import { indexConfigSchema } from "@/contracts/run-config/run-config";

export type SourceKind = "upload" | "path" | "url" | "preset";

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
  buildIndex: boolean;
  /** A worker's id; empty: any. */
  worker: string;
}

/** A name for a corpus by where it comes from: "My Notes.v2.jsonl.gz" -> "My-Notes.v2". Empty where nothing is known yet. */
export function suggestCorpusName(
  form: Pick<ImportForm, "kind" | "path" | "url" | "preset">,
  fileName: string,
): string {
  if (form.kind === "preset") return form.preset;
  const from =
    form.kind === "upload"
      ? fileName
      : form.kind === "path"
        ? form.path
        : form.url.replace(/[?#].*$/, "").replace(/^https?:\/\/[^/]*/, "");
  const last =
    from
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1) ?? "";
  return last
    .replace(/\.gz$/i, "")
    .replace(/\.(jsonl|ndjson|json|csv|tsv|tab|parquet|pq|txt|text|md|markdown|mdx)$/i, "")
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[-.]+|-+$/g, "")
    .slice(0, 120);
}

/**
 * The retriever of the run where a published index comes with the corpus: the one whose index it is, because any other
 * would encode every passage anew. Null: the default.
 */
export function getPublishedRetriever({
  kind,
  preset,
  withIndex,
}: Pick<ImportForm, "kind" | "preset" | "withIndex">): { kind: "dense"; encoder: string } | null {
  const { index }: CorpusPreset = CORPUS_PRESETS[preset];
  return kind === "preset" && withIndex && index ? { kind: "dense", encoder: index.encoder } : null;
}

/** The question for the plan of what the dialog would start: of a file nobody knows yet how many passages it has. */
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

/** The source as a configuration has it; the server checks it. */
export function buildSource(
  form: ImportForm,
  file: { upload: string; fileName: string },
): Record<string, unknown> {
  if (form.kind === "preset")
    return { kind: "preset", preset: form.preset, withIndex: form.withIndex };
  const reading = {
    format: form.format,
    chunkTokens: form.chunkTokens,
    chunkOverlap: form.chunkOverlap,
    licence: form.licence,
  };
  if (form.kind === "upload") return { kind: "upload", ...file, ...reading };
  if (form.kind === "path") return { kind: "path", path: form.path, ...reading };
  return { kind: "url", url: form.url, sha256: form.sha256 || null, ...reading };
}
