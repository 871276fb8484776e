import { z } from "zod";

/** Files that a run stores on the server, e.g. checkpoints. */

export const artifactFileSchema = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  bytes: z.int().nonnegative(),
  sha256: z.string().length(64),
});

export const artifactManifestSchema = z.object({
  id: z.uuid(),
  kind: z.enum(["checkpoint", "export"]),
  /** Training step the checkpoint was taken after. */
  step: z.int32().nonnegative(),
  files: z.array(artifactFileSchema).min(1),
  metadata: z.record(z.string(), z.unknown()),
});
export type ArtifactManifest = z.infer<typeof artifactManifestSchema>;
