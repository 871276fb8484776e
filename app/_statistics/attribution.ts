import type { LeaderboardCell } from "@/app/_lib/trpc";

type Shares = LeaderboardCell["attribution"];

/** Where answers were lost, in the order of the stages; the same colours as on the run's page. */
export const ATTRIBUTION_PARTS = [
  {
    key: "correct",
    label: "Correct",
    colour: "var(--series-1)",
    filter: "correct",
    meaning: "the answer is right",
  },
  {
    key: "neverRetrieved",
    label: "Never retrieved",
    colour: "var(--series-2)",
    filter: "never-retrieved",
    meaning: "some gold document was in no window",
  },
  {
    key: "notSelected",
    label: "Not selected",
    colour: "var(--series-5)",
    filter: "not-selected",
    meaning: "retrieved, but not handed over",
  },
  {
    key: "generatorFailed",
    label: "Generator failed",
    colour: "var(--series-4)",
    filter: "generator-failed",
    meaning: "it had the gold documents and answered wrong",
  },
  {
    key: "scorerDoubtful",
    label: "Scorer doubtful",
    colour: "var(--series-6)",
    filter: "scorer-doubtful",
    meaning: "wrong, while two judging scorers differ",
  },
  {
    key: "noGold",
    label: "Not known",
    colour: "var(--series-7)",
    filter: "wrong",
    meaning: "the question names no gold documents",
  },
] as const satisfies readonly {
  key: keyof Shares;
  label: string;
  colour: string;
  filter: string;
  meaning: string;
}[];

export const sumAttribution = (shares: Shares): number =>
  ATTRIBUTION_PARTS.reduce((sum, { key }) => sum + shares[key], 0);
