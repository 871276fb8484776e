import type { PassState } from "@/contracts/api/pass-rates";

/** How a question fares over the steps of a training run. Pure. */

/** One step's samples of a question that have a score, and how many of them are right. */
export interface Visit {
  passed: number;
  samples: number;
}

/** A question that was right in at least this share of a visit's samples can be forgotten. */
const KNOWN_RATE = 0.5;
const LAST_VISITS = 2;

/** What each state means; the page says it. */
export const PASS_STATE_MEANINGS: Readonly<Record<PassState, string>> = {
  forgotten:
    "an earlier visit was right in at least half of its samples; the last two together are in less than half of that share",
  dead: "no sample of any visit is right",
  learning: "right in some samples, and neither mastered nor forgotten",
  mastered: "every sample of the last two visits is right",
  "seen-once": "one visit, which tells no course",
};

/** Tells a question's state from its visits, in the order of steps. Visits without samples are no visits. */
export function classifyPassRates(visits: readonly Visit[]): PassState {
  const seen = visits.filter(({ samples }) => samples > 0);
  if (seen.length < 2) return "seen-once";
  if (seen.every(({ passed }) => passed === 0)) return "dead";
  const last = seen.slice(-LAST_VISITS);
  const rate =
    last.reduce((sum, { passed }) => sum + passed, 0) /
    last.reduce((sum, { samples }) => sum + samples, 0);
  if (rate === 1) return "mastered";
  const best = seen
    .slice(0, -LAST_VISITS)
    .reduce((most, { passed, samples }) => Math.max(most, passed / samples), 0);
  return best >= KNOWN_RATE && rate < best / 2 ? "forgotten" : "learning";
}
