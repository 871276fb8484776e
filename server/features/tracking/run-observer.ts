import type { MetricPoint } from "@/contracts/records/metric-point";
import type { ExternalConfig } from "@/contracts/run-config/external-config";
import type { RunSettings } from "@/core/alarms/alarm-rule";
import { INITIAL_ALARM_STATE, updateAlarms, type AlarmState } from "@/core/alarms/alarm-state";
import { matchReportedMetrics } from "@/core/alarms/reported-metrics";
import {
  computeObservedHeldOutMetrics,
  computeObservedTrainingMetrics,
} from "@/core/traces/step-metrics";
import type { Alarms } from "@/server/features/alarms/alarms";
import type { Metrics } from "@/server/features/metrics/metrics";
import { buildMetricsEvent } from "@/server/features/runs/report-ingestion";
import type { Transaction } from "@/server/platform/db/database";
import {
  selectNewestEvaluation,
  selectObservation,
  selectObservedEpisodes,
  selectObservedSteps,
  updateObservation,
  type Observation,
  type ObservedRow,
} from "./trace-queries";

/** Steps that may still get rollouts: trainers that go on while rollouts are made write of two at once. */
const OPEN_STEPS = 2;
const ATTEMPT = 1;
/** What the rules know of a trainer of which nothing is known: groups of several samples, gradients clipped at 1. */
const GROUPED = { algorithm: "grpo", groupSize: 2, gradientClip: 1 } as const;
/** Parameters by which trainers say that a critic takes the place of groups. */
const CRITIC = /(?:^|[./])adv_estimator$/;

/** What the product makes of the runs of other trainers by watching them: metrics of their rollouts, and alarms. */
export class RunObserver {
  constructor(
    private readonly metrics: Metrics,
    private readonly alarms: Alarms,
  ) {}

  /** Judges points that a trainer reported by the rules of alarms. Call it under the run's lock. */
  async observePoints(
    tx: Transaction,
    runId: string,
    config: ExternalConfig,
    points: readonly MetricPoint[],
  ): Promise<void> {
    const observation = await selectObservation(tx.db, runId);
    if (!observation) return;
    const alarms = await this.judge(tx, runId, config, observation, points);
    if (alarms !== observation.alarms)
      await updateObservation(tx.db, runId, { ...observation, alarms });
  }

  /**
   * Sums up the rollouts of steps as metrics, and judges them. Evaluations of a step that was summed up before are summed
   * up again with the next step, when more of them may have come: of two points of a step readers take the later one.
   * Call it under the run's lock.
   *
   * @param isOver also those of steps that may still get some
   * @param evaluated steps of evaluations that were stored since
   */
  async sumUpRollouts(
    tx: Transaction,
    runId: string,
    config: ExternalConfig,
    { isOver, evaluated = [] }: { isOver: boolean; evaluated?: readonly number[] },
  ): Promise<void> {
    const observation = await selectObservation(tx.db, runId);
    if (!observation) return;
    const steps = await selectObservedSteps(tx.db, runId, observation.summedStep);
    const done = isOver ? steps : steps.slice(0, -OPEN_STEPS);
    const late = listLate(observation, evaluated);
    if (late.length > 0 && (isOver || done.length > 0)) {
      observation.alarms = { ...getKnown(observation), late: [] };
      // The newest one again, so that a series' last point stays that of its last step.
      const newest = await selectNewestEvaluation(tx.db, runId, observation.summedStep);
      for (const step of new Set([...late, ...(newest === null ? [] : [newest])]))
        await this.sumUpStep(tx, runId, config, observation, step, ["held-out"]);
    } else if (late.length > 0) observation.alarms = { ...getKnown(observation), late };
    for (const step of done) {
      await this.sumUpStep(tx, runId, config, observation, step, ["train", "held-out"]);
      observation.summedStep = step;
    }
    if (done.length > 0 || late.length > 0) await updateObservation(tx.db, runId, observation);
  }

  /** Reports and judges what phases of a step come to, and notes in the observation what the rules know then. */
  private async sumUpStep(
    tx: Transaction,
    runId: string,
    config: ExternalConfig,
    observation: Observation,
    step: number,
    phases: readonly ObservedRow["phase"][],
  ): Promise<void> {
    const all = await selectObservedEpisodes(tx.db, runId, step);
    const rows = all.filter(({ phase }) => phases.includes(phase));
    const points = this.listPoints(rows, step, observation);
    await this.metrics.append(tx.db, { runId, attempt: ATTEMPT }, points);
    if (points.length > 0) tx.emit(buildMetricsEvent(runId, points));
    const heldOutQuestions = new Set(
      rows.flatMap(({ phase, questionId }) => (phase === "held-out" ? questionId : [])),
    ).size;
    if (heldOutQuestions > 0) observation.alarms = { ...getKnown(observation), heldOutQuestions };
    observation.alarms = await this.judge(tx, runId, config, observation, points);
  }

  /** Points of a step's rollouts. What the trainer reports itself under the same name is its own to say. */
  private listPoints(
    rows: readonly ObservedRow[],
    step: number,
    { reported }: Observation,
  ): MetricPoint[] {
    const listPhase = (phase: ObservedRow["phase"]) =>
      rows
        .filter((row) => row.phase === phase)
        .map(({ right, ...row }) => ({ ...row, isRight: right === null ? null : right === 1 }));
    const [training, heldOut] = [listPhase("train"), listPhase("held-out")];
    const values = {
      ...(training.length > 0 && computeObservedTrainingMetrics(training)),
      ...(heldOut.length > 0 && computeObservedHeldOutMetrics(heldOut)),
    };
    const at = Date.now();
    return Object.entries(values).flatMap(([name, value]) =>
      value === undefined || reported.includes(name) ? [] : { name, step, at, value },
    );
  }

  private async judge(
    tx: Transaction,
    runId: string,
    { parameters }: ExternalConfig,
    observation: Observation,
    points: readonly MetricPoint[],
  ): Promise<Observation["alarms"]> {
    const { alarms, reported } = observation;
    const ours = matchReportedMetrics(new Set([...reported, ...points.map(({ name }) => name)]));
    const usesCritic = Object.entries(parameters).some(
      ([name, value]) => CRITIC.test(name) && value === "gae",
    );
    const heldOutQuestions = alarms?.heldOutQuestions ?? 0;
    const settings: RunSettings = {
      ...GROUPED,
      ...(usesCritic && { algorithm: "ppo" }),
      heldOutQuestions,
    };
    let state = alarms?.state ?? INITIAL_ALARM_STATE;
    for (const [step, values] of groupByStep(points, ours)) {
      const result = updateAlarms(state, keepNew(values, step, state), step, settings);
      state = result.state;
      if (result.changes.length === 0) continue;
      await this.alarms.append(tx.db, { runId, attempt: ATTEMPT }, result.changes);
      tx.emit({
        kind: "alarms",
        runId,
        payload: { names: result.changes.map(({ name }) => name) },
      });
    }
    return state === (alarms?.state ?? INITIAL_ALARM_STATE)
      ? alarms
      : { ...getKnown(observation), state };
  }
}

/** What is kept of a run, from its beginning on. */
const getKnown = ({ alarms }: Observation): NonNullable<Observation["alarms"]> =>
  alarms ?? { state: INITIAL_ALARM_STATE, heldOutQuestions: 0 };

/** Steps to be summed up again, in their order: those noted before, and those of these that were summed up. */
const listLate = ({ alarms, summedStep }: Observation, evaluated: readonly number[]): number[] => [
  ...new Set(
    [...(alarms?.late ?? []), ...evaluated.filter((step) => step <= summedStep)].sort(
      (a, b) => a - b,
    ),
  ),
];

/** Values of each step by our names, the steps in their order. */
function groupByStep(
  points: readonly MetricPoint[],
  ours: ReadonlyMap<string, string>,
): [number, Record<string, number>][] {
  const steps = new Map<number, Record<string, number>>();
  for (const { name, step, value } of points)
    steps.set(step, { ...steps.get(step), [ours.get(name) ?? name]: value });
  return [...steps].sort(([a], [b]) => a - b);
}

/** Values of metrics that the rules have not seen as far as this step: a point that is sent late changes no history. */
const keepNew = (
  values: Readonly<Record<string, number>>,
  step: number,
  { history }: AlarmState,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).filter(([name]) => step > (history[name]?.at(-1)?.step ?? -1)),
  );
