import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { answer } from "@/contracts/episode";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { UNWATCHED, watchState } from "./alarms/watch";

/**
 * What a checkpoint holds beside the engine's state (weights, optimiser, snapshots): enough that a resumed run does
 * exactly what an undisturbed one would have done. Random numbers need no state, their seeds are derived.
 */
export const trainerState = z.strictObject({
  version: z.literal(1),
  /** Training steps done; 0: the cold start is done. */
  step: z.int().nonnegative(),
  /** Position in the pool of training questions. */
  cursor: z.int().nonnegative(),
  /** Of the weights beside this file, so that a mixed-up folder is noticed. */
  weightsHash: z.string(),
  /** The generator's answers so far. */
  answers: z.array(answer),
  /** What the alarms have seen; a checkpoint from before there were alarms has none. */
  alarms: watchState.default(UNWATCHED),
});
export type TrainerState = z.infer<typeof trainerState>;

export const TRAINER_FILE = "trainer.json";

export const writeTrainerState = (directory: string, state: TrainerState): Promise<void> => writeFile(join(directory, TRAINER_FILE), JSON.stringify(state));

/** Throws `not-found` or `invalid-input` where the folder is no checkpoint of a training run. */
export async function readTrainerState(directory: string): Promise<TrainerState> {
  const text = await readFile(join(directory, TRAINER_FILE), "utf8").catch((cause: unknown) => {
    throw new AppError("not-found", `The checkpoint has no ${TRAINER_FILE}: it cannot be resumed.`, { cause });
  });
  return parseOrThrow(trainerState, JSON.parse(text) as unknown, TRAINER_FILE);
}
