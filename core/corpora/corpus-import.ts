import { CORPUS_PRESETS, type CorpusPreset } from "@/core/presets/corpus-presets";
import type { CorpusPresetName } from "@/contracts/run-config/corpus-source";

/** Rules of a corpus import that the page and the command line share. */

export type SourceKind = "upload" | "path" | "url" | "preset";

/** Where a corpus comes from; of the fields only the kind's own counts. */
export interface CorpusSource {
  kind: SourceKind;
  path: string;
  url: string;
  preset: CorpusPresetName;
}

/** Suggests a name by where a corpus comes from: "My Notes.v2.jsonl.gz" -> "My-Notes.v2"; empty where nothing is known yet. */
export function suggestCorpusName(form: CorpusSource, fileName: string): string {
  if (form.kind === "preset") return form.preset;
  const from =
    form.kind === "upload"
      ? fileName
      : form.kind === "path"
        ? form.path
        : form.url.replace(/[?#].*$/, "").replace(/^https?:\/\/[^/]*/, "");
  const last =
    from
      // Of parts the name of the whole, else that of their folder.
      .replace(/[._-]?part[._-]?\*$/, "")
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
}: Pick<CorpusSource, "kind" | "preset"> & { withIndex: boolean }): {
  kind: "dense";
  encoder: string;
} | null {
  const { index }: CorpusPreset = CORPUS_PRESETS[preset];
  return kind === "preset" && withIndex && index ? { kind: "dense", encoder: index.encoder } : null;
}
