import type { z } from "zod";

/** What a setting's `meta` holds: the form and the documentation are drawn from it. */
export type SettingMeta = {
  title: string;
  description: string;
  /** Value in the paper or its released training script, for comparison. */
  paper?: string;
  /** Shown only on request. */
  advanced?: boolean;
  /** What a setting that is left out means (`defineLaterSetting`). */
  whenAbsent?: unknown;
};

/** A setting: its schema with the title and meaning that form and documentation show. */
export const defineSetting = <S extends z.ZodType>(
  schema: S,
  title: string,
  description: string,
  rest: Omit<SettingMeta, "title" | "description"> = {},
): S => schema.meta({ title, description, ...rest });

/**
 * A setting that came after configurations were stored: with the value that it had before it existed it is left out, so
 * that configurations and their hashes keep their form. Readers write `config.setting ?? fallback`.
 */
export const defineLaterSetting = <S extends z.ZodType>(
  schema: S,
  fallback: z.output<S>,
  title: string,
  description: string,
  rest: Omit<SettingMeta, "title" | "description" | "whenAbsent"> = {},
) =>
  schema
    .transform((value) => (value === fallback ? undefined : value))
    .optional()
    .meta({ title, description, ...rest, whenAbsent: fallback });
