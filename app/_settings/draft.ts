/** Values while someone types: not yet a configuration. */
export type Draft = Record<string, unknown>;

/** A value as the text of a field; empty where there is none. */
export const formatDraftValue = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
