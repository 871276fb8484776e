import type pg from "pg";
import { insertPredictions, insertQuestionSet } from "../rows/predictions";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import { findPreset } from "@/core/presets/run-presets";
import { formatJudgedId } from "@/core/scoring/judged-scoring";
import { formatRuleId } from "@/core/scoring/rule-scoring";
import { RunStatistics } from "@/server/features/leaderboard/run-statistics";
import { Database } from "@/server/platform/db/database";
import { SIZES } from "./sizes";

/** The set whose results are compared, and labelled: a judge has scored them, too. */
export const COMPARED_SET = "atlas/held-out";
const SETS = [COMPARED_SET, "bench-1", "bench-2", "bench-3", "bench-4"];
const SPAN = formatRuleId("span");
const JUDGE = formatJudgedId("judge", "1 smollm2-135m-instruct");
/** Share of the answers on which the judge says otherwise than the span rule. */
const DISAGREEMENT = 0.1;

/** The predict run of the number: each method with several settings, each setting with several seeds. */
function buildConfig(number: number): RunConfigInput & { kind: "predict" } {
  const preset = findPreset("atlas-rag")?.config as RunConfigInput & { kind: "predict" };
  const variant = Math.floor(number / SETS.length);
  const methods = ["rag", "ircot", "s3", "cot"] as const;
  const method = methods[variant % methods.length]!;
  const setting = 1 + (Math.floor(variant / methods.length) % 5);
  return {
    ...preset,
    method,
    questions: SETS[number % SETS.length]!,
    documents: setting,
    search: { ...preset.search, turns: setting },
    seed: Math.floor(variant / (methods.length * 5)),
    limit: null,
  };
}

/**
 * Gives the newest predict runs that ended well results on question sets. Statistics are made by `refreshStatistics`.
 *
 * @param client with checks and triggers off
 */
export async function fillResults(client: pg.Client): Promise<void> {
  const sets = new Map<string, string>();
  for (const name of SETS)
    sets.set(name, await insertQuestionSet(client, { name, questions: SIZES.resultQuestions }));
  const { rows } = await client.query<{ id: string }>(
    "SELECT id FROM runs WHERE kind = 'predict' AND state = 'succeeded' ORDER BY created_at DESC LIMIT $1",
    [SIZES.results],
  );
  for (const [number, { id }] of rows.entries()) {
    const config = runConfigSchema.parse(buildConfig(number));
    if (config.kind !== "predict") throw new Error("The preset atlas-rag is no predict run.");
    const setId = sets.get(config.questions)!;
    await client.query("UPDATE runs SET config = $2 WHERE id = $1", [id, JSON.stringify(config)]);
    await client.query("INSERT INTO run_question_sets VALUES ($1, $2, $3)", [
      id,
      config.questions,
      setId,
    ]);
    await insertPredictions(client, {
      runId: id,
      setId,
      questions: SIZES.resultQuestions,
      method: config.method,
      scorer: SPAN,
      chance: 0.3 + (0.4 * number) / rows.length,
    });
  }
  await client.query(
    "INSERT INTO scores (answer_id, set_id, question_id, scorer, value) SELECT answer_id, set_id, question_id, $2, CASE WHEN random() < $3 THEN 1 - value ELSE value END FROM scores WHERE set_id = $1",
    [sets.get(COMPARED_SET), JUDGE, DISAGREEMENT],
  );
}

/** Makes the statistics of all results, as the server does when they land. */
export async function refreshStatistics(url: string): Promise<void> {
  const database = new Database(url);
  try {
    await new RunStatistics(database).refresh();
  } finally {
    await database.close();
  }
}
