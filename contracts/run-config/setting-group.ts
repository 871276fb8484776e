import { z } from "zod";

/** Settings as forms, the command line and the documentation show them; core/run/settings.ts reads them from their schemas. */

/** How a value is typed in, and within which limits. */
const settingControlSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("number"),
    integer: z.boolean(),
    min: z.number().nullable(),
    max: z.number().nullable(),
    nullable: z.boolean(),
  }),
  z.object({ kind: z.literal("text"), nullable: z.boolean() }),
  z.object({ kind: z.literal("choice"), options: z.array(z.string()) }),
  z.object({ kind: z.literal("switch") }),
]);
export type SettingControl = z.infer<typeof settingControlSchema>;

const settingSchema = z.object({
  /** Dotted path in the configuration, e.g. "rl.steps". */
  path: z.string(),
  meta: z.object({
    title: z.string(),
    description: z.string(),
    paper: z.string().optional(),
    advanced: z.boolean().optional(),
  }),
  /** Undefined where a value must be given. */
  default: z.unknown(),
  control: settingControlSchema,
});
export type Setting = z.infer<typeof settingSchema>;

/** Settings of one kind of a group, e.g. of the retriever `bm25`. */
const settingVariantSchema = z.object({ value: z.string(), settings: z.array(settingSchema) });
export type SettingVariant = z.infer<typeof settingVariantSchema>;

export const settingGroupSchema = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  settings: z.array(settingSchema),
  /** A setting that decides which further settings the group has; null: none does. */
  variant: z.object({ path: z.string(), options: z.array(settingVariantSchema) }).nullable(),
});
export type SettingGroup = z.infer<typeof settingGroupSchema>;
