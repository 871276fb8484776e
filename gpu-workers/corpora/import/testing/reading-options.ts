import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { completeReading, type ReadingOptions } from "@/gpu-workers/corpora/import/source-files";

/** The usual settings of reading, with some of them changed. */
export function buildReadingOptions(changes: Partial<ReadingOptions> = {}): ReadingOptions {
  const source = corpusSourceSchema.parse({ kind: "path", path: "-", ...changes });
  if (source.kind !== "path") throw new Error("no path");
  const { kind: _kind, path: _path, licence: _licence, ...reading } = source;
  return completeReading(reading);
}
