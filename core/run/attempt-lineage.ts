/**
 * Which points of which attempt survive. An attempt that goes on from step n replaces all that earlier attempts did
 * after n; one that starts from the beginning replaces them altogether. Readers keep a point of attempt a at step s
 * exactly when s <= cut(a), so a resumed run gives one curve.
 */
export interface LineageAttempt {
  number: number;
  /** Step of the checkpoint it went on from; null: from the beginning. */
  fromStep: number | null;
}

export interface LineageOptions {
  /** A train run's attempts share the axis of its checkpoints; the others go on where the stored results end. */
  kind: "train" | "other";
  /** True for a series that does not count training steps (cold-start/*), so that a checkpoint's step does not apply to it. */
  ownAxis: boolean;
  /** First step that an attempt reported itself for this series, where it reported any. */
  firstSteps: ReadonlyMap<number, number>;
}

/** Largest step that survives, by attempt: Infinity for all, -1 for none. */
export function computeLineageCuts(
  attempts: readonly LineageAttempt[],
  options: LineageOptions,
): Map<number, number> {
  const cuts = new Map<number, number>();
  let cut = Number.POSITIVE_INFINITY;
  for (const attempt of [...attempts].sort((a, b) => b.number - a.number)) {
    cuts.set(attempt.number, cut);
    // What this attempt leaves of the ones before it.
    if (options.kind === "train") {
      if (attempt.fromStep === null) cut = -1;
      else if (!options.ownAxis) cut = Math.min(cut, attempt.fromStep);
    }
    const first = options.firstSteps.get(attempt.number);
    if (first !== undefined) cut = Math.min(cut, first - 1);
  }
  return cuts;
}

/** Metrics that count their own batches instead of training steps. */
export const hasOwnAxis = (name: string): boolean => name.startsWith("cold-start/");
