import { AppError } from "@/contracts/errors";
import type {
  RankedDocument,
  Retriever,
  RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import { RetrieveService, type RetrieveServiceOptions } from "../retrieve-service";

/** Ranks k made-up documents for a query; the query decides what goes wrong. */
export class WordRetriever implements Retriever {
  batches: (readonly string[])[] = [];
  release: () => void = () => {};
  async search(queries: readonly string[], k: number): Promise<RankedDocument[][]> {
    this.batches.push(queries);
    if (queries.includes("fail")) throw new AppError("internal", "the encoder broke");
    if (queries.includes("wait")) await new Promise<void>((resolve) => (this.release = resolve));
    return queries.map((query) =>
      Array.from({ length: k }, (_, i) => ({
        id: `${query}-${i}`,
        title: `About "${query}" (${i})`,
        text: `line one\n"line two" ${i}`,
        hash: "",
        score: 1 / (i + 1),
      })),
    );
  }
  getDocuments(): Promise<never> {
    return Promise.reject(new AppError("unsupported", "not here"));
  }
  describe(): RetrieverDescription {
    return { kind: "dense", key: "k", title: "words", documents: 3 };
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** What is to be closed after a test. */
export const closing: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0)) await close();
}

/** Serves a `WordRetriever` until `closeAll`. */
export async function serveWords(
  limits?: RetrieveServiceOptions["limits"],
): Promise<{ retriever: WordRetriever; service: RetrieveService }> {
  const retriever = new WordRetriever();
  const service = await RetrieveService.start(retriever, { limits });
  closing.push(() => service.stop(0));
  return { retriever, service };
}
