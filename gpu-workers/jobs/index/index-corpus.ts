import { AppError } from "@/contracts/errors";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths.mjs";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { describeProgress, parseProgress } from "@/gpu-workers/retrieval/retriever";
import { importRunCorpus } from "./import-corpus";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import {
  adoptPublishedIndex,
  warnIfEncoderMissing,
} from "@/gpu-workers/retrieval/indexes/faiss/published-index";
import { buildNewestIndex, requireModels } from "@/gpu-workers/retrieval/backends/open-retriever";
import { markMessage } from "@/core/texts/mark-message";

/** An index run: opening the retriever builds what is missing. */
export async function indexCorpus(context: RunContext): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "index")
    throw new AppError("internal", `A ${config.kind} run is not an index run.`);
  const log = (level: "info" | "warn", message: string): void => context.log(level, message);
  if (config.buildIndex) await requireModels(config.retriever);
  await warnIfEncoderMissing(config, log);
  await context.markRunning();
  await importRunCorpus(context, config);
  await adoptPublishedIndex(config, log);
  if (!config.buildIndex) return;
  const reportDetail = (detail: string): void => {
    // The choice of the index and its estimate stay readable; the rest is only the latest.
    if (detail.startsWith("index ")) context.log("info", detail);
    void context
      .reportProgress({
        phase: "indexing",
        ...(parseProgress(detail) ?? { done: 0, total: 1 }),
        detail,
      })
      .catch(() => undefined);
  };
  await buildNewestIndex(config.retriever, {
    corpusPath: () => getCorpusPath(config.corpus, { atlasDir: ATLAS_DIR, dataDir: DATA_DIR }),
    dataDir: DATA_DIR,
    signal,
    onProgress: (progress) => reportDetail(describeProgress(progress)),
  });
  const handle = await context.services.acquireRetriever(
    config.corpus,
    config.retriever,
    signal,
    reportDetail,
  );
  try {
    await handle.value.search(["ready?"], 1, signal);
    const { title, documents } = handle.value.describe();
    await context.reportProgress({
      phase: "indexing",
      done: 1,
      total: 1,
      detail: documents === null ? title : `${title}: ${markMessage`${documents} documents`}`,
    });
  } finally {
    handle.release();
  }
}
