/** Values while one types: not yet a configuration. */
export type Draft = Record<string, unknown>;
