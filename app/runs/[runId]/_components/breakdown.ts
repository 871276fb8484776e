import { definePart } from "@/app/_statistics/attribution";

/** Filters of episodes.list whose totals make up the breakdown. */
export const COUNTED = ["all", "correct", "wrong", "gained", "lost"] as const;
export type Counted = (typeof COUNTED)[number];

export interface Part extends ReturnType<typeof definePart> {
  count: number;
}

export interface Breakdown {
  total: number;
  correct: number;
  /** Against naive RAG, where it was answered as well. */
  quadrants: Part[];
}

/** Computes the four quadrants: both right = right − gained, both wrong = wrong − lost. */
export function computeBreakdown(counts: Record<Counted, number>): Breakdown {
  return {
    total: counts.all,
    correct: counts.correct,
    quadrants: [
      { ...definePart("both-right", 1, "correct"), count: counts.correct - counts.gained },
      { ...definePart("gained", 3), count: counts.gained },
      { ...definePart("lost", 2), count: counts.lost },
      { ...definePart("both-wrong", 7, "wrong"), count: counts.wrong - counts.lost },
    ],
  };
}
