import type { z } from "zod";

/** What a setting's `meta` holds: the form and the documentation are drawn from it. */
export type SettingMeta = {
  title: string;
  description: string;
  /** Value in the paper or its released training script, for comparison. */
  paper?: string;
  /** Shown only on request. */
  advanced?: boolean;
};

/** A setting: its schema with the title and meaning that form and documentation show. */
export const defineSetting = <S extends z.ZodType>(
  schema: S,
  title: string,
  description: string,
  rest: Omit<SettingMeta, "title" | "description"> = {},
): S => schema.meta({ title, description, ...rest });
