import type { EngineBody, EngineResult } from "@/contracts/engine/dialect";
import { searchSchema as searchConfig, type SearchConfig } from "@/contracts/run-config/search";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { runEpisodes } from "../episode";
import type { SamplingParameters, SearchEnvironment, Searcher } from "../episode-inputs";

/** What tests of the search loop play with: a corpus of numbers, and a searcher that writes what it is told. */

/** One token per character. */
export const tokenizer = {
  encode: (text: string) => [...text].map((c) => c.codePointAt(0)!),
  decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
  chat: CHATML_TEMPLATE,
};

/** A corpus of numbered documents; the query "n" finds documents n, n+1, ... */
export const makeDocument = (n: number): RankedDocument => ({
  id: `d${n}`,
  hash: computeCacheKey(n),
  title: `Title ${n}`,
  text: `Text ${n}`,
  score: 1 / (n + 1),
});
export const retriever: SearchEnvironment["retriever"] = {
  search: (queries, k) =>
    Promise.resolve(
      queries.map((query) =>
        Array.from({ length: k }, (_, i) => makeDocument((Number.parseInt(query, 10) || 0) + i)),
      ),
    ),
  describe: () => ({ kind: "dense", key: "test", title: "test", documents: null }),
};

export interface ScriptedText {
  text: string;
  finishReason?: "stop" | "length";
}

/** A searcher that writes what a script gives it, turn by turn and question by question. */
export function createScriptedSearcher(
  script: (prompt: string, turn: number) => ScriptedText,
  maxLength = 1_000_000,
) {
  const turns = new Map<string, number>();
  const bodies: EngineBody<"sample">[] = [];
  const ended: string[] = [];
  const searcher: Searcher = {
    tokenizer,
    identity: "scripted",
    maxLength,
    model: {
      sample(body): Promise<EngineResult<"sample">> {
        bodies.push(body);
        const sequences = body.sequences.map(({ session, ids }) => {
          const turn = turns.get(session!) ?? 0;
          turns.set(session!, turn + 1);
          const { text, finishReason = "stop" } = script(tokenizer.decode(ids), turn);
          const sampled = tokenizer.encode(text);
          return [
            {
              ids: sampled,
              logprobs: sampled.map(() => -0.5),
              forced: sampled.map((_, i) => i === 0),
              finishReason,
              text,
            },
          ];
        });
        const usage = {
          promptTokens: 0,
          computedTokens: 0,
          sampledTokens: 0,
          prefillSeconds: 0,
          decodeSeconds: 0,
        };
        return Promise.resolve({ sequences, usage });
      },
      endSessions(sessions) {
        ended.push(...sessions);
        return Promise.resolve({});
      },
    },
  };
  return { searcher, bodies, ended };
}

export const sampling: SamplingParameters = { temperature: 1, seed: 0, step: 1, training: true };
export const makeQuestion = (n: number) => ({
  question: { id: `q${n}`, question: `${n}` },
  sampleIndex: 0,
});
export const createEnvironment = (settings: Partial<SearchConfig>): SearchEnvironment => ({
  retriever,
  documents: new DocumentStore(),
  settings: searchConfig.parse(settings),
});
export const run = (searcher: Searcher, search: SearchEnvironment, count = 1) =>
  runEpisodes(
    searcher,
    search,
    sampling,
    Array.from({ length: count }, (_, i) => makeQuestion(i * 100)),
    new Stopwatch(),
    new AbortController().signal,
  );
