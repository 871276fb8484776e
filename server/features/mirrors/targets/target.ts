import type { LogLine } from "@/contracts/worker-protocol/reports";
import type { MetricPoint } from "@/contracts/records/metric-point";
import type { RunKind, RunState } from "@/contracts/records/run-state";

/** What a mirror tells of a run besides its metrics. */
export interface MirroredRun {
  id: string;
  name: string;
  kind: RunKind;
  state: RunState;
  attempt: number;
  config: object;
  tags: readonly string[];
  error: string | null;
  startedAt: Date;
  /** Null while it goes on. */
  endedAt: Date | null;
}

/** Where the points of a run lie in a target, as the target needs it to go on. It is stored. */
export type Place = Readonly<Record<string, string | number>>;

/** Where a target stands after it took points. */
export interface Appended {
  place: Place;
  /** Lines for the run's own log, which are stored with the position in one transaction. */
  lines?: readonly LogLine[];
}

/**
 * Something that metrics are mirrored to. Each action may be repeated where its end was not seen, from the same place
 * and with the same points, and leaves what it would have left once.
 */
export interface MirrorTarget {
  /** What it is given: points as they come, or only steps that are complete. */
  readonly takes: "points" | "steps";
  /** Whether points that a later attempt replaced are taken back, with a new place for all that survives. */
  readonly takesBack: boolean;
  /** Makes the place of a run. @param generation counts places that the run had before, from 0 */
  open(run: MirroredRun, generation: number): Promise<Place>;
  append(place: Place, run: MirroredRun, points: readonly MetricPoint[]): Promise<Appended>;
  /** Tells the run's state: that it has ended and all its points are there, or that a run which had ended goes on. */
  tell(place: Place, run: MirroredRun): Promise<void>;
  /** Takes a place back, as a later attempt replaced points that lie in it. */
  withdraw(place: Place): Promise<void>;
  /** Tries whether it takes anything, without a run. @throws Error with the reason */
  test(): Promise<void>;
}
