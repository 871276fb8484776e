import type { AlarmName, RaisedAlarm } from "@/contracts/records/alarms";
import { ALARMS, formatAlarmEvidence } from "@/core/metrics/alarms";
import { AppError } from "@/contracts/errors";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import type { MetricValues } from "@/gpu-workers/rl/metric-values";
import { updateAlarms, INITIAL_ALARM_STATE, type AlarmState } from "@/core/alarms/alarm-state";

/** Watches the metrics of one run: reports the alarms that they raise and clear, and decides whether the run must stop. */
export class AlarmMonitor {
  private currentState: AlarmState = INITIAL_ALARM_STATE;
  private cause: RaisedAlarm | null = null;

  constructor(
    private readonly context: Pick<AttemptContext, "report" | "log">,
    private readonly config: Pick<TrainConfig, "alarms" | "rl">,
    private readonly heldOutQuestions: number,
  ) {}

  /** For a checkpoint. */
  get state(): AlarmState {
    return this.currentState;
  }

  /**
   * Restores the state of a checkpoint. An alarm that is raised in it does not stop the run again: a user who resumes the
   * run unchanged has decided to continue.
   */
  restore(state: AlarmState): void {
    this.currentState = state;
  }

  /** Takes the metrics of each step and each evaluation, once. */
  async observe(values: MetricValues, step: number): Promise<void> {
    const { rl, alarms } = this.config;
    const { algorithm, groupSize, gradientClip } = rl;
    const { state, changes } = updateAlarms(this.currentState, values, step, {
      algorithm,
      groupSize,
      gradientClip,
      heldOutQuestions: this.heldOutQuestions,
    });
    this.currentState = state;
    if (changes.length === 0) return;
    await this.context.report({ kind: "alarms", changes });
    for (const change of changes) {
      const { title } = ALARMS[change.name];
      if (change.to === "cleared")
        this.context.log("info", `Alarm cleared after step ${step}: ${title}.`);
      else {
        this.context.log("warn", `Alarm after step ${step}: ${title}. ${formatEvidence(change)}`);
        const { stopOn }: { stopOn: Partial<Record<AlarmName, boolean | undefined>> } = alarms;
        if (stopOn[change.name]) this.cause ??= change;
      }
    }
  }

  /** Whether an alarm was raised on which the configuration tells the run to stop. */
  get shouldStop(): boolean {
    return this.cause !== null;
  }

  /** The error that ends the run, after it has saved the checkpoint of `step`. */
  buildStopError(step: number): AppError {
    if (this.cause === null)
      throw new AppError("internal", "No alarm was raised on which the run must stop.");
    const { title, remedy } = ALARMS[this.cause.name];
    return new AppError(
      "alarm",
      `Stopped on an alarm after step ${this.cause.step}: ${title}. ${formatEvidence(this.cause)}\nWhat mends it: ${remedy}\nThe checkpoint after step ${step} was saved first. Resumed unchanged, the run goes on from there, and this alarm does not stop it again unless it is raised anew.`,
    );
  }
}

const formatEvidence = ({ evidence }: RaisedAlarm): string =>
  `${evidence.map(formatAlarmEvidence).join(". ")}.`;
