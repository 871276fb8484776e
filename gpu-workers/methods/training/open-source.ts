import { AppError } from "@/contracts/errors";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { EpisodeSource } from "@/gpu-workers/rl/episode-source";
import { createFullPrompt } from "@/gpu-workers/searcher/prompt";
import { MethodSource } from "./method-source";
import { createS3Source } from "./s3-source";

/** The episodes that a run trains on. @param retriever null where its method does not search */
export function openEpisodeSource(
  config: TrainConfig,
  retriever: Retriever | null,
  documents: DocumentStore,
): EpisodeSource {
  const method = getTrainedMethod(config);
  if (method !== "s3") return new MethodSource(method, { retriever, documents, config });
  if (retriever === null) throw new AppError("internal", "s3 was opened without a retriever.");
  const { promptTemplate = null } = config.searcher;
  return createS3Source(
    {
      retriever,
      documents,
      settings: config.search,
      ...(promptTemplate !== null && {
        template: createFullPrompt(promptTemplate, "searcher.promptTemplate"),
      }),
    },
    config,
  );
}
