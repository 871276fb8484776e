import { z } from "zod";
import { runStateSchema, runKindSchema } from "@/contracts/records/run-state";
import {
  CONDITION_SIGNS,
  MOST_CHANGED_AT_ONCE,
  MOST_CONDITION_VALUE,
  RUN_COLUMN,
  RUN_SHELVES,
  RUN_SORTS,
  SETTING_PATH,
  TAG,
} from "./run-list-values";

/** What the list of runs can be asked, and how people keep it in order. */

/** A setting's place in a configuration, e.g. "rl.steps", or another trainer's parameter, "param:lr". */
const settingPathSchema = z
  .string()
  .max(SETTING_PATH.most)
  .regex(SETTING_PATH.pattern, "the path of a setting, e.g. rl.steps, or param:NAME");

export const settingConditionSchema = z.object({
  path: settingPathSchema,
  sign: z.enum(CONDITION_SIGNS),
  value: z.string().max(MOST_CONDITION_VALUE),
});
export type SettingCondition = z.infer<typeof settingConditionSchema>;

/**
 * A column that people choose, as text: "last:reward/mean" and "best:reward/mean" show a metric, "setting:rl.steps" a
 * setting, "param:lr" a parameter that another trainer reported.
 */
const runColumnSchema = z
  .string()
  .max(RUN_COLUMN.most)
  .regex(RUN_COLUMN.pattern, "a column is last:METRIC, best:METRIC, setting:PATH or param:NAME");

const tagSchema = z.string().trim().min(1).max(TAG.most).regex(TAG.pattern, "a tag has no comma");

/** An order of the list: one of the fixed ones, or a column's. Runs without a value stand last either way. */
export const runSortSchema = z.union([
  z.enum(RUN_SORTS),
  z.object({ column: runColumnSchema, descending: z.boolean() }),
]);
export type RunSort = z.infer<typeof runSortSchema>;

export const runShelfSchema = z.enum(RUN_SHELVES);
export type RunShelf = z.infer<typeof runShelfSchema>;

/** Which runs: those of a shelf that pass every condition. */
export const runFilterSchema = z.object({
  states: z.array(runStateSchema).optional(),
  kinds: z.array(runKindSchema).optional(),
  /** Part of the name, of a tag or of the notes, or the beginning of the id. */
  text: z.string().max(200).optional(),
  /** Each of these tags. */
  tags: z.array(tagSchema).max(20).optional(),
  preset: z.string().max(100).optional(),
  /** Each of these conditions. */
  settings: z.array(settingConditionSchema).max(20).optional(),
  shelf: runShelfSchema.default("listed"),
});
export type RunFilter = z.output<typeof runFilterSchema>;

export const listRunsRequestSchema = runFilterSchema.extend({
  /** Further values of each row. */
  columns: z.array(runColumnSchema).max(20).default([]),
  /** One row for each sweep: its first run that passes the filter represents all of them. */
  foldSweeps: z.boolean().default(false),
  sort: runSortSchema.default("newest"),
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

/** Ids of the runs that pass a filter, newest first: `MOST_MATCHING` at most. */
export const matchingRunsResponseSchema = z.object({ ids: z.array(z.uuid()) });

/** Values of the chosen columns; one that a run does not have is left out. */
export const columnValuesSchema = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.boolean(), z.null()]),
);
export type ColumnValues = z.infer<typeof columnValuesSchema>;

/** What filters and columns can be chosen from. */
export const runFacetsResponseSchema = z.object({
  tags: z.array(z.string()),
  presets: z.array(z.string()),
  /** Names of all metrics that were ever reported. */
  metrics: z.array(z.string()),
  /** Names of parameters that other trainers reported. */
  parameters: z.array(z.string()),
});

/** Changes of runs; what is left out stays. A name and notes are of one run. */
export const updateRunsRequestSchema = z
  .object({
    ids: z.array(z.uuid()).min(1).max(MOST_CHANGED_AT_ONCE),
    name: z.string().trim().min(1, "give it a name").max(200).optional(),
    notes: z.string().max(20_000).optional(),
    addTags: z.array(tagSchema).max(20).optional(),
    removeTags: z.array(tagSchema).max(20).optional(),
    archived: z.boolean().optional(),
    /** True: hidden now, undone by false, and for good some days later. */
    deleted: z.boolean().optional(),
  })
  .refine(
    ({ ids, name, notes }) => ids.length === 1 || (name === undefined && notes === undefined),
    "a name and notes are of one run",
  );
export type UpdateRunsRequest = z.infer<typeof updateRunsRequestSchema>;

export const updateRunsResponseSchema = z.object({ changed: z.int() });
