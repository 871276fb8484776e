import type { AlarmChange, AlarmEvidence, AlarmName } from "@/contracts/records/alarms";
import type { AttemptRef } from "@/contracts/worker-protocol/worker-protocol";
import type { AlarmRow } from "@/contracts/api/alarms";
import type { Database, Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { cutsOf, type LineageAttempt } from "@/server/features/runs/lineage";

interface StoredChange {
  runId: string;
  attempt: number;
  name: AlarmName;
  step: number;
  raised: boolean;
  since: number | null;
  evidence: AlarmEvidence[] | null;
  at: Date;
}

/** Alarms of training runs: written by attempts, read along the surviving lineage. */
export class Alarms {
  constructor(private readonly database: Database) {}

  /** Stores changes of an attempt. Call it under the run's row lock. */
  async append(db: Queries, ref: AttemptRef, changes: readonly AlarmChange[]): Promise<void> {
    const rows = changes.map((change) => ({ ...change, raised: change.to === "raised" }));
    await db.$executeRaw`
      INSERT INTO alarm_changes (run_id, attempt, name, step, raised, since, evidence)
      SELECT ${ref.runId}::uuid, ${ref.attempt}, c.name, c.step, c.raised, c.since, c.evidence
      FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS c(name text, step int, raised boolean, since int, evidence jsonb)`;
  }

  /** Every alarm of a run, the one raised last first. */
  async list(runId: string): Promise<AlarmRow[]> {
    return (await this.read([runId])).get(runId) ?? [];
  }

  /** Names of the alarms that stand, by run; a run without one is absent. */
  async standing(runIds: readonly string[]): Promise<Map<string, AlarmName[]>> {
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
    const changes = await db.$queryRaw<StoredChange[]>`
      SELECT run_id AS "runId", attempt, name, step, raised, since, evidence, at FROM alarm_changes WHERE run_id = ANY(${runIds}::uuid[]) ORDER BY step, attempt`;
    const ids = [...new Set(changes.map((change) => change.runId))];
    if (ids.length === 0) return new Map();
    const attempts = await db.$queryRaw<(LineageAttempt & { runId: string })[]>`
      SELECT run_id AS "runId", number, from_step AS "fromStep" FROM attempts WHERE run_id = ANY(${ids}::uuid[])`;
    const of = <T extends { runId: string }>(rows: readonly T[], runId: string): T[] =>
      rows.filter((row) => row.runId === runId);
    return new Map(ids.map((runId) => [runId, alarmsOf(of(changes, runId), of(attempts, runId))]));
  }
}

/** Pairs what survives: an alarm stands from the change that raised it to the one that cleared it, in whichever attempt. */
function alarmsOf(
  changes: readonly StoredChange[],
  attempts: readonly LineageAttempt[],
): AlarmRow[] {
  const cuts = cutsOf(attempts, { kind: "train", ownAxis: false, firstSteps: new Map() });
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
