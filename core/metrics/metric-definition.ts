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

export type MetricRole =
  /** The one number of a run in a list. */
  | "headline"
  /** What runs of a sweep are compared by first. */
  | "outcome"
  /** What the outcome is compared with: naive RAG. */
  | "reference"
  /** Printed while a run is followed on the command line. */
  | "progress"
  /** Shows early that training or a service goes wrong. */
  | "health"
  /** Time, memory, tokens, searches or money. */
  | "cost"
  /** Who answers, as a share of the questions; `quadrant-metrics.ts` says which of the four. */
  | "quadrant";

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
