/** What a setting's `meta` holds: the form and the documentation are drawn from it. */
export type SettingMeta = {
  title: string;
  description: string;
  /** Value in the paper or its released training script, for comparison. */
  paper?: string;
  /** Shown only on request. */
  advanced?: boolean;
};

export const explain = (
  title: string,
  description: string,
  rest: Omit<SettingMeta, "title" | "description"> = {},
): SettingMeta => ({ title, description, ...rest });
