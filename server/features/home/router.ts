import {
  homeActivityRequestSchema,
  homeActivityResponseSchema,
  homeResultsResponseSchema,
} from "@/contracts/api/home";
import { procedure, router } from "@/server/trpc/trpc";

export const homeRouter = router({
  /** What runs, what ended since the last visit, and the workers. */
  activity: procedure
    .input(homeActivityRequestSchema)
    .output(homeActivityResponseSchema)
    .query(({ ctx, input }) => ctx.services.home.readActivity(input.since)),
  /** What is left of the example, the best result on each question set, and which first steps were taken. */
  results: procedure
    .output(homeResultsResponseSchema)
    .query(({ ctx }) => ctx.services.home.readResults()),
});
