import type { z } from "zod";
import { METHODS } from "@/contracts/config/method";
import { AppError } from "@/contracts/errors";
import { presetById } from "@/contracts/presets";
import { predictConfig, runConfig, type PredictConfig } from "@/contracts/run-config";
import type { launchMethodsRequest, launchMethodsResponse } from "@/server/api/leaderboard/launch";
import type { Database } from "@/server/db/database";
import type { Launcher } from "@/server/runs/launcher";
import { entryOf } from "./entry";

interface Parts {
  database: Database;
  launcher: Launcher;
  /** Complete results with the configurations they came from. */
  results: () => Promise<{ runId: string; config: PredictConfig }[]>;
}

/** Preset whose corpus, generator and retriever are taken where no run says. */
const BASE_PRESET = "atlas-s3";

/** What must be equal so that the results can be ranked together. */
const comparable = (c: PredictConfig): string => JSON.stringify([c.questions, c.limit, c.corpus, c.generator, c.scorer, c.method === "gold" ? null : c.retriever]);

/** Queues a predict run for each method that has neither a complete result nor a run on its way to one. */
export async function launchMissing({ database, launcher, results }: Parts, { methods, like, questions, limit }: z.output<typeof launchMethodsRequest>, actor: string): Promise<z.infer<typeof launchMethodsResponse>> {
  const base = like ? await configOf(database, like) : presetConfig();
  const wanted = methods.map((method) =>
    predictConfig.parse({
      ...base,
      method,
      questions,
      limit,
      matchRun: null,
      reuse: {},
      name: `${METHODS[method].title}, ${questions}${limit === null ? "" : `, first ${limit}`}`.slice(0, 120),
      // Where a method may answer itself or not, the frozen generator answers: else it would be compared with another one.
      methodSettings: { ...base.methodSettings, answeredBy: "generator", promptTemplate: base.method === method ? base.methodSettings.promptTemplate : null },
      searcher: method === "s3" ? base.searcher : { ...base.searcher, checkpoint: null },
    }),
  );
  const running = await database.db.$queryRaw<{ runId: string; config: unknown }[]>`
    SELECT id AS "runId", config FROM runs WHERE kind = 'predict' AND state IN ('queued', 'leased', 'preparing', 'running')`;
  const underWay = running.flatMap(({ runId, config }) => {
    const parsed = predictConfig.safeParse(config);
    return parsed.success ? [{ runId, config: parsed.data }] : [];
  });
  const there = [...(await results()), ...underWay];
  // All are checked before the first is queued: nothing is half launched.
  for (const config of wanted) await launcher.requireReferences(config);
  const launched: z.infer<typeof launchMethodsResponse>["launched"] = [];
  const present: typeof launched = [];
  for (const config of wanted) {
    const found = there.find((r) => sameMethod(r.config, config) && comparable(r.config) === comparable(config));
    if (found) present.push({ method: config.method, runId: found.runId });
    else launched.push({ method: config.method, runId: (await launcher.launch(config, { actor, preset: null })).id });
  }
  return { launched, present };
}

/** Whether both give the same row of the leaderboard. */
const sameMethod = (a: PredictConfig, b: PredictConfig): boolean => entryOf(a, null).id === entryOf(b, null).id;

async function configOf(database: Database, runId: string): Promise<PredictConfig> {
  const [row] = await database.db.$queryRaw<{ config: unknown }[]>`SELECT config FROM runs WHERE id = ${runId}::uuid`;
  if (!row) throw new AppError("not-found", `There is no run ${runId}.`);
  const config = runConfig.parse(row.config);
  if (config.kind !== "predict") throw new AppError("invalid-input", "Only a predict run's settings can be taken over.");
  return config;
}

function presetConfig(): PredictConfig {
  const config = runConfig.parse(presetById(BASE_PRESET)?.config);
  if (config.kind !== "predict") throw new AppError("internal", `The preset ${BASE_PRESET} is not a predict run.`);
  return config;
}
