import { hashDocument } from "@/core/episode/document-hash";
import { PRESETS } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { SearchConfig } from "@/contracts/run-config/search";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { listSettingPaths } from "@/core/run/settings";
import { hashJson } from "@/lib/hash";
import { testRecorded, type Values } from "@/lib/testing/recorded";
import { openMethod, openOwnModel, type OwnModel } from "@/gpu-workers/methods/open-method";
import { hash32 } from "@/gpu-workers/corpora/file/row-table";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { computeEpisodeKey } from "@/gpu-workers/searcher/episode-key";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import type { SamplingParameters, Searcher } from "@/gpu-workers/searcher/episode-inputs";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { pickHeldOutQuestions } from "@/gpu-workers/rl/held-out-evaluation";
import {
  computeCacheKey,
  toCanonicalJson,
  deriveSeed,
  shuffleBySalt,
} from "@/gpu-workers/runtime/keys";
import { createFullPrompt } from "@/gpu-workers/searcher/prompt";
import { QuestionPool } from "@/gpu-workers/rl/question-pool";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import {
  CHOICE,
  EMPTY_RUN,
  ENGINE_MODEL,
  PROTOCOLS,
  QUESTION,
  RETRIEVER,
  S3_PROMPT,
  SIGNAL,
} from "./key-inputs";

/** Keys of episodes by every method, the hashes and seeds below them, and the settings that they hold. */

const QUESTIONS = Array.from({ length: 7 }, (_, i) => ({ ...QUESTION, id: `q${i}` }));
const SEARCH: SearchConfig = {
  protocol: "paper",
  retrieve: 8,
  select: 3,
  turns: 3,
  skipSeen: false,
  decoding: "free",
  queryTokens: 64,
  turnTokens: 500,
};
const GREEDY: SamplingParameters = { temperature: 0, seed: 7, step: 0, training: false };
const ROLLOUT: SamplingParameters = { temperature: 0.6, seed: 7, step: 3, training: true };
const DECODINGS = ["guided", "free"] as const;
const ENDPOINT = { model: "m", endpoint: "http://model.test:8000/v1/" };
const RUN = "00000000-0000-4000-8000-000000000001";

const openConfigured = async (changes: object, own: OwnModel | null, question = QUESTION) => {
  const config = predictConfigSchema.parse({ ...EMPTY_RUN, searcher: ENDPOINT, ...changes });
  const context = { signal: SIGNAL, fetchCheckpoint: () => Promise.reject(new Error("none")) };
  return openMethod(config, {
    context: { readAnsweredQuestions: () => Promise.resolve(new Map([["q1", 5]])) },
    retriever: RETRIEVER,
    own: own ?? (await openOwnModel(config, context, null)),
    questions: [question],
    documents: new DocumentStore(),
  });
};

/** Key of a question's episode by a method with this configuration; one that asks a model says it beforehand. */
async function computeKey(changes: object, own: OwnModel | null = null, question = QUESTION) {
  const method = await openConfigured(changes, own, question);
  if ("computeEpisodeKey" in method)
    return [method.computeEpisodeKey(question), method.ownAnswerLabel];
  const [episode] = await method.run([question], SIGNAL);
  return episode!.key;
}

const TOKENIZER: Tokenizer = {
  encode: (text) => [...Buffer.from(text)],
  decode: () => "",
  chat: CHATML_TEMPLATE,
};
const searcher: Searcher = {
  model: ENGINE_MODEL as never,
  tokenizer: TOKENIZER,
  identity: "searcher",
  maxLength: 1,
};
const IN_ENGINE: OwnModel = { kind: "searcher", searcher };
const describeChat = () => "0a1b2c3d";
const OF_ANOTHER_TEMPLATE: OwnModel = {
  kind: "searcher",
  searcher: {
    ...searcher,
    tokenizer: { ...TOKENIZER, chat: { ...CHATML_TEMPLATE, describe: describeChat } },
  },
};

/** Defaults of every kind of run and of every kind of retriever. */
const LEAST_CONFIGS: Record<string, object> = {
  train: { kind: "train", name: "n" },
  predict: { kind: "predict", name: "n" },
  index: { kind: "index", name: "n" },
  "serve a retriever": { kind: "serve", name: "n" },
  "serve a model": { kind: "serve", what: "model", name: "n" },
  "serve by vLLM": { kind: "serve", what: "model", name: "n", server: { kind: "vllm" } },
  evaluate: { kind: "evaluate", name: "n" },
  command: { kind: "command", name: "n" },
};
const LEAST_RETRIEVERS: Record<string, object> = {
  dense: { kind: "dense" },
  bm25: { kind: "bm25" },
  hybrid: { kind: "hybrid" },
  remote: { kind: "remote", url: "http://retriever.test:3000/retrieve" },
  opensearch: { kind: "opensearch", url: "http://search.test:9200", index: "wiki" },
  qdrant: { kind: "qdrant", url: "http://vectors.test:6333", collection: "wiki" },
};
const READING = { format: "csv", licence: "CC0" };
const LEAST_SOURCES: Record<string, object> = {
  upload: { kind: "upload", upload: RUN, fileName: "a.csv", ...READING },
  path: { kind: "path", path: "/corpora/a.csv", ...READING },
  url: { kind: "url", url: "http://files.test/a.csv", ...READING },
  preset: { kind: "preset", preset: "wiki-18" },
};
/** Some keys hold settings with sorted fields, others as they stand. */
const bothHashes = (value: object) => ({
  sorted: computeCacheKey(value),
  asItStands: hashJson(value),
});

testRecorded(new URL("./key-stability.json", import.meta.url), {
  "canonical JSON, hashes and seeds": () => {
    const value = { b: [1, -0, 1e21, 0.1, "é\n"], a: { z: null, y: undefined, Z: true }, "": [] };
    return {
      canonicalJson: toCanonicalJson(value),
      cacheKey: computeCacheKey(value),
      "deriveSeed of an episode": deriveSeed(7, 3, "q1", 2, 1),
      "deriveSeed of a method": deriveSeed(0, "q1", 0),
      shuffledBy: shuffleBySalt(QUESTIONS, "salt", 7).map(({ id }) => id),
      heldOutSample: pickHeldOutQuestions(QUESTIONS, 4).map(({ id }) => id),
      "two epochs of the pool": new QuestionPool(QUESTIONS, 7).take(14).map(({ id }) => id),
      documentHash: hashDocument({ title: "Alpha", text: "The first document." }),
      "documentHash without title": hashDocument({ title: "", text: "é\n" }),
      hash32: ["", "a", "doc-1", "Ünïcode 𝄞"].map(hash32),
    };
  },

  "episodes of the search loop": () => {
    const keys: Values = {};
    const key = (
      label: string,
      settings: Partial<SearchConfig>,
      { sampling = GREEDY, sampleIndex = 0, prompt = null as string | null } = {},
    ) => {
      const template = prompt === null ? {} : { template: createFullPrompt(prompt) };
      const parts = { retriever: RETRIEVER, documents: new DocumentStore(), ...template };
      const search = { ...parts, settings: { ...SEARCH, ...settings } };
      const request = { question: QUESTION, sampleIndex };
      keys[label] = computeEpisodeKey(searcher, search, sampling, request);
    };
    for (const protocol of PROTOCOLS) {
      for (const decoding of DECODINGS) {
        const label = `${protocol}, ${decoding}`;
        key(label, { protocol, decoding });
        key(`${label}, rollout`, { protocol, decoding }, { sampling: ROLLOUT, sampleIndex: 2 });
        key(`${label}, own prompt`, { protocol, decoding }, { prompt: S3_PROMPT });
      }
    }
    key("3-2-1, skipSeen", { skipSeen: true, retrieve: 3, select: 2, turns: 1 });
    return keys;
  },

  "requests and episodes of the search loop": async () => {
    const hashes: Values = {};
    for (const protocol of PROTOCOLS) {
      for (const decoding of DECODINGS) {
        const sent: unknown[] = [];
        const sample = ({ sequences }: { sequences: { session?: string }[] }) => {
          sent.push(sequences.map(({ session: _session, ...sequence }) => sequence));
          const text = '<important_info>[1]</important_info>\n<query>{"query": "next"}</query>';
          const sampled = { ids: [5], text, logprobs: [0], forced: [false], finishReason: "stop" };
          return Promise.resolve({ sequences: sequences.map(() => [sampled]) });
        };
        const model = { sample, endSessions: () => Promise.resolve() } as never;
        const settings = { ...SEARCH, protocol, decoding, turns: 1 };
        const [episode] = await runEpisodes(
          { model, tokenizer: TOKENIZER, identity: "searcher", maxLength: 1e6 },
          { retriever: RETRIEVER, documents: new DocumentStore(), settings },
          ROLLOUT,
          [{ question: QUESTION, sampleIndex: 1 }],
          new Stopwatch(),
          SIGNAL,
        );
        const steps = episode!.steps.map((step) => ({ ...step, seconds: 0 }));
        const asked = { requests: sent.length, hash: computeCacheKey(sent) };
        hashes[`${protocol}, ${decoding}`] = {
          ...asked,
          key: episode!.key,
          steps: computeCacheKey(steps),
        };
      }
    }
    return hashes;
  },

  methods: async () => {
    const keys: Values = {};
    for (const protocol of PROTOCOLS) {
      const search = { protocol };
      for (const method of ["rag", "gold", "s3", "direct", "sft", "cot", "r1"] as const)
        keys[`${method}, ${protocol}`] = await computeKey({ method, search });
      for (const method of ["ircot", "deepretrieval", "search-r1", "search-o1"] as const) {
        const methodSettings = { answeredBy: "generator" };
        keys[`${method}, ${protocol}`] = await computeKey({ method, search });
        keys[`${method}, ${protocol}, generator`] = await computeKey({
          method,
          search,
          methodSettings,
        });
      }
      const own = { method: "s3", search, methodSettings: { promptTemplate: S3_PROMPT } };
      keys[`s3 in the engine, ${protocol}`] = await computeKey({ method: "s3", search }, IN_ENGINE);
      keys[`s3 in the engine, ${protocol}, own prompt`] = await computeKey(own, IN_ENGINE);
      for (const decoding of DECODINGS)
        keys[`s3 in the engine, ${protocol}, ${decoding}, another chat template`] =
          await computeKey({ method: "s3", search: { protocol, decoding } }, OF_ANOTHER_TEMPLATE);
      for (const method of ["cot", "search-o1"] as const) {
        const model = {
          name: "m",
          identity: "i",
          describeChat,
          reply: () => Promise.reject(new Error()),
        };
        keys[`${method}, ${protocol}, another chat template`] = await computeKey(
          { method, search },
          { kind: "text", model },
        );
      }
    }
    const all = { retrieve: 5, searches: 2, temperature: 0.7, maxTokens: 99 };
    const prompts = {
      promptTemplate: "--- user ---\n{question} {searches}",
      condensingPrompt: "--- user ---\n{reasoning} {query} {documents}",
    };
    const settings = (methodSettings: object, method = "s3", search: object = SEARCH) =>
      computeKey({ method, search, methodSettings });
    const upstream = { protocol: "upstream" };
    return {
      ...keys,
      "search-r1, all settings": await settings(all, "search-r1"),
      "search-o1, own prompts": await settings(prompts, "search-o1"),
      "s3, all settings": await settings(all, "s3", {
        ...SEARCH,
        skipSeen: true,
        decoding: "free",
      }),
      "s3, own prompt": await settings({ promptTemplate: S3_PROMPT }),
      "ircot, greedy upstream": await settings({ temperature: 0 }, "ircot", upstream),
      "cot, chatml": await computeKey({ method: "cot", searcher: { ...ENDPOINT, api: "chatml" } }),
      "cot, multiple choice": await computeKey({ method: "cot" }, null, CHOICE),
      "rag, five documents": await computeKey({ method: "rag", documents: 5 }),
      "rag, matched": await computeKey({ method: "rag", documents: 1, matchRun: RUN }),
    };
  },

  "requests of methods": async () => {
    const hashes: Values = {};
    const text = `I wonder. <|begin_search_query|>play<|end_search_query|><search>play</search><query>{"query": "play"}</query><answer>{"query": "play"}</answer>`;
    const usage = { calls: 1, promptTokens: 1, completionTokens: 1, costUsd: 0 };
    const methods = ["s3", "cot", "ircot", "deepretrieval", "search-r1", "search-o1"] as const;
    for (const method of methods) {
      for (const protocol of PROTOCOLS) {
        const sent: object[] = [];
        const reply = (request: object) => {
          sent.push(request);
          return Promise.resolve({
            text,
            content: text,
            written: text,
            thoughts: null,
            finish: "stop" as const,
            usage,
            seconds: 0,
          });
        };
        const own: OwnModel = { kind: "text", model: { name: "m", identity: "i", reply } };
        const search = { protocol, retrieve: 3, turns: 2 };
        await (await openConfigured({ method, search }, own)).run([CHOICE], SIGNAL);
        hashes[`${method}, ${protocol}`] = { requests: sent.length, hash: computeCacheKey(sent) };
      }
    }
    return hashes;
  },

  "configurations of presets": () =>
    Object.fromEntries(
      PRESETS.map(({ id, config }) => [id, bothHashes(runConfigSchema.parse(config))]),
    ),

  "default configurations": () =>
    Object.fromEntries(
      Object.entries(LEAST_CONFIGS).map(([name, config]) => {
        const parsed = runConfigSchema.parse(config);
        return [name, { ...bothHashes(parsed), config: JSON.stringify(parsed) }];
      }),
    ),

  "default settings of retrievers": () =>
    Object.fromEntries(
      Object.entries(LEAST_RETRIEVERS).map(([name, settings]) => {
        const parsed = retrieverSchema.parse(settings);
        return [name, { ...bothHashes(parsed), config: JSON.stringify(parsed) }];
      }),
    ),

  "default settings of sources": () =>
    Object.fromEntries(
      Object.entries(LEAST_SOURCES).map(([name, source]) => {
        const parsed = runConfigSchema.parse({ kind: "index", name: "n", corpus: "c", source });
        return [name, { ...bothHashes(parsed), config: JSON.stringify(parsed) }];
      }),
    ),

  "paths of settings": () =>
    Object.fromEntries(launchedKindSchema.options.map((kind) => [kind, listSettingPaths(kind)])),
});
