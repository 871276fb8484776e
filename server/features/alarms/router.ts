import { listAlarmsRequestSchema, listAlarmsResponseSchema } from "@/contracts/api/alarms";
import { procedure, router } from "@/server/trpc/trpc";

/** Only alarms of the surviving lineage: not those of a lost attempt after the step from which the run was resumed. */
const listAlarms = procedure
  .input(listAlarmsRequestSchema)
  .output(listAlarmsResponseSchema)
  .query(({ ctx, input }) => ctx.services.alarms.list(input.runId));

export const alarmsRouter = router({ list: listAlarms });
