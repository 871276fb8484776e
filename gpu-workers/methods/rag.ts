import type { Episode } from "@/contracts/episode";
import type { Retriever } from "../retrieval/retriever";
import type { DocumentBook } from "../s3/documents";
import { cacheKey } from "../s3/keys";
import type { Method } from "./method";

/**
 * Naive RAG: the top documents of the question itself. With one number for all questions it is the baseline of GBR;
 * with a number per question it is document-matched RAG, which hands over as many documents as another method did.
 */
export function ragMethod(retriever: Pick<Retriever, "search" | "describe">, documents: DocumentBook, countOf: (questionId: string) => number): Method {
  return {
    name: "rag",
    async run(questions, signal) {
      const start = performance.now();
      const counts = questions.map(({ id }) => countOf(id));
      const found = await retriever.search(
        questions.map(({ question }) => question),
        Math.max(1, ...counts),
        signal,
      );
      const seconds = (performance.now() - start) / 1000 / questions.length;
      return questions.map((question, i): Episode => {
        const context = found[i]!.slice(0, counts[i]).map((document) => documents.add(document));
        return {
          key: cacheKey({ record: "episode", method: "rag", retriever: retriever.describe().key, question: [question.id, question.question], documents: counts[i] }),
          method: "rag",
          protocol: "paper",
          questionId: question.id,
          sampleIndex: 0,
          steps: [
            { kind: "retrieve", turn: 0, seconds, query: question.question, documents: context },
            { kind: "select", turn: 0, seconds: 0, selected: context.map(({ id }) => id), implicit: true },
            { kind: "stop", turn: 0, seconds: 0, reason: "turns" },
          ],
          context,
        };
      });
    },
  };
}
