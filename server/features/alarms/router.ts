import { listAlarmsRequestSchema, listAlarmsResponseSchema } from "@/contracts/api/alarms";
import { procedure, router } from "@/server/trpc/trpc";

/** The surviving lineage only: what a stale attempt saw after the step that was resumed from is not shown. */
const listAlarms = procedure
  .input(listAlarmsRequestSchema)
  .output(listAlarmsResponseSchema)
  .query(({ ctx, input }) => ctx.services.alarms.list(input.runId));

export const alarmsRouter = router({ list: listAlarms });
