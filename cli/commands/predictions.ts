import { Option, type Command } from "commander";
import { methodNameSchema, type MethodName } from "@/contracts/records/episode";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { needsJudge, scorerSchema, type ScorerName } from "@/contracts/run-config/scoring";
import { AppError } from "@/contracts/errors";
import { findRun } from "@/cli/lib/client";
import { printLaunched, type CommandContext } from "@/cli/lib/context";
import { formatShare, formatTable } from "@/cli/lib/format";
import { collect, parseInteger } from "@/cli/lib/options";
import { applySettings } from "@/cli/lib/settings";
import { followRun } from "@/cli/lib/watch-run";
import { writeUpstreamFiles } from "./upstream";

const SCORERS = scorerSchema.unwrap().options;

interface PredictOptions {
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
}

interface EvaluateOptions {
  scorer: ScorerName;
  judge?: string;
  judgeEndpoint?: string;
  out?: string;
  json?: boolean;
}

/** `predict` and `evaluate`: what upstream's inference and evaluation scripts do. */
export function addPredictionCommands(program: Command, context: CommandContext): void {
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
    .option("--limit <n>", "only the first n questions", parseInteger)
    .addOption(new Option("--scorer <name>", "scorer").choices(SCORERS).default("span"))
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
    .action((options: PredictOptions) => predict(context, options));

  program
    .command("evaluate <run>")
    .description("score the stored answers of a predict run, without searching or answering again")
    .addOption(
      new Option("--scorer <name>", "a rule scores at once; a judge scores in a run of its own")
        .choices(SCORERS)
        .default("span"),
    )
    .option("--judge <model>", "model of the judge")
    .option(
      "--judge-endpoint <url>",
      "OpenAI-compatible server of the judge; without it the worker's own engine",
    )
    .option("--out <folder>", "write upstream's files there")
    .option("--json", "print JSON")
    .action((run: string, options: EvaluateOptions) => evaluate(context, run, options));
}

async function predict(context: CommandContext, options: PredictOptions): Promise<void> {
  const { method, questions, corpus, limit, scorer, json, out } = options;
  const base = {
    kind: "predict" as const,
    name: options.name ?? `${method} on ${questions}`,
    method,
    questions,
    corpus,
    scorer,
    ...(limit !== undefined && { limit }),
  };
  const config = applySettings(base, options.set);
  const { id } = await context.client.runs.launch.mutate({ config });
  printLaunched(context, { id }, { json, goesOn: !options.detach });
  if (options.detach) return;
  await followRun(context, id, json);
  await printScores(context, id, json);
  if (out !== undefined) await writeUpstreamFiles(context, id, out);
}

async function evaluate(
  context: CommandContext,
  run: string,
  options: EvaluateOptions,
): Promise<void> {
  const id = await findRun(context.client, run);
  let scoredId = id;
  const { scorer } = options;
  if (needsJudge(scorer)) scoredId = await scoreWithJudge(context, id, options);
  else await context.client.scores.rescore.mutate({ runId: id, rule: scorer });
  await printScores(context, scoredId, options.json);
  if (options.out !== undefined) await writeUpstreamFiles(context, scoredId, options.out);
}

/** Launches a run that lets a judge score another run's answers, and follows it. @returns its id */
async function scoreWithJudge(
  context: CommandContext,
  answeredId: string,
  options: EvaluateOptions,
): Promise<string> {
  const { client } = context;
  const { config } = await client.runs.get.query({ id: answeredId });
  if (config.kind !== "predict")
    throw new AppError(
      "invalid-input",
      `Only predict runs have answers to score; this is a ${config.kind} run.`,
    );
  const { id } = await client.runs.launch.mutate({
    config: runConfigSchema.parse({
      ...config,
      name: `${config.name}, ${options.scorer}`.slice(0, 120),
      scorer: options.scorer,
      judge: {
        ...config.judge,
        ...(options.judge !== undefined && { model: options.judge }),
        ...(options.judgeEndpoint !== undefined && { endpoint: options.judgeEndpoint }),
      },
      reuse: { episodesOf: answeredId, keepAnswers: true },
      matchRun: null,
    }),
  });
  printLaunched(context, { id }, { json: options.json, goesOn: true });
  await followRun(context, id, options.json);
  return id;
}

/** Prints the mean of every scorer, over how many answers it is, and how many questions have none. */
async function printScores(
  { client, print, printJson }: CommandContext,
  runId: string,
  json = false,
): Promise<void> {
  const [summary, failures, agreement] = await Promise.all([
    client.scores.summary.query({ runId }),
    client.scores.failures.query({ runId }),
    client.scores.agreement.query({ runId }),
  ]);
  if (json) return printJson({ runId, ...summary, failures, agreement });
  print(
    formatTable(
      ["scorer", "mean", "answers"],
      summary.scorers.map(({ scorer, mean, scored }) => [scorer, formatShare(mean), scored]),
    ),
  );
  print(
    `${summary.answered} of ${summary.questions} questions answered${summary.missing > 0 ? `; ${summary.missing} are missing and count nowhere` : ""}`,
  );
  for (const { questionId, reason } of failures.slice(0, 10)) print(`${questionId}: ${reason}`);
  for (const { scorer, replies, unread } of summary.unread)
    print(
      `${scorer}: ${unread} of ${replies} replies of the judge (${formatShare(unread / replies)}) said neither yes nor no and count as no`,
    );
  for (const { judge, span, judgeAndSpan } of agreement)
    print(
      `${judge} and ${span} agree on ${formatShare(judgeAndSpan.observed)} (kappa ${judgeAndSpan.kappa?.toFixed(2) ?? "–"})`,
    );
}
