import { z } from "zod";
import { defineSetting } from "./setting";

export const nameSchema = defineSetting(
  z.string().trim().min(1, "give the run a name").max(120),
  "Name",
  "How the run is listed.",
);

export const seedSchema = defineSetting(
  z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0),
  "Seed",
  "Same seed, same machine: same episodes and weights.",
);

/** The name of something stored, e.g. of a worker or an API key; null: none. */
export const optionalNameSchema = z.string().trim().min(1).max(120).nullable().default(null);

/** Pins a run to one worker. */
export const workerSchema = defineSetting(
  optionalNameSchema,
  "Worker",
  "Name or id of the worker that takes it, as the Workers page shows it; empty: any that can.",
);
