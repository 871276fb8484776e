import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashDocument } from "@/core/episode/document-hash";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";

/** What the tests of key stability make keys of. Every value is part of recorded keys: add, but change none. */

export const SIGNAL = new AbortController().signal;
export const PROTOCOLS = ["paper", "upstream"] as const;
export const S3_PROMPT =
  "--- user ---\nFind: {question}\n{information}\nAt most {select} of {retrieve}.";
export const EMPTY_RUN = { kind: "predict", name: "test", seed: 7 } as const;

export const QUESTION: Question = {
  id: "q1",
  question: "Who wrote Hamlet?",
  answers: ["Shakespeare"],
  goldIds: ["gold 1", "gold 2"],
  type: "bridge",
  group: "plays",
  goldQueries: ["Hamlet author"],
};
export const CHOICE: Question = {
  ...QUESTION,
  id: "q2",
  options: {
    choices: [
      { letter: "A", text: "Marlowe" },
      { letter: "B", text: "Shakespeare" },
    ],
    answer: "B",
  },
};

export const buildDocument = (id: string): RankedDocument => ({
  id,
  hash: hashDocument({ title: `Title ${id}`, text: `Text of ${id}.` }),
  title: `Title ${id}`,
  text: `Text of ${id}.`,
  score: 1,
});

/** Finds documents "QUERY 1", "QUERY 2", ... */
export const RETRIEVER: Retriever = {
  search: (queries, k) =>
    Promise.resolve(
      queries.map((query) =>
        Array.from({ length: k }, (_, i) => buildDocument(`${query} ${i + 1}`)),
      ),
    ),
  getDocuments: (ids) => Promise.resolve(ids.map(buildDocument)),
  describe: () => ({ kind: "remote", key: "retriever-key", title: "scripted", documents: null }),
  close: () => Promise.resolve(),
};

/** A model of the engine with known weights, which writes "done". */
export const ENGINE_MODEL = {
  info: { maxLength: 2048, library: null },
  loadState: () => Promise.resolve({ hash: "weights-hash", step: 0, bytes: 1 }),
  getWeightsHash: () => Promise.resolve({ hash: "weights-hash", step: 0 }),
  sample: ({ sequences }: { sequences: unknown[] }) =>
    Promise.resolve({
      sequences: sequences.map(() => [
        { ids: [1], text: "done", logprobs: [0], forced: [false], finishReason: "stop" },
      ]),
    }),
  endSessions: () => Promise.resolve(),
};
export const ENGINE = {
  getCapabilities: () => Promise.resolve({ fingerprint: "engine-fingerprint" }),
  createModel: () => Promise.resolve(ENGINE_MODEL),
} as never;

/** A tokenizer of two words, as a model folder holds it. */
export const TOKENIZER_FILES = {
  "tokenizer.json":
    '{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,"model":{"type":"WordLevel","vocab":{"[UNK]":0,"a":1},"unk_token":"[UNK]"}}',
  "tokenizer_config.json": '{"unk_token":"[UNK]","model_max_length":512}',
};

/** Writes files below a folder. @returns the folder */
export async function writeFiles(folder: string, files: Record<string, string>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}
