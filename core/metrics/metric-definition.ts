/** What a value counts. Shares are 0..1. */
export type MetricUnit =
  | "number"
  | "share"
  | "count"
  | "tokens"
  | "seconds"
  | "milliseconds"
  | "perSecond"
  | "mebibytes"
  | "usDollars"
  | "watts"
  | "wattHours";

/**
 * Parts of all questions, by who answers them: searcher and naive RAG, the searcher alone, naive RAG alone, neither. In the
 * order in which charts stack them.
 */
export const QUADRANTS = ["both-right", "gained", "lost", "both-wrong"] as const;
export type Quadrant = (typeof QUADRANTS)[number];

export type MetricRole =
  /** The one number of a run in a list. */
  | "headline"
  /** What runs of a sweep are compared by first. */
  | "outcome"
  /** What the outcome is compared with: naive RAG. */
  | "reference"
  /** Says first whether a search agent learns, and why not: it stands before all others, and so does its chart. */
  | "key"
  /** Printed while a run is followed on the command line. */
  | "progress"
  /** Shows early that training or a service goes wrong. */
  | "health"
  /** Share of the questions in this quadrant. */
  | Quadrant;

export interface MetricDefinition {
  description: string;
  unit: MetricUnit;
  /** Null where neither direction is better, e.g. of a learning rate. */
  better: "higher" | "lower" | null;
  roles: readonly MetricRole[];
  /** Short name in lists; absent: the last part of the metric's name. */
  label?: string;
}

/** Defines metrics of a unit; their direction is null unless given. */
const defineUnit =
  (unit: MetricUnit) =>
  (
    description: string,
    better: MetricDefinition["better"] = null,
    ...roles: MetricRole[]
  ): MetricDefinition => ({ description, unit, better, roles });
export const number = defineUnit("number");
export const share = defineUnit("share");
export const count = defineUnit("count");
export const tokens = defineUnit("tokens");
export const seconds = defineUnit("seconds");
export const milliseconds = defineUnit("milliseconds");
export const perSecond = defineUnit("perSecond");
export const mebibytes = defineUnit("mebibytes");
export const usDollars = defineUnit("usDollars");
export const watts = defineUnit("watts");
export const wattHours = defineUnit("wattHours");
