import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import type { Method } from "@/gpu-workers/searcher/method";

/**
 * The gold documents, handed over without a search: what the generator makes of whole evidence, the ceiling beside the
 * failure attribution. Answers for questions that name gold documents; throws "not-found" where the corpus lacks one.
 */
export function createGoldMethod(
  retriever: Pick<Retriever, "getDocuments">,
  documents: DocumentStore,
): Method {
  return {
    name: "gold",
    run: (questions) =>
      Promise.all(
        questions.map(async (question): Promise<Episode> => {
          if (question.goldIds.length === 0)
            throw new AppError("invalid-input", `Question ${question.id} names no gold documents.`);
          const found = await retriever.getDocuments(question.goldIds);
          const context = found.map(({ id, hash, title, text }) => ({
            ...documents.add({ id, hash, title, text, score: 0 }),
            score: null,
          }));
          return {
            key: computeCacheKey({
              record: "episode",
              method: "gold",
              question: [question.id, question.question],
              documents: context.map(({ hash }) => hash),
            }),
            method: "gold",
            protocol: "paper",
            questionId: question.id,
            sampleIndex: 0,
            steps: [
              {
                kind: "select",
                turn: 0,
                seconds: 0,
                selected: context.map(({ id }) => id),
                implicit: false,
              },
              { kind: "stop", turn: 0, seconds: 0, reason: "turns" },
            ],
            context,
            usage: { calls: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 },
          };
        }),
      ),
  };
}
