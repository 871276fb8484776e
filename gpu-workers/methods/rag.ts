import type { Episode, Protocol } from "@/contracts/records/episode";
import { getFetchDate, type Retriever } from "@/gpu-workers/retrieval/retriever";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import type { Method } from "@/gpu-workers/searcher/method";

/** Documents that the released code retrieves, whatever number it hands over. */
const UPSTREAM_WINDOW = 12;

/**
 * Naive RAG: the top documents of the question itself. With one number for all questions it is the baseline of GBR;
 * with a number per question it is document-matched RAG, which hands over as many documents as another method did.
 */
export function createRagMethod(
  retriever: Pick<Retriever, "search" | "describe">,
  documents: DocumentStore,
  countDocuments: (questionId: string) => number,
  protocol: Protocol = "paper",
): Method {
  return {
    name: "rag",
    async run(questions, signal) {
      const start = performance.now();
      const counts = questions.map(({ id }) => countDocuments(id));
      const found = await retriever.search(
        questions.map(({ question }) => question),
        Math.max(protocol === "upstream" ? UPSTREAM_WINDOW : 1, ...counts),
        signal,
      );
      const seconds = (performance.now() - start) / 1000 / questions.length;
      return questions.map((question, i): Episode => {
        const window = found[i]!.slice(
          0,
          protocol === "upstream" ? Math.max(UPSTREAM_WINDOW, counts[i]!) : counts[i],
        ).map((document) => documents.add(document));
        const context = window.slice(0, counts[i]);
        return {
          key: computeCacheKey({
            record: "episode",
            method: "rag",
            ...(protocol === "upstream" ? { protocol } : {}),
            retriever: retriever.describe().key,
            question: [question.id, question.question],
            documents: counts[i],
          }),
          method: "rag",
          protocol,
          questionId: question.id,
          sampleIndex: 0,
          steps: [
            {
              kind: "retrieve",
              turn: 0,
              seconds,
              query: question.question,
              documents: window,
              ...getFetchDate(found[i]),
            },
            {
              kind: "select",
              turn: 0,
              seconds: 0,
              selected: context.map(({ id }) => id),
              implicit: true,
            },
            { kind: "stop", turn: 0, seconds: 0, reason: "turns" },
          ],
          context,
          usage: { calls: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 },
        };
      });
    },
  };
}
