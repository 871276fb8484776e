import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { buildExportTable } from "@/app/leaderboard/_components/table/export-table";
import { COSTS } from "@/app/leaderboard/_components/table/leaderboard-text";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { ATTRIBUTION_PARTS } from "@/app/_statistics/attribution";
import { AppError } from "@/contracts/errors";
import { formatMarkdown } from "@/core/comparability/results-table";
import { ROOT } from "@/lib/paths.mjs";
import { findPreset } from "@/core/presets/run-presets";
import {
  runConfigSchema,
  type RunConfig,
  type RunConfigInput,
} from "@/contracts/run-config/run-config";
import { connect, describeFailure, type Client, type Connection } from "@/cli/lib/client";
import { uploadFile } from "@/cli/lib/upload-file";
import { watchRun } from "@/cli/lib/watch-run";
import { describeMachine } from "@/bench/report/report";

/**
 * `npm run bench results`: every method on Atlas, and some on slices of the real sets where these lie beside the
 * repository, answered by a running product (S3_SERVER), whose leaderboard is then written to docs/results.md. A run
 * that is there already is not run again, so it may be interrupted; names of parts run those alone.
 */
const QUESTIONS = 100;
/** Not 0: the preset was tuned on it. */
const SEED = 1;
const PAGE = join(ROOT, "docs", "results.md");
const BEGIN = "<!-- made by `npm run bench results` -->";
const END = "<!-- end -->";

type Predict = RunConfigInput & { kind: "predict" };
interface Set {
  corpus: string;
  questions: string;
  scorer: "span" | "option-letter";
  base: Partial<Predict>;
  methods: readonly string[];
}

const ANSWERED_BY_GENERATOR = new Set(["ircot", "search-r1", "search-o1"]);
const atlas: Set = {
  corpus: "atlas",
  questions: "atlas/held-out",
  scorer: "span",
  base: {},
  methods: [
    "training",
    "rag",
    "s3",
    "s3-trained",
    "rag-matched",
    "direct",
    "cot",
    "ircot",
    "deepretrieval",
    "search-r1",
    "search-o1",
    "r1",
    "sft",
    "gold",
  ],
};
/** The real sets on all of their passages with BM25, which needs no encoding. */
const defineRealSet = (corpus: string, questions: string, scorer: Set["scorer"]): Set => ({
  corpus,
  questions,
  scorer,
  base: { corpus, questions, scorer, retriever: { kind: "bm25" } },
  methods: ["rag", "direct", "s3", "gold"],
});
const SETS: readonly Set[] = [
  atlas,
  defineRealSet("hotpotqa", "hotpotqa/dev", "span"),
  defineRealSet("2wiki", "2wiki/dev", "span"),
  defineRealSet("pubmedqa", "pubmedqa/test", "option-letter"),
];

export async function writeResults(names: string[]): Promise<void> {
  const connection = connect(process.env.S3_SERVER);
  const { client, server, close } = connection;
  try {
    const sets = SETS.filter(
      ({ corpus }) => corpus === "atlas" || existsSync(getDataFolder(corpus)),
    );
    for (const { corpus } of SETS)
      if (!sets.some((set) => set.corpus === corpus))
        say(`left out: ${corpus} is not beside the repository (${getDataFolder(corpus)})`);
    const unknown = names.filter(
      (name) =>
        !sets.some(({ corpus, methods }) =>
          methods.some((method) => name === `${corpus}/${method}`),
        ),
    );
    if (unknown.length > 0)
      throw new AppError(
        "invalid-input",
        `There is no part ${unknown.join(", ")}. Parts: ${sets.flatMap(({ corpus, methods }) => methods.map((method) => `${corpus}/${method}`)).join(", ")}.`,
      );
    for (const set of sets) {
      const parts = set.methods.filter(
        (method) => names.length === 0 || names.includes(`${set.corpus}/${method}`),
      );
      if (parts.length > 0 && set !== atlas) await importSet(connection, set.corpus);
      for (const part of parts) await ensureSucceeded(client, await buildConfig(client, set, part));
    }
    await writeBoards(client, sets);
    say(`written to ${PAGE}`);
  } catch (error) {
    console.error(describeFailure(error, server));
    process.exitCode = 1;
  } finally {
    close();
  }
}

const getDataFolder = (corpus: string): string => join(ROOT, "..", "shared", "data", corpus);

/** Imports a real set's passages and questions, where the server has not got them. */
async function importSet(connection: Connection, corpus: string): Promise<void> {
  const { client } = connection;
  const folder = getDataFolder(corpus);
  const sets = await client.catalogue.questionSets.query();
  if (!sets.some(({ name }) => name.startsWith(`${corpus}/`))) {
    const lines = (await readFile(join(folder, "questions.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // As MIRAGE asks PubMedQA: a choice of three.
    const rows =
      corpus === "pubmedqa"
        ? lines.map((row) => ({ ...row, options: { A: "yes", B: "no", C: "maybe" } }))
        : lines;
    await client.catalogue.importQuestionFile.mutate({
      fileName: "questions.jsonl",
      content: rows.map((row) => JSON.stringify(row)).join("\n"),
      encoding: "utf8",
      format: "jsonl",
      mapping: {},
      name: corpus,
      parts: null,
      goldCorpus: null,
      skipProblems: false,
    });
  }
  if (!(await client.corpora.list.query()).some(({ name }) => name === corpus)) {
    const { id } = await uploadFile(connection, join(folder, "passages.jsonl"));
    await ensureSucceeded(
      client,
      runConfigSchema.parse({
        kind: "index",
        name: `Import ${corpus}`,
        corpus,
        source: { kind: "upload", upload: id, fileName: "passages.jsonl", format: "jsonl" },
        buildIndex: true,
        retriever: { kind: "bm25" },
      }),
    );
  }
}

/** The configuration of a part; throws where it needs another part's result that is not there. */
async function buildConfig(client: Client, set: Set, part: string): Promise<RunConfig> {
  if (part === "training")
    return runConfigSchema.parse({ ...findPreset("atlas-smollm2-grpo")!.config, seed: SEED });
  const method = part === "s3-trained" ? "s3" : part === "rag-matched" ? "rag" : part;
  const preset = findPreset(`atlas-${method}`)!.config as Predict;
  return runConfigSchema.parse({
    ...preset,
    ...set.base,
    name: `Results: ${set.questions}, ${part}`,
    limit: QUESTIONS,
    methodSettings: {
      ...preset.methodSettings,
      ...(ANSWERED_BY_GENERATOR.has(method) && { answeredBy: "generator" }),
    },
    ...(part === "s3-trained" && {
      searcher: { ...preset.searcher, checkpoint: await findCheckpoint(client) },
    }),
    ...(part === "rag-matched" && {
      matchRun: await findRun(client, await buildConfig(client, set, "s3-trained")),
    }),
  });
}

/** The succeeded run of a configuration. */
async function findRun(client: Client, config: RunConfig): Promise<string> {
  const found = (await findEqualRuns(client, config)).find(({ state }) => state === "succeeded");
  if (!found) throw new AppError("not-found", `"${config.name}" must have run before this part.`);
  return found.id;
}

async function findCheckpoint(client: Client): Promise<string> {
  const checkpoints = await client.runs.checkpoints.query({
    id: await findRun(client, await buildConfig(client, atlas, "training")),
  });
  return checkpoints.reduce((last, checkpoint) => (checkpoint.step > last.step ? checkpoint : last))
    .id;
}

/** Runs with this very configuration, newest first. */
async function findEqualRuns(
  client: Client,
  config: RunConfig,
): Promise<{ id: string; state: string }[]> {
  const { rows } = await client.runs.list.query({ text: config.name, limit: 200 });
  const runs = await Promise.all(
    rows.filter(({ name }) => name === config.name).map(({ id }) => client.runs.get.query({ id })),
  );
  return runs.filter((run) => isDeepStrictEqual(run.config, config));
}

/** Sees to it that a run of this configuration has succeeded. */
async function ensureSucceeded(client: Client, config: RunConfig): Promise<void> {
  const [there] = await findEqualRuns(client, config);
  if (there?.state === "succeeded") return say(`there already: ${config.name}`);
  const goesOn = there !== undefined && !["failed", "cancelled"].includes(there.state);
  const id = goesOn
    ? there.id
    : there
      ? (await client.runs.resume.mutate({ id: there.id }), there.id)
      : (await client.runs.launch.mutate({ config })).id;
  say(`running: ${config.name}`);
  const state = await watchRun(
    client,
    id,
    (line) => void (line.kind === "state" && line.error !== null && say(line.error)),
  );
  if (state !== "succeeded")
    throw new AppError(
      "internal",
      `"${config.name}" is ${state}; npm run s3 -- show ${id} says why.`,
    );
}

/** Writes the boards between the marks of the page; the text around them is a person's. */
async function writeBoards(client: Client, sets: readonly Set[]): Promise<void> {
  const all = await client.leaderboard.get.query({});
  const tables: string[] = [];
  for (const set of sets) {
    const scope = all.scopes.find(
      ({ corpus, scorer, generator }) =>
        corpus === set.corpus &&
        scorer.startsWith(`${set.scorer}/`) &&
        generator === "smollm2-135m-instruct",
    );
    if (!scope) continue;
    const board = await client.leaderboard.get.query({ scope: scope.key });
    tables.push(
      `### ${set.questions}\n\n${formatMarkdown(buildExportTable(board, null))}\n${formatDetails(board)}`,
    );
  }
  if (tables.length === 0) throw new AppError("not-found", "The leaderboard has no results yet.");
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new AppError("invalid-input", `${PAGE} lacks its marks: ${BEGIN} and ${END}.`);
  const { cpu, cores } = describeMachine();
  const about = `Made on ${new Date().toISOString().slice(0, 10)} by the product itself on ${cores} cores (${cpu}), no GPU.`;
  await writeFile(
    `${PAGE}.partial`,
    `${page.slice(0, begin)}${BEGIN}\n\n${about}\n\n${tables.join("\n")}\n${page.slice(end)}`,
  );
  await rename(`${PAGE}.partial`, PAGE);
}

/** Beside the accuracies: what each method took, and at which stage its wrong answers were lost, in percent. */
function formatDetails(board: Leaderboard): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const costs = ["searches", "documents", "tokens", "seconds"] as const;
  const parts = ATTRIBUTION_PARTS.filter(({ key }) =>
    board.rows.some((row) => (row.cells[0]?.attribution[key] ?? 0) > 0),
  );
  const rows = board.rows.flatMap((row) => {
    const [cell] = row.cells;
    if (!cell) return [];
    const share = (count: number): string => ((100 * count) / cell.scored).toFixed(0);
    return [
      line([
        row.label,
        row.detail,
        String(cell.scored),
        ...costs.map((key) => (cell[key] === null ? "" : COSTS[key].text(cell[key]))),
        ...parts.map(({ key }) => share(cell.attribution[key])),
      ]),
    ];
  });
  return [
    line([
      "Method",
      "With",
      "Questions",
      ...costs.map((key) => COSTS[key].label),
      ...parts.map(({ label }) => `${label}, %`),
    ]),
    line(["---", "---", ...[...costs, ...parts, ""].map(() => "---:")]),
    ...rows,
    "",
  ].join("\n");
}

const startedAt = Date.now();
const say = (message: string): void =>
  console.log(`[${Math.round((Date.now() - startedAt) / 1000)} s] ${message}`);
