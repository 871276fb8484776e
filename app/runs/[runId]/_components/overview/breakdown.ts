import { definePart } from "@/app/_statistics/attribution";

/** Filters of episodes whose totals make up the breakdown. */
export const COUNTED = ["all", "correct", "both-right", "gained", "lost", "both-wrong"] as const;
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

/** The four quadrants, each of the episodes that its filter lists. */
export const computeBreakdown = (counts: Record<Counted, number>): Breakdown => ({
  total: counts.all,
  correct: counts.correct,
  quadrants: [
    { ...definePart("both-right", 1), count: counts["both-right"] },
    { ...definePart("gained", 3), count: counts.gained },
    { ...definePart("lost", 2), count: counts.lost },
    { ...definePart("both-wrong", 7), count: counts["both-wrong"] },
  ],
});
