import { z } from "zod";

/** A run's id, with hyphens as we write it or without them as MLflow does; read as we write it. */
export const runIdSchema = z
  .string()
  .regex(
    /^[0-9a-f]{32}$|^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    "no id of a run: 32 hex digits",
  )
  .transform((text) =>
    text
      .toLowerCase()
      .replaceAll("-", "")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  );
