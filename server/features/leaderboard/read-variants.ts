import { runConfigSchema } from "@/contracts/run-config/run-config";
import { answersItself } from "@/core/comparability/comparability";
import type { Queries } from "@/server/platform/db/database";
import {
  describeImportedVariant,
  describeVariant,
  type Checkpoint,
  type MethodVariant,
  type VariantSource,
} from "./method-variant";
import { selectCheckpoints } from "./queries";

/** The method variants of results, in their order. */
export async function readVariants(
  db: Queries,
  results: readonly VariantSource[],
): Promise<MethodVariant[]> {
  const checkpoints = await readCheckpoints(
    db,
    results.flatMap(({ config }) => config.searcher.checkpoint ?? []),
  );
  return results.map(({ config, importedFrom, promptStyle }) => {
    const { checkpoint } = config.searcher;
    if (importedFrom !== null) return describeImportedVariant(config, importedFrom);
    return describeVariant(
      config,
      checkpoint === null ? null : (checkpoints.get(checkpoint) ?? null),
      answersItself(config) ? promptStyle : null,
    );
  });
}

/** Checkpoints by their id; what is none of a training run is left out. */
async function readCheckpoints(
  db: Queries,
  ids: readonly string[],
): Promise<Map<string, Checkpoint>> {
  if (ids.length === 0) return new Map();
  const rows = await selectCheckpoints(db, ids);
  return new Map(
    rows.flatMap(({ config: stored, ...row }) => {
      const { data: config } = runConfigSchema.safeParse(stored);
      return config?.kind === "train" ? [[row.id, { ...row, config }] as const] : [];
    }),
  );
}
