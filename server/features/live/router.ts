import { type LiveEvent, liveEventsRequestSchema } from "@/contracts/api/live";
import { tracked } from "@trpc/server";
import { procedure, router } from "@/server/trpc/trpc";

export const liveRouter = router({
  /** One subscription carries a page's live data; it resumes after the last event id. */
  events: procedure.input(liveEventsRequestSchema).subscription(async function* ({
    ctx,
    input,
    signal,
  }) {
    const events = ctx.services.liveEvents.subscribe({
      runId: input.runId ?? null,
      after: input.lastEventId ?? input.after ?? null,
      signal,
    });
    for await (const event of events) yield tracked(event.id, event satisfies LiveEvent);
  }),
});
