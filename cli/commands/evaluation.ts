import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Option, type Command } from "commander";
import {
  needsJudge,
  scorerSchema as scorerName,
  type ScorerName,
} from "@/contracts/run-config/scoring";
import { methodNameSchema, type MethodName } from "@/contracts/records/episode";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { questionFormatSchema } from "@/contracts/formats/question-file";
import { findRun, type Client } from "@/cli/client";
import { table } from "@/cli/format";
import { addFetch } from "./question-fetch";
import { questionSource } from "@/cli/question-file";
import { applySettings } from "@/cli/settings";

/** What the commands share with the rest of the command line. */
export interface CommandTools {
  client: Client;
  print(text: string): void;
  printJson(value: unknown): void;
  /** Follows a run to its end and sets the exit code. */
  follow(id: string, json: boolean): Promise<void>;
}

const scorers = scorerName.unwrap().options;
const collect = (value: string, all: string[]): string[] => [...all, value];
const share = (value: number | null): string =>
  value === null ? "–" : `${(100 * value).toFixed(1)}%`;

/** Commands that do what upstream's inference and evaluation scripts do, and bring files in and out. */
export function evaluationCommands(program: Command, tools: CommandTools): void {
  const { client, print, printJson, follow } = tools;

  program
    .command("predict")
    .description(
      "answer a question set with a method, and score the answers (upstream's inference and evaluation in one)",
    )
    .addOption(
      new Option("--method <name>", "method").choices(methodNameSchema.options).default("s3"),
    )
    .option("--questions <set>", "question set", "atlas/held-out")
    .option("--corpus <name>", "corpus", "atlas")
    .option("--limit <n>", "only the first n questions", (value) => Number.parseInt(value, 10))
    .addOption(new Option("--scorer <name>", "scorer").choices(scorers).default("span"))
    .option("--name <name>", "how the run is listed")
    .option(
      "--set <path=value>",
      "any other setting, e.g. --set generator.endpoint=http://127.0.0.1:8000/v1 (may be repeated)",
      collect,
      [],
    )
    .option("--out <folder>", "write upstream's files there when it has ended")
    .option("--detach", "do not wait for its end")
    .option("--json", "print JSON")
    .action(
      async (options: {
        method: MethodName;
        questions: string;
        corpus: string;
        limit?: number;
        scorer: ScorerName;
        name?: string;
        set: string[];
        out?: string;
        detach?: boolean;
        json?: boolean;
      }) => {
        const { method, questions, corpus, scorer } = options;
        const base = {
          kind: "predict" as const,
          name: options.name ?? `${method} on ${questions}`,
          method,
          questions,
          corpus,
          scorer,
          ...(options.limit !== undefined && { limit: options.limit }),
        };
        const { id } = await client.runs.launch.mutate({
          config: applySettings(base, options.set),
        });
        if (options.detach) return options.json ? printJson({ id }) : print(id);
        print(options.json ? JSON.stringify({ kind: "launched", id }) : `launched ${id}`);
        await follow(id, options.json ?? false);
        await tell(tools, id, options.json ?? false);
        if (options.out !== undefined) await writeFiles(tools, id, options.out);
      },
    );

  program
    .command("evaluate <run>")
    .description("score the stored answers of a predict run, without searching or answering again")
    .addOption(
      new Option("--scorer <name>", "a rule scores at once; a judge scores in a run of its own")
        .choices(scorers)
        .default("span"),
    )
    .option("--judge <model>", "model of the judge")
    .option(
      "--judge-endpoint <url>",
      "OpenAI-compatible server of the judge; without it the worker's own engine",
    )
    .option("--out <folder>", "write upstream's files there")
    .option("--json", "print JSON")
    .action(
      async (
        run: string,
        options: {
          scorer: ScorerName;
          judge?: string;
          judgeEndpoint?: string;
          out?: string;
          json?: boolean;
        },
      ) => {
        const id = await findRun(client, run);
        const scored = needsJudge(options.scorer) ? await judged(tools, id, options) : id;
        if (!needsJudge(options.scorer)) await client.scores.rescore.mutate({ runId: id });
        await tell(tools, scored, options.json ?? false);
        if (options.out !== undefined) await writeFiles(tools, scored, options.out);
      },
    );

  const questions = program.command("questions").description("question sets");
  questions
    .command("import <file>")
    .description(
      "import questions: our JSONL, FlashRAG's, upstream's parquet, MIRAGE's benchmark.json, CSV or TSV",
    )
    .requiredOption(
      "--name <set>",
      "name of the set, e.g. nq or nq/test; a file of several parts becomes NAME/PART each",
    )
    .option(
      "--format <format>",
      "where it cannot be told: jsonl, json, csv, tsv, parquet, mirage",
      "auto",
    )
    .option(
      "--column <field=column>",
      "which column holds a field, e.g. --column question=text (may be repeated)",
      collect,
      [],
    )
    .option("--part <part>", "only this part (may be repeated)", collect, [])
    .option("--gold-corpus <name>", "look titles of gold passages up in this corpus")
    .option("--skip-problems", "leave out rows that cannot be used")
    .option("--preview", "only say what the file holds")
    .option("--json", "print JSON")
    .action(
      async (
        file: string,
        options: {
          name: string;
          format: string;
          column: string[];
          part: string[];
          goldCorpus?: string;
          skipProblems?: boolean;
          preview?: boolean;
          json?: boolean;
        },
      ) => {
        const source = {
          ...(await questionSource(
            file,
            parseOrThrow(questionFormatSchema, options.format, "--format"),
          )),
          mapping: Object.fromEntries(options.column.map(assignment)),
          goldCorpus: options.goldCorpus ?? null,
        };
        if (options.preview) {
          const preview = await client.catalogue.previewQuestions.mutate(source);
          if (options.json) return printJson(preview);
          print(`${preview.format}, ${preview.rows} rows; columns: ${preview.columns.join(", ")}`);
          print(
            table(
              ["field", "column"],
              Object.entries(preview.mapping).map(([field, column]) => [field, column ?? "–"]),
            ),
          );
          print(
            table(
              ["part", "questions", "with gold", "gold not found", "with options"],
              preview.parts.map((part) => [
                part.name || "(one part)",
                String(part.questions),
                String(part.withGold),
                String(part.unresolvedGold),
                String(part.withOptions),
              ]),
            ),
          );
          for (const warning of preview.warnings) print(warning);
          for (const { where, message } of preview.problems) print(`${where} ${message}`);
          return;
        }
        const result = await client.catalogue.importQuestionFile.mutate({
          ...source,
          name: options.name,
          parts: options.part.length > 0 ? options.part : null,
          skipProblems: options.skipProblems ?? false,
        });
        if (options.json) return printJson(result);
        for (const warning of result.warnings) print(warning);
        print(
          table(
            ["set", "version", "questions", "with gold", ""],
            result.sets.map((set) => [
              set.name,
              set.version,
              String(set.questions),
              String(set.withGold),
              set.isNew ? "new" : "was there already",
            ]),
          ),
        );
      },
    );

  addFetch(questions, tools);

  const upstream = program.command("upstream").description("upstream's result files");
  upstream
    .command("import <folder>")
    .description(
      "make runs of a folder of upstream's files (output sequences, results, RAG cache, statistics, rollouts)",
    )
    .option("--name <name>", "what the runs are called")
    .option(
      "--questions <set>",
      "the set that the files are about; without it one is made of the files",
    )
    .addOption(
      new Option("--method <name>", "method that the results are of")
        .choices(methodNameSchema.options)
        .default(undefined, "as the files' names say, else s3"),
    )
    .option("--corpus <name>", "corpus that was searched", "wiki-18")
    .option("--generator <model>", "model that answered", "Qwen2.5-14B-Instruct-GPTQ-Int4")
    .option("--json", "print JSON")
    .action(
      async (
        folder: string,
        options: {
          name?: string;
          questions?: string;
          method?: MethodName;
          corpus: string;
          generator: string;
          json?: boolean;
        },
      ) => {
        const { name, questions: set, ...rest } = options;
        const result = await client.upstream.import.mutate({
          files: await filesOf(folder),
          name: name ?? null,
          questions: set ?? null,
          method: rest.method ?? null,
          corpus: rest.corpus,
          generator: rest.generator,
        });
        if (options.json) return printJson(result);
        print(
          table(
            ["run", "data set", "episodes", "scored", "accuracy", "not in the set"],
            result.runs.map((run) => [
              run.id.slice(0, 8),
              run.dataset,
              String(run.episodes),
              String(run.scored),
              share(run.accuracy),
              String(run.unmatchedCount),
            ]),
          ),
        );
        for (const note of result.runs.flatMap((run) => run.notes)) print(note);
        for (const path of result.skipped) print(`skipped ${path}: not one of upstream's files`);
        for (const { path, reason } of result.problems) print(`not imported: ${path}: ${reason}`);
        if (result.problems.length > 0) process.exitCode = 1;
      },
    );
  upstream
    .command("export <run>")
    .description("write a run as upstream's files")
    .requiredOption("--out <folder>", "where to")
    .action(async (run: string, options: { out: string }) =>
      writeFiles(tools, await findRun(client, run), options.out),
    );
}

function assignment(text: string): [string, string | null] {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new AppError(
      "invalid-input",
      `--column takes field=column, e.g. --column answers=golden_answers, not "${text}".`,
    );
  return [text.slice(0, equals), text.slice(equals + 1) || null];
}

/** A run that lets a judge score what another run answered. @returns its id */
async function judged(
  { client, print, follow }: CommandTools,
  id: string,
  options: { scorer: ScorerName; judge?: string; judgeEndpoint?: string; json?: boolean },
): Promise<string> {
  const { config } = await client.runs.get.query({ id });
  if (config.kind !== "predict")
    throw new AppError(
      "invalid-input",
      `Only predict runs have answers to score; this is a ${config.kind} run.`,
    );
  const judge = {
    ...config.judge,
    ...(options.judge !== undefined && { model: options.judge }),
    ...(options.judgeEndpoint !== undefined && { endpoint: options.judgeEndpoint }),
  };
  const again = runConfigSchema.parse({
    ...config,
    name: `${config.name}, ${options.scorer}`.slice(0, 120),
    scorer: options.scorer,
    judge,
    reuse: { episodesOf: id, keepAnswers: true },
    matchRun: null,
  });
  const launched = await client.runs.launch.mutate({ config: again });
  print(
    options.json
      ? JSON.stringify({ kind: "launched", id: launched.id })
      : `launched ${launched.id}`,
  );
  await follow(launched.id, options.json ?? false);
  return launched.id;
}

/** Says what every scorer gave, over how many questions, and how many are missing. */
async function tell(
  { client, print, printJson }: CommandTools,
  runId: string,
  json: boolean,
): Promise<void> {
  const [summary, failures, agreement] = await Promise.all([
    client.scores.summary.query({ runId }),
    client.scores.failures.query({ runId }),
    client.scores.agreement.query({ runId }),
  ]);
  if (json) return printJson({ runId, ...summary, failures, agreement });
  print(
    table(
      ["scorer", "mean", "answers"],
      summary.scorers.map(({ scorer, mean, scored }) => [scorer, share(mean), String(scored)]),
    ),
  );
  print(
    `${summary.answered} of ${summary.questions} questions answered${summary.missing > 0 ? `; ${summary.missing} are missing and count nowhere` : ""}`,
  );
  for (const { questionId, reason } of failures.slice(0, 10)) print(`${questionId}: ${reason}`);
  for (const { judge, judgeAndSpan } of agreement)
    print(
      `${judge} and span agree on ${share(judgeAndSpan.observed)} (kappa ${judgeAndSpan.kappa?.toFixed(2) ?? "–"})`,
    );
}

async function writeFiles(
  { client, print }: CommandTools,
  runId: string,
  folder: string,
): Promise<void> {
  const { files } = await client.upstream.export.query({ runId });
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
    print(`wrote ${join(folder, path)}`);
  }
}

/** Every .json and .jsonl below a folder (or the one file), with its path in it. */
async function filesOf(root: string): Promise<{ path: string; content: string }[]> {
  const info = await stat(root).catch((error: Error) => {
    throw new AppError("invalid-input", `${root} cannot be read: ${error.message}`);
  });
  const paths = info.isFile()
    ? [root]
    : (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && /\.jsonl?$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name));
  if (paths.length === 0)
    throw new AppError("invalid-input", `${root} holds no .json or .jsonl file.`);
  return Promise.all(
    paths.sort().map(async (path) => ({
      path: info.isFile() ? basename(path) : relative(root, path),
      content: await readFile(path, "utf8"),
    })),
  );
}
