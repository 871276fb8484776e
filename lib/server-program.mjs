import { resolveInRoot } from "./paths.mjs";

/**
 * How Node.js runs the server: with a small space for young objects and few arenas of malloc, which together hold 50 MB
 * less than the defaults while nothing happens, and cost no time that could be measured; and without source maps of
 * packages, 25 MB more. It may collect its garbage itself (server/http/collect-when-idle.ts).
 */
export const SERVER_ARGUMENTS = [
  "--max-semi-space-size=16",
  "--expose-gc",
  "--import",
  new URL("own-source-maps.mjs", import.meta.url).href,
  "--import",
  "tsx",
  resolveInRoot("server", "main.ts"),
];

/** Variables that must be set before the process begins; those that are set already stay. */
export const SERVER_VARIABLES = { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? "2" };
