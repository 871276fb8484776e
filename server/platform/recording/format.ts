import { z } from "zod";

/**
 * Version of the recordings that the tests need. Raise it when the file format changes, or when a
 * test needs something that the recorded session did not do; then run `npm run record`.
 */
export const RECORDING_VERSION = 2;

const fileSchema = z.strictObject({ name: z.string(), bytes: z.int() });

/**
 * First line of a recording, which is gzipped text. After it come the rows of every table in the
 * order of `tables`, one JSON object a line as PostgreSQL writes it, then the content of every file
 * in `files`, one base64 line each.
 */
export const recordingManifestSchema = z.strictObject({
  version: z.int(),
  /** Newest migration of the recorded database. */
  migration: z.string(),
  /** Program and version that was recorded. */
  madeBy: z.string(),
  tables: z.array(z.strictObject({ name: z.string(), rows: z.int() })),
  /** Artifact files that are in the recording, by their names in the artifact store. */
  files: z.array(fileSchema),
  /** Artifact files that are not: weights and optimiser states. */
  leftOut: z.array(fileSchema),
});
export type RecordingManifest = z.infer<typeof recordingManifestSchema>;

/** A session time zone of its own, so that timestamps are written the same everywhere. */
export const SESSION_SETTINGS = "SET TIME ZONE 'UTC'; SET extra_float_digits = 1";

/** Quotes an SQL identifier. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
