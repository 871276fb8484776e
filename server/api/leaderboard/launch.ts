import { z } from "zod";
import { methodName } from "@/contracts/episode";
import { procedure } from "../trpc";

export const launchMethodsRequest = z.object({
  methods: z.array(methodName).min(1).max(methodName.options.length),
  /** Run whose corpus, generator, retriever and scorer are taken; absent: a preset's. */
  like: z.uuid().nullish(),
  questions: z.string().min(1).max(200),
  limit: z.int().min(1).nullable().default(null),
});
export const launchMethodsResponse = z.object({
  launched: z.array(z.object({ method: methodName, runId: z.uuid() })),
  /** Methods that have their result, or a run on its way to it, already. */
  present: z.array(z.object({ method: methodName, runId: z.uuid() })),
});

/** Queues the predict runs that are missing, with the settings that make them comparable. */
export const launchMethods = procedure
  .input(launchMethodsRequest)
  .output(launchMethodsResponse)
  .mutation(({ ctx, input }) => ctx.services.leaderboard.launch(input, ctx.actor));
