import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "@/contracts/errors";
import type { TaskRequest } from "@/contracts/worker-protocol/tasks";
import { getCorpusPath, type CorpusFolders } from "@/gpu-workers/corpora/installed-corpora";
import type { TaskContext } from "@/gpu-workers/jobs/context/task-context";
import type { CorpusReporter } from "@/gpu-workers/corpora/corpus-report";

/**
 * Deletes an imported corpus from this worker, and its indexes unless another corpus of the same content needs them. A
 * file that was put here by hand may be the only copy, so it is left to whoever put it.
 *
 * @throws AppError "not-found", "unsupported" for what was not imported, "conflict" while it is searched
 */
export const createCorpusRemover =
  (reporter: Pick<CorpusReporter, "buildReports">, folders: CorpusFolders) =>
  async (
    { corpus }: Extract<TaskRequest, { kind: "remove-corpus" }>,
    context: Pick<TaskContext, "closeRetrievers" | "reportCorpora">,
  ): Promise<{ freedBytes: number; indexes: number }> => {
    const path = getCorpusPath(corpus, folders);
    const reports = await reporter.buildReports();
    const own = reports.find(({ name }) => name === corpus);
    if (!own?.manifest)
      throw new AppError(
        "unsupported",
        `The corpus "${corpus}" was not imported but put at ${path}: it is removed there.`,
      );
    await context.closeRetrievers(corpus);
    const isShared = reports.some(({ name, hash }) => name !== corpus && hash === own.hash);
    const indexes = isShared ? [] : own.indexes;
    // The indexes first: without their corpus nobody would see what is left of them.
    for (const { key } of indexes) await removeFolder(join(folders.dataDir, "indexes", key));
    await removeFolder(dirname(path));
    await context.reportCorpora();
    return {
      freedBytes: own.bytes + indexes.reduce((sum, { bytes }) => sum + bytes, 0),
      indexes: indexes.length,
    };
  };

/** Gone at once under its own name, then its files. */
async function removeFolder(folder: string): Promise<void> {
  const aside = join(dirname(folder), `.removing-${basename(folder)}`);
  await rm(aside, { recursive: true, force: true });
  await rename(folder, aside);
  await rm(aside, { recursive: true });
}
