import { listAlarmsRequestSchema, listAlarmsResponseSchema } from "@/contracts/api/alarms";
import { procedure, router } from "@/server/trpc/trpc";

export const alarmsRouter = router({
  /** Only alarms of the surviving lineage: not those of a lost attempt after the step from which the run was resumed. */
  list: procedure
    .input(listAlarmsRequestSchema)
    .output(listAlarmsResponseSchema)
    .query(({ ctx, input }) => ctx.services.alarms.list(input.runId)),
});
