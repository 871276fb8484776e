import { join } from "node:path";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import type { ImportOptions } from "@/gpu-workers/corpora/import/import-corpus";

/** An import of a path into `corpora/mine` of a folder. */
export function buildImportOptions(
  folder: string,
  path: string,
  { settings, ...rest }: Partial<ImportOptions> & { settings?: object } = {},
): ImportOptions {
  const source = corpusSourceSchema.parse({ kind: "path", path, ...settings });
  if (source.kind === "installed") throw new Error("not a source");
  return {
    dataDir: join(folder, "data"),
    importRoots: ["/"],
    name: "mine",
    source,
    runId: "00000000-0000-4000-8000-0000000000aa",
    signal: new AbortController().signal,
    onProgress: () => undefined,
    log: () => undefined,
    fetchUpload: () => Promise.reject(new Error("no uploads here")),
    ...rest,
  };
}
