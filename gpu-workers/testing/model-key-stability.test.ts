import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import type { Episode } from "@/contracts/records/episode";
import { SETUP_DIR } from "@/lib/paths.mjs";
import { chatPrompt, judgePrompt, upstreamJudgePrompt } from "@/core/prompts/generating";
import { findCondensingPrompt, findMethodPrompt } from "@/core/prompts/built-in-prompts";
import type { PromptText } from "@/core/prompts/prompt-text";
import { formatEditedVersion, formatPromptVersion } from "@/core/prompts/prompt-version";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { hashJson } from "@/lib/hash";
import { testRecorded, type Values } from "@/lib/testing/recorded";
import { createEndpointBackend } from "@/gpu-workers/llm/generator/endpoint-backend";
import { createEngineBackend } from "@/gpu-workers/llm/generator/engine-backend";
import { Generator, type GeneratorBackend } from "@/gpu-workers/llm/generator/generator";
import {
  createChatStyle,
  createFewShotStyle,
  type PromptStyle,
} from "@/gpu-workers/llm/generator/prompt-style";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { openOwnModel } from "@/gpu-workers/methods/open-method";
import { EpisodeGrader, computeOwnAnswerKey } from "@/gpu-workers/searcher/episode-grader";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { renderTurnGrammar } from "@/gpu-workers/searcher/turn-grammar";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { hashModelFolder } from "@/gpu-workers/llm/model-files/model-hash";
import { computeModelFingerprint } from "@/gpu-workers/llm/model-files/installed-model";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { getSearcher } from "@/gpu-workers/rl/policy";
import { createFullPrompt, selectPrompt } from "@/gpu-workers/searcher/prompt";
import { listStopStrings } from "@/gpu-workers/searcher/protocol";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import {
  createEndpointJudge,
  createJudgePrompt,
  createUpstreamEndpointJudge,
  openJudge,
} from "@/gpu-workers/llm/scoring/judge";
import { createUpstreamJudgePrompt } from "@/gpu-workers/llm/scoring/upstream-judge";
import {
  CHOICE,
  buildDocument,
  EMPTY_RUN,
  ENGINE,
  ENGINE_MODEL,
  PROTOCOLS,
  QUESTION,
  S3_PROMPT,
  SIGNAL,
  TOKENIZER_FILES,
  writeFiles,
} from "./key-inputs";

/** Identities of models, keys of answers, names of scorers, and the prompts whose versions they hold. */

// Models are found by their names, which are part of keys; so they are installed in a setup folder of this test's own.
await vi.hoisted(async () => {
  const [{ mkdtempSync }, { tmpdir }, path] = await Promise.all([
    import("node:fs"),
    import("node:os"),
    import("node:path"),
  ]);
  process.env.S3_SETUP_DIR = mkdtempSync(path.join(tmpdir(), "key-stability-"));
});
afterAll(() => rm(SETUP_DIR, { recursive: true, force: true }));

// The recorded keys are those of models that are asked in ChatML, which others' keys are told apart from.
const chatTemplate = vi.hoisted(() => ({ hash: undefined as string | undefined }));
vi.mock("@/gpu-workers/llm/model-files/chat-template", async (load) => {
  const real = await load<typeof import("@/gpu-workers/llm/model-files/chat-template")>();
  const chat = { ...real.CHATML_TEMPLATE, describe: () => chatTemplate.hash };
  return { ...real, loadChatTemplate: () => Promise.resolve(chat) };
});
async function withChatTemplate<T>(work: () => Promise<T>): Promise<T> {
  chatTemplate.hash = "0a1b2c3d";
  try {
    return await work();
  } finally {
    chatTemplate.hash = undefined;
  }
}

const install = () =>
  writeFiles(join(SETUP_DIR, "models", "tiny"), {
    ...TOKENIZER_FILES,
    "model.safetensors": "weights",
    "config.json": '{"hidden_size": 8}',
    "chat_template.jinja": "{{ messages }}",
    "README.md": "not used",
  });

const JUDGE_PROMPT = "--- user ---\n{question} {golds} {answer} Yes or no?";
const CHAT_PROMPT = "--- user ---\n{documents}\n{question}";
const EXAMPLE = { question: "Where is Paris?", answer: "France", texts: ["It is in France."] };
const ADDRESS = "http://generator.test:8000/v1/";

/** Under which key a generator looks for its answer. */
async function answerKey(open: (store: never) => Generator | Promise<Generator>): Promise<string> {
  const asked: string[] = [];
  const findAnswers = (keys: string[]) => {
    asked.push(...keys);
    const known = { generator: "g", promptStyle: "s", text: "known", seconds: 0 };
    return Promise.resolve(new Map(keys.map((key) => [key, { key, ...known }])));
  };
  const generator = await open({ findAnswers, saveAnswers: () => Promise.resolve() } as never);
  const documents = [buildDocument("d1"), buildDocument("d2")];
  await generator.answer([{ question: "Who wrote Hamlet?", documents }], SIGNAL);
  return asked.join();
}
const keyBy = (style: PromptStyle, backend: GeneratorBackend, maxTokens = 64) =>
  answerKey((store) => new Generator("g", style, maxTokens, backend, store));

/** Values for the placeholders of every prompt. */
const FILLING = {
  question: "Q?",
  documents: "D",
  thoughts: "T",
  searches: "4 times",
  query: "q",
  reasoning: "R",
  information: "I",
  retrieve: "8",
  select: "3",
  turns: "3 times",
};

function describePrompt(prompt: PromptText): Values {
  const edited = `${prompt.text}\nBe brief.`;
  const open = (text: string | null) =>
    createPromptTemplate(prompt, text, "methodSettings.promptTemplate").label;
  return {
    id: prompt.id,
    text: hashJson(prompt.text),
    placeholders: [prompt.required, prompt.optional ?? []],
    versions: [null, prompt.text, edited].map((text) => formatPromptVersion(prompt, text)),
    labels: [null, prompt.text, edited].map(open),
  };
}

testRecorded(new URL("./model-key-stability.json", import.meta.url), {
  "identities of models": async () => {
    const directory = await install();
    const policy = { model: ENGINE_MODEL, tokenizer: null, name: "m", fingerprint: "base:engine" };
    const vllm = { useWeights: () => Promise.resolve(ENGINE_MODEL) };
    const config = trainConfigSchema.parse({
      kind: "train",
      name: "t",
      searcher: { model: "tiny" },
    });
    const fetchCheckpoint = () => Promise.resolve({ config, directory } as never);
    const identity = async (method: string, checkpoint: string | null = null) => {
      const searcher = { model: "tiny", checkpoint };
      const run = predictConfigSchema.parse({ ...EMPTY_RUN, method, searcher });
      const own = await openOwnModel(run, { signal: SIGNAL, fetchCheckpoint }, ENGINE);
      return own?.kind === "text" ? own.model.identity : own?.searcher.identity;
    };
    const id = "00000000-0000-4000-8000-000000000001";
    return {
      modelHash: await hashModelFolder(directory),
      fingerprintOf: await computeModelFingerprint(ENGINE, directory, { library: null }, SIGNAL),
      searcher: (await getSearcher(policy as never, SIGNAL)).identity,
      "searcher in vLLM": (await getSearcher({ ...policy, vllm } as never, SIGNAL)).identity,
      "s3, untrained": await identity("s3"),
      "s3, a checkpoint": await identity("s3", id),
      "another method, untrained": await identity("cot"),
      "another method, a checkpoint": await identity("cot", id),
    };
  },

  answers: async () => {
    await install();
    const { question, answer, texts } = EXAMPLE;
    const line = JSON.stringify({ question, answers: [answer], goldTexts: texts });
    await writeFiles(SETUP_DIR, { "atlas/examples.jsonl": `${line}\n` });
    const [few, chat, edited] = [
      createFewShotStyle([EXAMPLE]),
      createChatStyle(),
      createChatStyle(CHAT_PROMPT),
    ];
    const tokenizer = { encode: () => [1], decode: () => "", chat: CHATML_TEMPLATE };
    const inEngine = (style: PromptStyle) =>
      keyBy(style, createEngineBackend(ENGINE_MODEL as never, tokenizer, style, 64, "fingerprint"));
    const atEndpoint = (style: PromptStyle, tokens = 64) =>
      keyBy(style, createEndpointBackend(ADDRESS, "g", style, tokens), tokens);
    const configured = (generator: object) =>
      answerKey((store) =>
        openGenerator(
          ENGINE,
          predictConfigSchema.parse({ ...EMPTY_RUN, generator }).generator,
          store,
          SIGNAL,
        ),
      );
    const fewShot = { promptStyle: "few-shot", maxTokens: 12 };
    return {
      "few-shot, engine": await inEngine(few),
      "chat, engine": await inEngine(chat),
      "edited chat, engine": await inEngine(edited),
      "few-shot, endpoint": await atEndpoint(few),
      "chat, endpoint": await atEndpoint(chat),
      "edited chat, endpoint, 9 tokens": await atEndpoint(edited, 9),
      "configured, engine": await configured({ model: "tiny" }),
      "configured, engine, few-shot": await configured({ model: "tiny", ...fewShot }),
      "configured, engine, another chat template": await withChatTemplate(() =>
        configured({ model: "tiny" }),
      ),
      "configured, engine, another chat template, few-shot": await withChatTemplate(() =>
        configured({ model: "tiny", ...fewShot }),
      ),
      "configured, endpoint": await configured({ model: "g", endpoint: ADDRESS }),
      "configured, endpoint, edited": await configured({
        model: "g",
        endpoint: ADDRESS,
        promptTemplate: CHAT_PROMPT,
      }),
    };
  },

  "answers of methods": async () => {
    const episode: Episode = {
      key: "episode-key",
      method: "cot",
      protocol: "paper",
      questionId: "q1",
      sampleIndex: 0,
      steps: [],
      context: [],
      ownAnswer: { model: "m", prompt: "cot/1", text: "Shakespeare" },
    };
    const assessor = new EpisodeGrader(null, new DocumentStore(), new AnswerScorer("span", null));
    const [outcome] = await assessor.grade([episode], [QUESTION], SIGNAL);
    return {
      ownAnswerKey: computeOwnAnswerKey("episode-key", { model: "m", prompt: "cot/1" }),
      answer: outcome!.answer,
      scores: [outcome!.score, ...(outcome!.otherScores ?? [])],
    };
  },

  "judges and scorers": async () => {
    await install();
    const judge = createEndpointJudge("http://judge.test/v1", "j");
    const asked: unknown[] = [];
    const find = (...call: unknown[]) => {
      asked.push(call);
      return Promise.resolve([]);
    };
    const scores: Values = {};
    for (const name of ["judge", "generation-accuracy", "generation-accuracy/upstream"] as const) {
      const verdicts = (items: readonly unknown[]) => Promise.resolve(items.map(() => true));
      const scorer = new AnswerScorer(
        name,
        () => Promise.resolve({ id: judge.id, judge: verdicts }),
        find,
      );
      const items = [{ question: CHOICE, answer: { key: "k", text: "B" } }];
      const [scored] = await scorer.score(items, SIGNAL);
      scores[name] = [scored!.main, ...scored!.others];
    }
    const installed = { ...predictConfigSchema.parse(EMPTY_RUN).judge, model: "tiny" };
    const inEngine = async (promptTemplate: string | null) =>
      (await openJudge({ ...installed, promptTemplate }, ENGINE, {}, SIGNAL)).id;
    return {
      "at an endpoint": judge.id,
      "at an endpoint, edited": createEndpointJudge("http://judge.test/v1", "j", {}, JUDGE_PROMPT)
        .id,
      "in the engine": await inEngine(null),
      "in the engine, edited": await inEngine(JUDGE_PROMPT),
      "in the engine, another chat template": await withChatTemplate(() => inEngine(null)),
      "upstream's, at an endpoint": (["upstream", "upstream-training"] as const).map(
        (kind) => createUpstreamEndpointJudge("http://judge.test/v1", "j", kind).id,
      ),
      "upstream's, in the engine": (
        await openJudge(installed, ENGINE, {}, SIGNAL, { kind: "upstream" })
      ).id,
      "stored verdicts are looked for by": asked,
      ...scores,
    };
  },

  prompts: () => {
    const described: Values = {};
    for (const protocol of PROTOCOLS) {
      for (const method of ["s3", "direct", "sft", "cot", "r1", "ircot"] as const)
        described[`${method}, ${protocol}`] = describePrompt(findMethodPrompt(method, protocol)!);
      for (const method of ["deepretrieval", "search-r1", "search-o1"] as const)
        described[`${method}, ${protocol}`] = describePrompt(findMethodPrompt(method, protocol)!);
    }
    return {
      ...described,
      condensing: describePrompt(findCondensingPrompt("search-o1")!),
      chat: describePrompt(chatPrompt),
      judge: describePrompt(judgePrompt),
      "judge, upstream": describePrompt(upstreamJudgePrompt),
      editedVersion: formatEditedVersion(S3_PROMPT),
    };
  },

  // Under one version a model must be asked the same words.
  "prompts as they are sent": () => {
    const filled = (prompt: PromptText) =>
      hashJson(createPromptTemplate(prompt, null, "methodSettings.promptTemplate").fill(FILLING));
    const documents = [buildDocument("d1"), { ...buildDocument("d2"), title: "" }];
    const request = { question: "Who\nwrote it?", documents };
    const item = { question: "Q?", golds: ["a", "b"], answer: "x".repeat(5000) };
    const search = predictConfigSchema.parse(EMPTY_RUN).search;
    const templates = (["guided", "free"] as const).map((decoding) => selectPrompt({ decoding }));
    const shape = { window: 3, select: 2, queryTokens: 14 };
    return {
      ircot: PROTOCOLS.map((protocol) => filled(findMethodPrompt("ircot", protocol)!)),
      "search-o1": [
        findMethodPrompt("search-o1", "paper")!,
        findCondensingPrompt("search-o1")!,
      ].map(filled),
      chat: [createChatStyle().label, hashJson(createChatStyle().renderMessages(request))],
      "chat, edited": [
        createChatStyle(CHAT_PROMPT).label,
        hashJson(createChatStyle(CHAT_PROMPT).renderMessages(request)),
      ],
      "few-shot": [
        createFewShotStyle([EXAMPLE]).label,
        hashJson(createFewShotStyle([EXAMPLE]).renderPrompt(request)),
      ],
      judge: [createJudgePrompt().version, hashJson(createJudgePrompt().messages(item))],
      "judge, edited": createJudgePrompt(JUDGE_PROMPT).version,
      "judge, upstream": (["upstream", "upstream-training"] as const).map((kind) => {
        const prompt = createUpstreamJudgePrompt(null, kind);
        return [prompt.version, hashJson(prompt.messages(item))];
      }),
      "search loop": templates.map((template) => [
        template.id,
        template.version,
        hashJson(template.renderStart("Q?", documents, search, CHATML_TEMPLATE)),
        hashJson([
          template.renderObservation(documents, 1, "paper"),
          template.renderObservation(documents, 0, "paper"),
        ]),
      ]),
      "search loop, edited": [createFullPrompt(S3_PROMPT).id, createFullPrompt(S3_PROMPT).version],
      grammar: [false, true].map((last) => hashJson(renderTurnGrammar({ ...shape, last }))),
      stops: PROTOCOLS.map((protocol) =>
        [false, true].map((last) => listStopStrings(protocol, last)),
      ),
    };
  },

  // A run resumes from what an earlier version of the program has written.
  "state of a trainer": async () => {
    const answer = { key: "k", generator: "g", promptStyle: "chat/1", text: "t", seconds: 0 };
    const first = { version: 1, step: 2, cursor: 9, weightsHash: "w", answers: [answer] };
    const history = { "reward/mean": [{ step: 1, value: 0.5 }] };
    const alarms = { history, standing: { "kl-runaway": { calm: 1 } } };
    const more = { criticHash: "c", klCoefficient: 0.1, skipped: 1, alarms };
    const read = async (state: object) =>
      readTrainerState(await writeFiles(SETUP_DIR, { "trainer.json": JSON.stringify(state) }));
    return {
      "version 1": await read(first),
      "version 2": await read({ ...first, ...more, version: 2 }),
    };
  },
});
