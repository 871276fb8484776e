import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { alarmNameSchema } from "@/contracts/records/alarms";
import { formatRuleId, scoreByRules } from "@/core/scoring/rule-scoring";
import {
  answersItself,
  buildComparabilityKey,
  buildQuestionsKey,
  parseScopeKey,
  buildScopeKey,
  type ResultFacts,
} from "@/core/comparability/comparability";
import { METHODS } from "@/core/run/methods";
import { ruleScorerSchema, scorerSchema } from "@/contracts/run-config/scoring";
import { CORPUS_PRESET_NAMES } from "@/contracts/run-config/corpus-source";
import { hashDocument } from "@/core/episode/document-hash";
import {
  attributionSchema,
  episodeMethodSchema,
  episodePhaseSchema,
  formatErrorSchema,
} from "@/contracts/records/episode";
import { errorCodeSchema } from "@/contracts/errors";
import { METRIC_FAMILIES } from "@/core/metrics/metric-families";
import { METRICS } from "@/core/metrics/metric-table";
import { PRESETS } from "@/core/presets/run-presets";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { bootstrapClusters } from "@/core/statistics/bootstrap";
import { expandSweepOrThrow } from "@/core/sweep/expand-sweep";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { SWEEP_PRESETS } from "@/core/presets/sweep-presets";
import { hashJson, hashText } from "@/lib/hash";
import { testRecorded, type Values } from "@/lib/testing/recorded";
import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { StoredCorpora } from "@/server/features/corpora/stored-corpora";
import { computeVersion, QuestionSets } from "@/server/features/question-sets/question-sets";
import { parseQuestionJsonl } from "@/server/features/question-sets/question-jsonl";
import { MIGRATIONS_DIR } from "@/server/platform/db/migrate";
import { storeAnswers } from "@/server/features/episodes/store-answers";
import { unseal } from "@/server/features/keys/seal";
import {
  describeVariant,
  getOwnPrompt,
  type Checkpoint,
} from "@/server/features/leaderboard/method-variant";
import { readVariants } from "@/server/features/leaderboard/read-variants";
import { buildResultFacts, type FactSources } from "@/server/features/leaderboard/result-facts";
import { UpstreamImport } from "@/server/features/upstream/upstream-import";
import { buildQuestions } from "@/server/features/upstream/question-lookup";
import { WorkerTokens } from "@/server/features/workers/worker-tokens";

/** Keys and hashes that the server stores or compares, and the names that its tables hold. No database is asked. */

const predict = (changes: object = {}): PredictConfig =>
  predictConfigSchema.parse({ kind: "predict", name: "n", ...changes });

/** A database that keeps what it is given, and answers what the statement or the model asks for. */
class ListeningDatabase {
  readonly given: unknown[] = [];
  private readonly createMany = ({ data }: { data: Record<string, unknown> }) => {
    this.given.push(...Object.values(data));
    return Promise.resolve({ count: 0 });
  };
  readonly db = {
    $executeRaw: (_sql: TemplateStringsArray, ...values: unknown[]) => {
      this.given.push(...values);
      return Promise.resolve(0);
    },
    $queryRaw: (statement: { strings: string[]; values: unknown[] }) => {
      this.given.push(...statement.values);
      const text = statement.strings.join("?");
      if (text.includes("run_question_sets")) return Promise.resolve([{ id: "set" }]);
      return Promise.resolve(text.includes("AS fresh") ? [{ fresh: [] }] : []);
    },
    corpus: { createMany: this.createMany },
    questionSet: { createMany: this.createMany, findFirst: () => Promise.resolve(null) },
    workerToken: {
      findUnique: ({ where }: { where: Record<string, unknown> }) => {
        this.given.push(...Object.values(where));
        return Promise.resolve(null);
      },
      create: this.createMany,
    },
  };

  transact = (work: (tx: unknown) => Promise<unknown>) =>
    work({ db: this.db, emit: () => undefined });

  /** Values that are a hash, also those within JSON, each once. */
  get hashes(): string[] {
    const text = this.given.map((value) => (typeof value === "string" ? value : "")).join(" ");
    return [...new Set(text.match(/\b[0-9a-f]{64}\b/g) ?? [])];
  }
}

const FACTS: ResultFacts = {
  questionSet: 'atlas/"held-out"',
  questionSetVersion: "0123456789ab",
  limit: 72,
  corpus: "atlas",
  corpusVersion: "c".repeat(64),
  generator: "Qwen/Qwen2.5-14B",
  promptStyle: "chat/1",
  maxTokens: 64,
  answersItself: false,
  scorer: "generation-accuracy/1 judge",
};
const LEAST_FACTS: ResultFacts = {
  ...FACTS,
  limit: null,
  corpusVersion: null,
  maxTokens: null,
  answersItself: true,
};

const QUESTION_FILE = [
  '{"id": 1, "question": " Who? ", "answers": ["A", "B"]}',
  '{"id": "b", "question": "Which?", "answers": ["x"], "goldIds": ["d"], "type": "t", "group": "g", "goldQueries": ["q"], "options": {"choices": [{"letter": "A", "text": "x"}, {"letter": "B", "text": "y"}], "answer": "A"}}',
].join("\n");

const RUN = "00000000-0000-4000-8000-000000000001";
const ENDPOINT = "http://model.test:8000/v1";
const EDITED = "--- user ---\n{question}\nBe brief.";
const CHECKPOINT: Checkpoint = {
  id: "00000000-0000-4000-8000-000000000002",
  step: 20,
  runId: RUN,
  runName: "a run",
  config: trainConfigSchema.parse({
    kind: "train",
    name: "a run",
    coldStart: { demonstrations: 9 },
  }),
};

/** Configurations whose rows of the leaderboard are parted. */
const ROWS: Record<string, object> = {
  ...Object.fromEntries(Object.keys(METHODS).map((method) => [method, { method }])),
  "s3 at an endpoint": { searcher: { endpoint: ENDPOINT }, methodSettings: { temperature: 0.5 } },
  "s3, guided": { search: { decoding: "guided", retrieve: 3, select: 2, turns: 1 } },
  "s3, upstream": { search: { protocol: "upstream" } },
  "rag, upstream": { method: "rag", documents: 5, search: { protocol: "upstream" } },
  "rag, matched": { method: "rag", matchRun: RUN },
  "cot, edited": { method: "cot", methodSettings: { promptTemplate: EDITED } },
  "cot, answered anew": { method: "cot", reuse: { episodesOf: RUN } },
  "ircot, generator": { method: "ircot", methodSettings: { answeredBy: "generator" } },
  "search-o1, condensed": {
    method: "search-o1",
    methodSettings: {
      retrieve: 5,
      condensingPrompt: "--- user ---\n{reasoning} {query} {documents}",
    },
  },
  "bm25, reranked": { retriever: { kind: "bm25", reranker: "r" } },
  hybrid: { retriever: { kind: "hybrid" } },
  remote: { retriever: { kind: "remote", url: "http://retriever.test:3000/retrieve" } },
};

/** Files of upstream, one of each kind that is imported. */
const UPSTREAM_FILES = [
  {
    path: "out/nq_output_sequences.json",
    content: JSON.stringify({
      "Who wrote Hamlet?": {
        golden_answers: ["Shakespeare"],
        context_with_info: 'Doc 1(Title: "Hamlet") A play.',
        response_str: "<query>Hamlet</query>",
      },
    }),
  },
  {
    path: "results/s3.json",
    content: JSON.stringify({
      nq: { "Who wrote Hamlet?": { answer: "Shakespeare", score: 1, em_score: 0.5 } },
    }),
  },
  {
    path: "rollouts/3.jsonl",
    content: JSON.stringify({
      input: "Question: Who wrote Hamlet?\n",
      output: "<query>play</query>",
      score: 0.5,
      step: 3,
      gts: { question: "Who wrote Hamlet?", target: ["Shakespeare"] },
    }),
  },
];

testRecorded(new URL("./key-stability.json", import.meta.url), {
  comparability: () => ({
    scopeKey: [buildScopeKey(FACTS), buildScopeKey(LEAST_FACTS)],
    questionsKey: [buildQuestionsKey(FACTS), buildQuestionsKey(LEAST_FACTS)],
    comparabilityKey: [buildComparabilityKey(FACTS), buildComparabilityKey(LEAST_FACTS)],
    "read from a key": parseScopeKey('["atlas",null,"g","chat/1",null,"span/1"]'),
    answersItself: Object.keys(ROWS).filter((name) => answersItself(predict(ROWS[name]))),
  }),

  "rules of scoring": () => {
    const options = {
      choices: [
        { letter: "A", text: "the virus" },
        { letter: "B", text: "a bacterium" },
      ],
      answer: "A",
    };
    const question = { answers: ["The Virus"], options };
    const answers = ["It is the virus.", "A", "a VIRUS", "(B)", "", "Ünïcode virus-like"];
    return {
      names: Object.fromEntries(ruleScorerSchema.options.map((rule) => [rule, formatRuleId(rule)])),
      ...Object.fromEntries(answers.map((text) => [`"${text}"`, scoreByRules(text, question)])),
    };
  },

  "rows of the leaderboard": () =>
    Object.fromEntries(
      Object.entries(ROWS).map(([name, changes]) => {
        const config = predict(changes);
        const prompt = getOwnPrompt(config);
        return [name, { id: describeVariant(config, null, prompt).id, prompt }];
      }),
    ),

  "rows of the leaderboard by presets": () =>
    Object.fromEntries(
      PRESETS.flatMap(({ id, config }) => {
        const parsed = predictConfigSchema.safeParse(config).data;
        return parsed
          ? [[id, hashJson(describeVariant(parsed, null, getOwnPrompt(parsed)).id)]]
          : [];
      }),
    ),

  "rows of checkpoints and imports": async () => {
    const searcher = { model: "m", checkpoint: CHECKPOINT.id };
    const db = { $queryRaw: () => Promise.resolve([CHECKPOINT]) } as never;
    const described = [
      { config: predict({ searcher }), importedFrom: null, promptStyle: "chat/1" },
      { config: predict({ method: "cot" }), importedFrom: null, promptStyle: "cot/1" },
      { config: predict(), importedFrom: "results/s3.json", promptStyle: "upstream" },
      {
        config: predict({ reuse: { episodesOf: RUN } }),
        importedFrom: "results/s3.json",
        promptStyle: "chat/1",
      },
    ];
    const entries = await readVariants(db, described);
    return { rows: entries.map(({ id, trainingSamples }) => ({ id, trainingSamples })) };
  },

  "facts of results": () => {
    const sources: FactSources = {
      questionSet: "atlas/held-out",
      questionSetVersion: "v",
      questions: 100,
      corpus: "atlas",
      corpusVersion: null,
      generator: "g",
      promptStyle: "chat/1",
      scorer: "span/1",
      importedFrom: null,
    };
    const buildKey = (changes: object, more: Partial<FactSources> = {}) =>
      buildComparabilityKey(buildResultFacts(predict(changes), { ...sources, ...more }));
    return {
      s3: buildKey({}),
      "s3, limited": buildKey({ limit: 72 }),
      "s3, a larger limit": buildKey({ limit: 1000 }),
      "answers itself": buildKey({ method: "cot" }),
      imported: buildKey({}, { importedFrom: "results/s3.json" }),
      "imported, answered anew": buildKey(
        { reuse: { episodesOf: RUN } },
        { importedFrom: "results/s3.json" },
      ),
    };
  },

  "versions of question sets and corpora": async () => {
    const questions = parseQuestionJsonl(QUESTION_FILE);
    const [sets, corpora] = [new ListeningDatabase(), new ListeningDatabase()];
    const documents = [
      { id: "a", title: "Alpha", text: "The first document." },
      { id: "2", title: "", text: "Ünïcode" },
    ];
    await new QuestionSets(sets as never).store("mine", questions, "me");
    await new StoredCorpora(corpora as never).store("mine", documents, "me");
    return {
      "questions of a file": JSON.stringify(questions),
      version: await computeVersion(questions),
      "content of a question set": sets.hashes,
      "content of a corpus": corpora.hashes,
      documents: documents.map(hashDocument),
    };
  },

  "stored answers": async () => {
    const database = new ListeningDatabase();
    const answer = { generator: "g", promptStyle: "chat/1", text: "a\u0000b", seconds: 0.5 };
    await storeAnswers(database.db as never, [{ key: "k", ...answer }]);
    return { rows: database.given };
  },

  "files of upstream": async () => {
    const database = new ListeningDatabase();
    let kept: Values[] = [];
    const questionSets = {
      list: () => Promise.resolve([]),
      store: (_name: string, questions: Values[]) => Promise.resolve((kept = questions)),
      readAll: () => Promise.resolve(kept),
    };
    const begin = () => Promise.resolve({ runId: RUN, attempt: 1 });
    const external = { begin, finish: () => Promise.resolve() };
    const importer = new UpstreamImport(
      database as never,
      questionSets as never,
      external as never,
    );
    const request = { questions: null, method: null, name: null, corpus: "c", generator: "g" };
    const found: Values = {};
    for (const files of [UPSTREAM_FILES.slice(0, 2), UPSTREAM_FILES.slice(2)]) {
      database.given.length = 0;
      const { runs, problems } = await importer.import({ ...request, files }, "me");
      const label = files.map(({ path }) => path).join(" and ");
      found[label] = { runs: runs.length, problems, hashes: database.hashes };
    }
    const golden = new Map([["Who  wrote\nHamlet? ?", ["Shakespeare"]]]);
    return {
      ...found,
      "questions of files": buildQuestions(golden),
      questionKey: ["Who  wrote\nHamlet? ?", "Q?\n Options: A. x"].map(buildQuestionKey),
    };
  },

  sweeps: () =>
    Object.fromEntries(
      SWEEP_PRESETS.map(({ id, spec }) => {
        const { paths, runs } = expandSweepOrThrow(spec);
        const described = runs.map(({ name, row, seed, varied }) => ({ name, row, seed, varied }));
        const configs = runs.map(({ config }) => hashJson(config));
        return [
          id,
          { spec: hashJson(sweepSpecSchema.parse(spec)), paths, runs: described, configs },
        ];
      }),
    ),

  "tokens and sealed keys": async () => {
    const database = new ListeningDatabase();
    await new WorkerTokens(database as never).ensure("local", "s3w_token", "me");
    const hashes = database.given.flatMap((value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("hex") : [],
    );
    const sealed = "4Oh8ixRC0j0vCVc3jvVj5RP6CL2MahMZC5Nhf/2mvASDv/jYACFs";
    const secret = Buffer.alloc(32, 7);
    return {
      token: hashes,
      "a key that was sealed": unseal(secret, "openai", Buffer.from(sealed, "base64")),
    };
  },

  // The database refuses to start where one that it has applied was changed. A new one is recorded with UPDATE_KEYS=1.
  migrations: () =>
    Object.fromEntries(
      readdirSync(MIGRATIONS_DIR, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => [
          name,
          hashText(readFileSync(join(MIGRATIONS_DIR, name, "migration.sql"), "utf8")),
        ]),
    ),

  "intervals by a seed": () => {
    const observations = Array.from({ length: 60 }, (_, i) => ({
      value: i % 3 === 0 ? 1 : 0,
      cluster: `c${i % 7}`,
    }));
    return {
      "ten thousand samples": bootstrapClusters(observations),
      "another seed": bootstrapClusters(observations, { samples: 200, seed: 3 }),
    };
  },

  "names that are stored": () => ({
    methods: episodeMethodSchema.options,
    scorers: scorerSchema.unwrap().options,
    phases: episodePhaseSchema.options,
    formatErrors: formatErrorSchema.options,
    attributions: attributionSchema.options,
    errorCodes: errorCodeSchema.options,
    alarms: alarmNameSchema.options,
    runKinds: runKindSchema.options,
    runStates: runStateSchema.options,
    presets: PRESETS.map(({ id }) => id),
    corpusPresets: CORPUS_PRESET_NAMES,
    metrics: Object.keys(METRICS),
    metricFamilies: Object.keys(METRIC_FAMILIES),
  }),
});
