/** One value of a series, as a chart reads it. */
export interface Point {
  step: number;
  value: number;
  /** Extremes where the point stands for several. */
  min?: number;
  max?: number;
  /** How many reported points it stands for; absent: one. */
  count?: number;
  /** When it was reported: milliseconds since the epoch. */
  at?: number;
  /** Interval around a mean; null where it has none. */
  band?: readonly [number, number] | null;
  /** How many runs have a value here, of a mean of runs. */
  n?: number;
  /** Differs from the point before where the mean is of other runs: no line is drawn across. */
  stretch?: number;
}
