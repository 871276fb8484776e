import { markText, type Text } from "@/app/_i18n/format-text";
import { searchesLocally, type RetrieverConfig } from "@/contracts/run-config/retriever";
import { CORPUS_PRESETS, type CorpusPreset } from "@/core/presets/corpus-presets";
import { formatBytes } from "@/core/memory/index-plan";
import type { IndexConfig } from "@/contracts/run-config/index-config";
import type { IndexPlanResult } from "@/contracts/worker-protocol/tasks";

/** A request for the plan of an index. */
export interface PlanRequest {
  corpus: string;
  /** Number of passages, for a corpus that no worker holds yet. */
  passages: number | null;
  retriever: RetrieverConfig;
  worker: string | null;
}

/** The request for the plan of an index run, or a sentence that says why there is none, for `t(sentence)`. */
export function buildPlanRequest({
  corpus,
  source,
  retriever,
  buildIndex,
  worker,
}: Pick<IndexConfig, "corpus" | "source" | "retriever" | "buildIndex" | "worker">):
  PlanRequest | string {
  if (!buildIndex) return markText("The corpus is imported only; no index is built.");
  if (!searchesLocally(retriever))
    return markText("This retriever asks another server: the worker builds no index.");
  if (source.kind === "installed") return { corpus, passages: null, retriever, worker };
  if (source.kind !== "preset")
    return markText(
      "How many passages it has shows when it is imported: then the run's log says the plan, before anything is encoded.",
    );
  const { passages, index }: CorpusPreset = CORPUS_PRESETS[source.preset];
  if (
    source.withIndex &&
    index !== null &&
    "encoder" in retriever &&
    retriever.encoder === index.encoder
  )
    return markText("The published index is used as it is: no passage is encoded.");
  return { corpus, passages, retriever, worker };
}

/** What does not fit on the worker, one sentence each. */
export function listPlanWarnings(
  t: Text,
  {
    memoryBytes,
    freeDiskBytes,
    indexes,
  }: Pick<IndexPlanResult, "memoryBytes" | "freeDiskBytes" | "indexes">,
): string[] {
  const built = indexes.filter(({ isThere }) => !isThere);
  const disk = built.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const search = indexes.reduce((sum, { searchBytes }) => sum + searchBytes, 0);
  const building = Math.max(0, ...built.map(({ buildBytes }) => buildBytes));
  return [
    ...(disk > freeDiskBytes
      ? [
          t("Building takes {needed} of disk; {free} are free.", {
            needed: formatBytes(disk),
            free: formatBytes(freeDiskBytes),
          }),
        ]
      : []),
    ...(building > memoryBytes
      ? [
          t("Building takes {needed} of memory; the worker has {memory}. Choose a smaller index.", {
            needed: formatBytes(building),
            memory: formatBytes(memoryBytes),
          }),
        ]
      : []),
    ...(search > memoryBytes
      ? [
          t(
            "Searching takes {needed} of memory; the worker has {memory}. Choose a smaller index.",
            { needed: formatBytes(search), memory: formatBytes(memoryBytes) },
          ),
        ]
      : []),
  ];
}
