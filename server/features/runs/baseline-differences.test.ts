import { expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { listBaselineDifferences } from "./baseline-differences";

const train = trainConfigSchema.parse({ kind: "train", name: "t", data: { corpus: "atlas" } });
const list = (
  changes: object,
  versions: { source: string | null; present: string | null } = { source: null, present: null },
): string[] => {
  const { retriever, generator, data } = train;
  const source = predictConfigSchema.parse({
    kind: "predict",
    name: "r",
    method: "rag",
    corpus: data.corpus,
    retriever,
    generator,
    documents: generator.ragDocuments,
    ...changes,
  });
  return listBaselineDifferences(source, train, versions);
};

it("finds nothing of a run with this run's corpus, retriever, documents and prompt", () => {
  expect(list({})).toEqual([]);
  expect(list({}, { source: "a", present: "a" })).toEqual([]);
  // Where a version is not known, nothing can be said of it.
  expect(list({}, { source: "a", present: null })).toEqual([]);
  // The worker warns of another generator.
  expect(list({ generator: { ...train.generator, model: "another" } })).toEqual([]);
});

it.each([
  [{ corpus: "wiki" }, 'corpus "wiki", here "atlas" (data.corpus)'],
  [{ retriever: { kind: "bm25" } }, "its retriever is bm25, here dense (retriever.kind)"],
  [{ retriever: { kind: "dense", nprobe: 8 } }, "nprobe 8, here 32 (retriever.nprobe)"],
  [{ retriever: { kind: "dense", reranker: "r" } }, 'reranker "r", here null (retriever.reranker)'],
  [{ documents: 5 }, "5 documents, here 3 (generator.ragDocuments)"],
  [{ matchRun: "00000000-0000-4000-8000-000000000001" }, "as many documents as run 00000000"],
  [{ generator: { promptStyle: "few-shot" } }, 'its prompt is "few-shot", here "chat"'],
  [
    { generator: { promptTemplate: "{documents} Say it briefly: {question}" } },
    "its prompt has another text (generator.promptTemplate)",
  ],
  [{ generator: { documentTemplate: "{text}" } }, "documents in another form"],
  [{ generator: { maxTokens: 8 } }, "end after 8 tokens, here 64 (generator.maxTokens)"],
  [{ generator: { thinking: "off" } }, "thinking is off, here template (generator.thinking)"],
])("says what differs: %o", (changes, said) => {
  expect(list(changes)).toEqual([expect.stringContaining(said)]);
});

it("tells another version of the corpus", () => {
  expect(list({}, { source: "0123456789", present: "abcdefabcdef" })).toEqual([
    'it searched version 01234567 of corpus "atlas", which is abcdefab now',
  ]);
});
