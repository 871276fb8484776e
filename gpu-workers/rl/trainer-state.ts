import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { answerSchema } from "@/contracts/records/episode";
import { AppError, parseOrThrow } from "@/contracts/errors";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { INITIAL_ALARM_STATE, alarmStateSchema } from "@/core/alarms/alarm-state";

/**
 * What a checkpoint holds in addition to the engine's state (weights, optimiser, snapshots), so that a resumed run does
 * exactly what an uninterrupted one would have done. Random numbers need no state, because their seeds are derived.
 */
export const trainerStateSchema = z.strictObject({
  /** 1: written before critics existed. */
  version: z.union([z.literal(1), z.literal(2)]),
  /** Training steps done; 0: only the cold start is done. */
  step: z.int().nonnegative(),
  /** Position in the pool of training questions. */
  cursor: z.int().nonnegative(),
  /** Hash of the weights in the same folder, so that a mixed-up folder is noticed. */
  weightsHash: z.string(),
  /** Hash of the critic's weights; null where the algorithm has none. */
  criticHash: z.string().nullable().default(null),
  /** KL coefficient, which may have adapted; null: that of the configuration. */
  klCoefficient: z.number().nonnegative().nullable().default(null),
  /** Skipped steps in a row up to this one. */
  skipped: z.int().nonnegative().default(0),
  /** Every answer of the generator so far. */
  answers: z.array(answerSchema),
  /** Absent in checkpoints written before alarms existed. */
  alarms: alarmStateSchema.default(INITIAL_ALARM_STATE),
});
export type TrainerState = z.infer<typeof trainerStateSchema>;

export const TRAINER_FILE = "trainer.json";

/** @throws AppError "storage-full" where the disk is full, as the engine does for its part of the checkpoint */
export async function writeTrainerState(directory: string, state: TrainerState): Promise<void> {
  await writeFile(join(directory, TRAINER_FILE), JSON.stringify(state)).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOSPC" && cause.code !== "EDQUOT") throw cause;
      throw new AppError(
        "storage-full",
        `There is no space left to write ${TRAINER_FILE}; the last stored checkpoint is unchanged. Free some space, then resume the run.`,
        { cause },
      );
    },
  );
}

/** @throws AppError "not-found" or "invalid-input" where the folder is no checkpoint of a training run */
export async function readTrainerState(directory: string): Promise<TrainerState> {
  const text = await readFile(join(directory, TRAINER_FILE), "utf8").catch((cause: unknown) => {
    throw new AppError(
      "not-found",
      `The checkpoint has no ${TRAINER_FILE}: it cannot be resumed.`,
      { cause },
    );
  });
  return parseOrThrow(trainerStateSchema, JSON.parse(text) as unknown, TRAINER_FILE);
}

/** A checkpoint is a flat folder, in which the critic's files have this prefix. */
const CRITIC_PREFIX = "critic.";

/** Writes the engine's state of policy and critic (weights, optimiser, snapshots) into the checkpoint's folder. */
export async function saveModels(
  directory: string,
  policy: EngineModel,
  critic: EngineModel | null,
  signal: AbortSignal,
): Promise<Pick<TrainerState, "weightsHash" | "criticHash">> {
  const { hash: weightsHash } = await policy.saveState(directory, { signal });
  if (critic === null) return { weightsHash, criticHash: null };
  const criticDirectory = `${directory}.critic`;
  const { hash: criticHash } = await critic.saveState(criticDirectory, { signal });
  for (const file of await readdir(criticDirectory))
    await rename(join(criticDirectory, file), join(directory, CRITIC_PREFIX + file));
  await rm(criticDirectory, { recursive: true });
  return { weightsHash, criticHash };
}

/**
 * Loads what `saveModels` wrote.
 * @throws AppError "invalid-input" where the weights are not those of the trainer's state, or where the critic that the
 * algorithm needs is missing
 */
export async function loadModels(
  directory: string,
  state: TrainerState,
  policy: EngineModel,
  critic: EngineModel | null,
  signal: AbortSignal,
): Promise<void> {
  const buildDamagedError = (): AppError =>
    new AppError(
      "invalid-input",
      "The checkpoint's weights are not those its trainer state belongs to: the folder is damaged.",
    );
  const { hash } = await policy.loadState(directory, { signal });
  if (hash !== state.weightsHash) throw buildDamagedError();
  if (critic === null) return;
  if (state.criticHash === null)
    throw new AppError(
      "invalid-input",
      "The checkpoint has no critic: its run was not trained by PPO. Set searcher.checkpointState to weights.",
    );
  const criticDirectory = `${directory}.critic`;
  await rm(criticDirectory, { recursive: true, force: true });
  await mkdir(criticDirectory, { recursive: true });
  for (const file of await readdir(directory))
    if (file.startsWith(CRITIC_PREFIX))
      await cp(join(directory, file), join(criticDirectory, file.slice(CRITIC_PREFIX.length)));
  const loaded = await critic.loadState(criticDirectory, { signal });
  await rm(criticDirectory, { recursive: true });
  if (loaded.hash !== state.criticHash) throw buildDamagedError();
}

/** Loads the policy's weights of a checkpoint without its optimiser state: exporting and importing them resets it. */
export async function loadWeightsOnly(
  directory: string,
  policy: EngineModel,
  signal: AbortSignal,
): Promise<void> {
  const exported = `${directory}.weights`;
  await policy.loadState(directory, { signal });
  await policy.export(exported, { signal });
  await policy.importWeights(exported, { signal });
  await rm(exported, { recursive: true });
}
