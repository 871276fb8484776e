import type { IndexConfig } from "@/contracts/run-config/index-config";
import { DATA_DIR } from "@/lib/paths.mjs";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { importCorpus } from "@/gpu-workers/corpora/import/import-corpus";
import { listImportRoots } from "@/gpu-workers/corpora/import/import-roots";
import { markMessage } from "@/core/texts/mark-message";

/** The first part of an index run: imports its corpus, unless that is on the worker already. */
export async function importRunCorpus(
  context: RunContext,
  { source, corpus }: IndexConfig,
  dataDir = DATA_DIR,
): Promise<void> {
  if (source.kind === "installed") return;
  const { runId, signal } = context;
  // Bars move in half seconds at most, so reports are few; one that is lost is followed by the next.
  let last = 0;
  const reportBar = (detail: string, done: number, total: number): void => {
    const now = Date.now();
    if (now - last < 500 && done < total) return;
    last = now;
    void context
      .reportProgress({ phase: "importing", done: Math.min(done, total || done), total, detail })
      .catch(() => undefined);
  };
  const manifest = await importCorpus({
    dataDir,
    importRoots: listImportRoots(dataDir),
    name: corpus,
    source,
    runId,
    signal,
    onProgress: reportBar,
    log: (message) => context.log("warn", message),
    fetchUpload: (upload, path, onProgress) => context.fetchUpload(upload, path, onProgress),
  });
  const { total, first } = manifest.badLines;
  const { warnings } = manifest;
  for (const { file, line, reason } of [...first.slice(0, 20), ...warnings.first])
    context.log("warn", `${file}, line ${line} ${reason}`);
  const left = [
    ...(total > 0 ? [markMessage`${total} bad lines were left out`] : []),
    ...(manifest.duplicates.passages > 0
      ? [markMessage`${manifest.duplicates.passages} passages that repeated others were left out`]
      : []),
    ...(warnings.total > 0
      ? [markMessage`${warnings.total} ids look as if a spreadsheet rounded them`]
      : []),
  ];
  const said = `${markMessage`imported ${manifest.documents.toLocaleString("en-US")} passages as "${corpus}"`}${left.length > 0 ? `; ${left.join("; ")}` : ""}`;
  context.log("info", said);
  await context.reportProgress({
    phase: "importing",
    done: manifest.source.bytes,
    total: manifest.source.bytes,
    detail: said,
  });
  await context.reportCorpora();
}
