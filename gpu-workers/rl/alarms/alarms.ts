import { ALARMS, evidenceText, type RaisedAlarm } from "@/contracts/records/alarms";
import { AppError } from "@/contracts/errors";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import type { MetricValues } from "@/gpu-workers/rl/episode-metrics";
import { updateAlarms, INITIAL_ALARM_STATE, type AlarmState } from "./alarm-state";

/** Watches one run's metrics, reports the alarms that they raise and clear, and says when the run is to stop. */
export class AlarmMonitor {
  private watched: AlarmState = INITIAL_ALARM_STATE;
  private cause: RaisedAlarm | null = null;

  constructor(
    private readonly context: Pick<AttemptContext, "report" | "log">,
    private readonly config: Pick<TrainConfig, "alarms" | "rl">,
    private readonly heldOutQuestions: number,
  ) {}

  /** For a checkpoint. */
  get state(): AlarmState {
    return this.watched;
  }

  /**
   * Takes up what an earlier attempt saw. An alarm that stands by then does not stop the run again: who resumes it
   * unchanged has decided to go on.
   */
  restore(state: AlarmState): void {
    this.watched = state;
  }

  /** Call it with each step's and each evaluation's metrics, once. */
  async observe(values: MetricValues, step: number): Promise<void> {
    const { rl, alarms } = this.config;
    const { algorithm, groupSize, gradientClip } = rl;
    const { state, changes } = updateAlarms(this.watched, values, step, {
      algorithm,
      groupSize,
      gradientClip,
      heldOutQuestions: this.heldOutQuestions,
    });
    this.watched = state;
    if (changes.length === 0) return;
    await this.context.report({ kind: "alarms", changes });
    for (const change of changes) {
      const { title } = ALARMS[change.name];
      if (change.to === "cleared")
        this.context.log("info", `Alarm cleared after step ${step}: ${title}.`);
      else {
        this.context.log("warn", `Alarm after step ${step}: ${title}. ${formatEvidence(change)}`);
        if (alarms.stopOn[change.name]) this.cause ??= change;
      }
    }
  }

  /** Whether an alarm was raised that the run is told to stop on. */
  get shouldStop(): boolean {
    return this.cause !== null;
  }

  /** Why the run ends, once it has saved the checkpoint after `step`. */
  buildStopError(step: number): AppError {
    if (this.cause === null)
      throw new AppError("internal", "No alarm was raised that the run is told to stop on.");
    const { title, remedy } = ALARMS[this.cause.name];
    return new AppError(
      "alarm",
      `Stopped on an alarm after step ${this.cause.step}: ${title}. ${formatEvidence(this.cause)}\nWhat mends it: ${remedy}\nThe checkpoint after step ${step} was saved first. Resumed unchanged, the run goes on from there, and this alarm does not stop it again unless it is raised anew.`,
    );
  }
}

const formatEvidence = ({ evidence }: RaisedAlarm): string =>
  `${evidence.map(evidenceText).join(". ")}.`;
