import type { AlarmChange, AlarmName } from "@/contracts/records/alarms";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { AlarmRow } from "@/contracts/api/alarms";
import type { Database, Queries } from "@/server/platform/db/database";
import {
  computeLineageCuts,
  type LineageAttempt,
  type LineageOptions,
} from "@/core/run/attempt-lineage";
import { insertDeliveries } from "@/server/features/notifications/queries";
import { insertAlarmChanges, selectAlarmChanges, type StoredAlarmChange } from "./queries";

/** Alarms of training runs: written by attempts, read along the surviving lineage. */
export class Alarms {
  constructor(private readonly database: Database) {}

  /** Stores changes of an attempt. Call it under the run's row lock. */
  async append(db: Queries, ref: AttemptRef, changes: readonly AlarmChange[]): Promise<void> {
    await insertAlarmChanges(db, ref, changes);
    for (const { to, name, step } of changes)
      if (to === "raised")
        // Without the attempt: an alarm that is raised again by a resumed attempt is no news.
        await insertDeliveries(db, "alarm", `alarm ${ref.runId} ${name} ${step}`, {
          kind: "alarm",
          runId: ref.runId,
          alarm: name,
          step,
        });
  }

  /** Every alarm of a run, the last raised first. */
  async list(runId: string): Promise<AlarmRow[]> {
    return (await this.read([runId])).get(runId) ?? [];
  }

  /** Names of the alarms that are raised and not cleared, by run; a run without alarms is absent. */
  async listActive(runIds: readonly string[]): Promise<Map<string, AlarmName[]>> {
    const alarms = await this.read(runIds);
    return new Map(
      [...alarms].map(([runId, rows]) => [
        runId,
        rows.filter(({ cleared }) => cleared === null).map(({ name }) => name),
      ]),
    );
  }

  private async read(runIds: readonly string[]): Promise<Map<string, AlarmRow[]>> {
    const { db } = this.database;
    const changes = await selectAlarmChanges(db, runIds);
    const ids = [...new Set(changes.map((change) => change.runId))];
    if (ids.length === 0) return new Map();
    const attempts = await db.attempt.findMany({
      where: { runId: { in: ids } },
      select: { runId: true, number: true, fromStep: true },
    });
    const kinds = new Map(
      (await db.run.findMany({ where: { id: { in: ids } }, select: { id: true, kind: true } })).map(
        ({ id, kind }) => [id, kind === "train" ? ("train" as const) : ("other" as const)],
      ),
    );
    const filterByRun = <T extends { runId: string }>(rows: readonly T[], runId: string): T[] =>
      rows.filter((row) => row.runId === runId);
    return new Map(
      ids.map((runId) => [
        runId,
        pairAlarmChanges(
          filterByRun(changes, runId),
          filterByRun(attempts, runId),
          kinds.get(runId) ?? "other",
        ),
      ]),
    );
  }
}

/** Pairs the surviving changes: an alarm lasts from the change that raised it to the one that cleared it, in whichever attempt. */
function pairAlarmChanges(
  changes: readonly StoredAlarmChange[],
  attempts: readonly LineageAttempt[],
  kind: LineageOptions["kind"],
): AlarmRow[] {
  const cuts = computeLineageCuts(attempts, {
    kind,
    ownAxis: false,
    firstSteps: new Map(),
  });
  const alarms: AlarmRow[] = [];
  for (const { attempt, name, step, since, evidence, at } of changes) {
    if (step > (cuts.get(attempt) ?? -1)) continue;
    const standing = alarms.find((alarm) => alarm.name === name && alarm.cleared === null);
    if (since === null || evidence === null) {
      if (standing) standing.cleared = { step, at };
    } else if (!standing)
      alarms.unshift({ name, since, raised: { step, at }, cleared: null, evidence });
  }
  return alarms;
}
