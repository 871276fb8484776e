import { tmpdir } from "node:os";
import { hashDocument } from "@/core/episode/document-hash";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Services } from "@/gpu-workers/jobs/context/run-context";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";

export const questions: Question[] = Array.from({ length: 30 }, (_, i) => ({
  id: `q${i}`,
  question: `Question ${i}?`,
  answers: [`gold ${i}`],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
}));
const document = { id: "d", title: "T", text: "Body." };
export const retriever: Retriever = {
  search: (queries) =>
    Promise.resolve(queries.map(() => [{ ...document, hash: hashDocument(document), score: 1 }])),
  getDocuments: () => Promise.resolve([]),
  describe: () => ({ kind: "dense", key: "k", title: "one document", documents: 1 }),
  close: () => Promise.resolve(),
};
export const services: Services = {
  acquireEngine: () => Promise.reject(new Error("no engine is needed")),
  acquireRetriever: () => Promise.resolve({ value: retriever, release: () => undefined }),
  acquireSampler: () => Promise.reject(new Error("no sampler is needed")),
  acquireVllm: () => Promise.reject(new Error("no vLLM is needed")),
};
/** A predict run of naive RAG at a generator's endpoint. */
export const buildConfig = (endpoint: string, over: object = {}): RunConfigInput => ({
  kind: "predict",
  name: "p",
  method: "rag",
  questions: "set",
  documents: 3,
  generator: { model: "m", endpoint },
  ...over,
});
export const createContext = (runConfig: RunConfigInput, more: object = {}) =>
  new MemoryContext({
    config: runConfig,
    services,
    workDir: tmpdir(),
    questions: () => Promise.resolve(questions),
    ...more,
  });
/** Questions that were reported as failed. */
export const listFailures = (run: MemoryContext) =>
  run.reports.flatMap((item) =>
    item.kind === "failures" ? item.failures.map(({ questionId }) => questionId) : [],
  );
