import { AppError } from "@/contracts/errors";
import { importFirst } from "../corpora/import-run";
import type { RunContext } from "../run-context";

/** An index run: opening the retriever builds what is missing. */
export async function indexRun(context: RunContext): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "index") throw new AppError("internal", `A ${config.kind} run is not an index run.`);
  await context.running();
  await importFirst(context, config);
  if (!config.buildIndex) return;
  const say = (detail: string): void => void context.progress({ phase: "indexing", done: 0, total: 1, detail }).catch(() => undefined);
  const handle = await context.services.retriever(config.corpus, config.retriever, signal, say);
  try {
    await handle.value.search(["ready?"], 1, signal);
    const { title, documents } = handle.value.describe();
    await context.progress({ phase: "indexing", done: 1, total: 1, detail: `${title}: ${documents ?? "unknown number of"} documents` });
  } finally {
    handle.release();
  }
}
